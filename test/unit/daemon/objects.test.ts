/** Values of any size: stored, read back byte for byte, checked, replaced and deleted without leaving parts behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { CHUNK_BYTES, inChunks } from '../../../src/daemon/chunks.ts';
import { positionOfKey } from '../../../src/daemon/key.ts';
import { collect, Objects } from '../../../src/daemon/objects.ts';
import { FakeOverlay } from './fake-overlay.ts';

const MIB = 1024 * 1024;
const KEY = positionOfKey('value');

function patterned(bytes: number): Uint8Array {
  const value = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) value[i] = (i * 31 + (i >> 8)) & 0xff;
  return value;
}

async function* inPieces(value: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < value.length; at += size) yield value.subarray(at, at + size);
}

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof GroveError, String(error));
  return error.code;
}

test('a value up to a mebibyte is one object, one byte more is chunks and a manifest', async () => {
  const overlay = new FakeOverlay();
  const objects = new Objects(overlay.operations);
  await objects.put(KEY, patterned(MIB));
  assert.equal(overlay.objects.size, 1);
  await objects.put(KEY, patterned(MIB + 1));
  assert.equal(overlay.objects.size, 1 + Math.ceil((MIB + 1) / CHUNK_BYTES));
});

test('what comes back is what went in, as bytes and as a stream, whatever the size', async () => {
  for (const bytes of [0, 1, MIB, MIB + 1, 5 * MIB + 17]) {
    for (const stream of [false, true]) {
      const objects = new Objects(new FakeOverlay().operations);
      const value = patterned(bytes);
      const { sizeBytes } = await objects.put(KEY, stream ? inPieces(value, 60_000) : value);
      assert.equal(sizeBytes, bytes);
      const read = await objects.get(KEY);
      assert.equal(read.sizeBytes, bytes);
      assert.ok(Buffer.compare(await collect(read), value) === 0, `${bytes} bytes`);
      assert.deepEqual(read.fields, [], 'chunks are not seen as references');
    }
  }
});

test('a small value that looks like a manifest is still only a value', async () => {
  const overlay = new FakeOverlay();
  const objects = new Objects(overlay.operations);
  await objects.put(KEY, patterned(2 * MIB));
  const manifest = overlay.objects.get(KEY.hex)?.value ?? assert.fail();
  const other = positionOfKey('imitation');
  await objects.put(other, manifest);
  assert.deepEqual(await collect(await objects.get(other)), manifest);
});

test('only a few chunks are under way at one time', async () => {
  const overlay = new FakeOverlay();
  await new Objects(overlay.operations).put(KEY, inPieces(patterned(8 * MIB), 100_000));
  assert.ok(overlay.putsAtOnceMax <= 3, `${overlay.putsAtOnceMax}`);
});

test('writing over or deleting a large value deletes its chunks', async () => {
  const overlay = new FakeOverlay();
  const objects = new Objects(overlay.operations);
  await objects.put(KEY, patterned(3 * MIB));
  await objects.put(KEY, patterned(2 * MIB));
  assert.equal(overlay.objects.size, 1 + 8);
  await objects.put(KEY, patterned(10));
  assert.equal(overlay.objects.size, 1);
  await objects.put(KEY, patterned(2 * MIB));
  await objects.remove(KEY);
  assert.equal(overlay.objects.size, 0);
});

test('an upload that fails in the middle, or at its manifest, leaves nothing behind', async () => {
  for (const failing of [5, 9]) {
    const overlay = new FakeOverlay();
    overlay.onPut = (count) => (count === failing ? { ok: false, code: 'quota', reason: 'the owner is full' } : undefined);
    assert.equal(await code(new Objects(overlay.operations).put(KEY, patterned(2 * MIB))), 'quota');
    assert.equal(overlay.objects.size, 0, `failing at ${failing}`);
  }
});

test('an upload whose source breaks off, or whose caller gives up, leaves nothing behind', async () => {
  const overlay = new FakeOverlay();
  const objects = new Objects(overlay.operations);
  const broken = (async function* () {
    yield patterned(2 * MIB);
    throw new Error('the client is gone');
  })();
  await assert.rejects(objects.put(KEY, broken), /the client is gone/);
  assert.equal(overlay.objects.size, 0);
  const giveUp = new AbortController();
  overlay.onPut = (count) => {
    if (count > 3) giveUp.abort();
    return undefined;
  };
  await assert.rejects(objects.put(KEY, patterned(4 * MIB), { signal: giveUp.signal }), { name: 'AbortError' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!overlay.objects.has(KEY.hex));
});

test('a chunk that was changed or lost is noticed before a byte of it is handed on', async () => {
  for (const harm of ['change', 'lose'] as const) {
    const overlay = new FakeOverlay();
    const objects = new Objects(overlay.operations);
    const value = patterned(2 * MIB);
    await objects.put(KEY, value);
    const victim = overlay.objects.get(KEY.hex)?.fields[3]?.reference.key.hex ?? assert.fail();
    const chunk = overlay.objects.get(victim) ?? assert.fail();
    if (harm === 'lose') overlay.objects.delete(victim);
    else chunk.value[7] = (chunk.value[7] ?? 0) ^ 1;
    const got: Uint8Array[] = [];
    const reading = (async () => {
      for await (const part of (await objects.get(KEY)).value) got.push(part);
    })();
    assert.equal(await code(reading), 'not-found');
    assert.ok(Buffer.compare(Buffer.concat(got), value.subarray(0, 3 * CHUNK_BYTES)) === 0);
  }
});

test('a manifest of rubbish is an error, not a crash', async () => {
  const overlay = new FakeOverlay();
  const objects = new Objects(overlay.operations);
  await objects.put(KEY, patterned(2 * MIB));
  const stored = overlay.objects.get(KEY.hex) ?? assert.fail();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      overlay.objects.set(KEY.hex, { ...stored, value: new Uint8Array(Buffer.concat([stored.value.subarray(0, 8), bytes])) });
      const result = await objects.get(KEY).then((read) => read.sizeBytes, (error: unknown) => error);
      assert.ok(result === 0 || (result instanceof GroveError && result.code === 'not-found'), String(result));
    }),
  );
});

test('cutting into chunks keeps every byte in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), fc.integer({ min: 1, max: 40 }), async (parts, size) => {
      const chunks: Uint8Array[] = [];
      const source = (async function* () {
        yield* parts;
      })();
      for await (const chunk of inChunks(source, size)) chunks.push(chunk);
      assert.deepEqual(Buffer.concat(chunks), Buffer.concat(parts));
      assert.ok(chunks.slice(0, -1).every((chunk) => chunk.length === size));
    }),
  );
});
