/** Framing: whatever way the bytes are cut, the same frames come out, and rubbish ends in a WireError or in nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../../../src/core/errors.ts';
import { bare, encodeFrame, FRAME_BYTES_MAX, FrameParser, frameOf } from '../../../src/host/frames.ts';

interface Frame {
  readonly kind: number;
  readonly payload: readonly number[];
}

function parseAll(parser: FrameParser, chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  for (const chunk of chunks) parser.push(chunk, (kind, payload) => frames.push({ kind, payload: [...payload] }));
  return frames;
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(from, from + size));
    from += size;
  }
  chunks.push(bytes.subarray(from));
  return chunks;
}

test('frames survive any cutting of the stream', () => {
  const frame = fc.record({ kind: fc.nat(255), payload: fc.uint8Array({ maxLength: 400 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(50)), (frames, sizes) => {
      const bytes = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
      const parser = new FrameParser();
      assert.deepEqual(
        parseAll(parser, cut(bytes, sizes)),
        frames.map(({ kind, payload }) => ({ kind, payload: [...payload] })),
      );
      assert.equal(parser.bufferedBytes, 0);
    }),
  );
});

test('lengths of one to four bytes', () => {
  for (const length of [0, 1, 126, 127, 128, 16_382, 16_383, 16_384, 1_000_000, FRAME_BYTES_MAX - 1]) {
    const payload = new Uint8Array(length).fill(3);
    const [frame] = parseAll(new FrameParser(), [encodeFrame(9, payload)]);
    assert.equal(frame?.kind, 9);
    assert.equal(frame?.payload.length, length);
  }
});

test('a large payload goes out as it is, in one frame with what stands before it', () => {
  const [small, large] = [Uint8Array.of(1, 2), new Uint8Array(5_000).fill(3)];
  const pieces = [...(frameOf(7, [small, large]) as Iterable<Uint8Array>)];
  assert.equal(pieces.at(-1), large);
  assert.deepEqual(parseAll(new FrameParser(), pieces.map((piece) => piece.slice())), [{ kind: 7, payload: [...small, ...large] }]);
  assert.ok(frameOf(7, [small]) instanceof Uint8Array);
});

test('memory of what was joined is given back, unless it is in use elsewhere', () => {
  const large = new Uint8Array(9_000).fill(5);
  const bytes = encodeFrame(1, large);
  const isGone = (chunks: readonly Uint8Array[]): boolean[] => {
    const parser = new FrameParser();
    const payloads: Uint8Array[] = [];
    for (const chunk of chunks) parser.push(chunk, (_kind, payload) => payloads.push(payload));
    assert.ok(payloads.every((payload) => payload.length > 0) && payloads.at(-1)?.every((byte) => byte === 5));
    return chunks.map((chunk) => chunk.length === 0);
  };
  const behindHeader = new Uint8Array(12 + 5_000).subarray(12);
  behindHeader.set(bytes.subarray(0, 5_000));
  assert.deepEqual(isGone([behindHeader, bytes.slice(5_000)]), [true, false], 'the header of the multiplexer is of no use any more; small pieces stay');
  assert.deepEqual(isGone([bytes.slice(0, 4_500), bytes.slice(4_500)]), [true, true]);
  const notAlone = new Uint8Array(5_020).subarray(0, 5_000);
  notAlone.set(bytes.subarray(0, 5_000));
  assert.deepEqual(isGone([notAlone, bytes.slice(5_000)]), [false, false]);
  const first = encodeFrame(2, Uint8Array.of(9));
  assert.deepEqual(isGone([new Uint8Array([...first, ...bytes.subarray(0, 5_000)]), bytes.slice(5_000)]), [false, false], 'the frame before is a view of it');
});

test('rubbish gives frames or a WireError, never anything else, and buffers no more than a frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (chunks) => {
      const parser = new FrameParser(200);
      try {
        for (const chunk of chunks) {
          parser.push(chunk, (kind, payload) => {
            assert.ok(kind >= 0 && kind <= 255);
            assert.ok(payload.length < 200);
          });
          assert.ok(parser.bufferedBytes <= 204);
        }
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('an announced length over the maximum is refused before its bytes arrive', () => {
  const parser = new FrameParser(100);
  assert.throws(() => parser.push(Uint8Array.of(101), () => undefined), WireError);
});

test('an empty frame, a padded length and an endless length are refused', () => {
  for (const bytes of [[0], [0x81, 0x00], [0xff, 0xff, 0xff, 0xff, 0x01]]) {
    assert.throws(() => new FrameParser().push(Uint8Array.from(bytes), () => undefined), WireError);
  }
});

test('a bare view shares the bytes of a Buffer, and its slice copies', () => {
  const buffer = Buffer.from([1, 2, 3]);
  const view = bare(buffer.subarray(1));
  assert.equal(view.constructor, Uint8Array);
  const copy = view.slice();
  buffer[1] = 9;
  assert.deepEqual([...view], [9, 3]);
  assert.deepEqual([...copy], [2, 3]);
});
