/** Data streams between real hosts: order, back-pressure both ways, ends, resets and limits. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { StreamId } from '../../../src/core/env.ts';
import type { ToyHost, ToyOptions } from './toy.ts';
import { bytesOf, startToy, text } from './toy.ts';

const started: ToyHost[] = [];
after(async () => Promise.all(started.map(async ({ host }) => host.stop())));

async function pair(options: ToyOptions = {}): Promise<[ToyHost, ToyHost]> {
  const toys: [ToyHost, ToyHost] = [await startToy(options), await startToy(options)];
  started.push(...toys);
  return toys;
}

function open(from: ToyHost, to: ToyHost, purpose = 1): StreamId {
  let stream: StreamId = -1;
  from.host.input(() => {
    stream = from.host.env.streams.open(to.host.contact, purpose);
  });
  return stream;
}

function received(toy: ToyHost, stream?: StreamId): Uint8Array {
  const pieces = toy.protocol.all('data').filter((input) => stream === undefined || input.stream === stream);
  return new Uint8Array(Buffer.concat(pieces.map((input) => input.bytes)));
}

async function untilClosed(toy: ToyHost, how: 'ended' | 'reset'): Promise<void> {
  await toy.protocol.until(() => toy.protocol.all('closed').length > 0, 'the stream to close');
  assert.deepEqual(toy.protocol.all('closed').map((input) => input.how), [how]);
}

test('what is written before the stream is open arrives first, whole and in order, and both ends hear "ended"', async () => {
  const [a, b] = await pair();
  const stream = open(a, b, 7);
  a.host.input(() => {
    for (let i = 0; i < 1_000; i++) a.host.env.streams.write(stream, bytesOf(`${i};`));
    a.host.env.streams.end(stream);
  });
  await untilClosed(b, 'ended');
  assert.equal(text(received(b)), Array.from({ length: 1_000 }, (_, i) => `${i};`).join(''));
  const [opened] = b.protocol.all('opened');
  assert.equal(opened?.purpose, 7);
  assert.equal(opened?.from.peerId, a.host.peerId);
  await untilClosed(a, 'ended');
});

test('a stream that is opened and ended at once is heard of', async () => {
  const [a, b] = await pair();
  const stream = open(a, b, 3);
  a.host.input(() => a.host.env.streams.end(stream));
  await untilClosed(b, 'ended');
  assert.equal(b.protocol.all('opened')[0]?.purpose, 3);
  await untilClosed(a, 'ended');
});

test('answers go the other way on the same stream, and the last words of the other end arrive', async () => {
  const [a, b] = await pair();
  let asked = '';
  b.protocol.react = (input) => {
    if (input.kind !== 'data') return;
    asked += text(input.bytes);
    if (asked !== 'question') return;
    b.host.env.streams.write(input.stream, bytesOf(`re: ${asked}`));
    b.host.env.streams.end(input.stream);
  };
  const stream = open(a, b);
  a.host.input(() => a.host.env.streams.write(stream, bytesOf('question')));
  await untilClosed(a, 'ended');
  assert.equal(text(received(a)), 're: question');
  await untilClosed(b, 'ended');
});

test('pieces given to the protocol are bounded', async () => {
  const [a, b] = await pair();
  const stream = open(a, b);
  a.host.input(() => {
    a.host.env.streams.write(stream, new Uint8Array(1_000_000).fill(5));
    a.host.env.streams.end(stream);
  });
  await untilClosed(b, 'ended');
  assert.equal(received(b).length, 1_000_000);
  assert.ok(b.protocol.all('data').every((input) => input.bytes.length <= 64 * 1024));
});

test('a reader that pauses stops the writer, and resuming lets everything through', async () => {
  const [a, b] = await pair();
  b.protocol.react = (input) => {
    if (input.kind === 'opened') b.host.env.streams.pause(input.stream);
  };
  const chunk = new Uint8Array(64 * 1024).map((_, i) => i);
  // 16 MiB: more than any window and buffer on the way. Not whole buffers, so that the last bytes and the end come in one input.
  const total = 254;
  let written = 0;
  let refusals = 0;
  const stream = open(a, b);
  const pump = (): void => {
    while (written < total) {
      written++;
      if (a.host.env.streams.write(stream, chunk)) continue;
      refusals++;
      return;
    }
    a.host.env.streams.end(stream);
  };
  a.protocol.react = (input) => {
    if (input.kind === 'writable') pump();
  };
  a.host.input(pump);
  await b.protocol.until(() => b.protocol.all('opened').length === 1, 'the stream');
  // Other traffic still passes while the stream stands, and proves that the writer had time to run into the pause.
  for (let i = 0; i < 20; i++) {
    a.host.input(() => a.host.env.send(b.host.contact, bytesOf(`${i}`)));
    await b.protocol.until(() => b.protocol.all('message').length > i, 'a message past the paused stream');
  }
  assert.equal(received(b).length, 0);
  assert.ok(written < total, `the writer was stopped after ${written} chunks`);
  const [opened] = b.protocol.all('opened');
  b.host.input(() => b.host.env.streams.resume(opened?.stream ?? -1));
  await untilClosed(b, 'ended');
  const got = received(b);
  assert.equal(got.length, total * chunk.length);
  for (let i = 0; i < got.length; i += 4_099) if (got[i] !== (i & 255)) assert.fail(`byte ${i} is wrong`);
  assert.ok(refusals > 0);
  await untilClosed(a, 'ended');
});

test('a reader that takes a piece at a time, pausing between, never lets in more than a window and a buffer ahead of it', async () => {
  const [a, b] = await pair();
  b.protocol.react = (input) => {
    if (input.kind === 'data') b.host.env.streams.pause(input.stream);
  };
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  const stream = open(a, b);
  const pump = (): void => {
    while (written < 400) {
      written++;
      if (!a.host.env.streams.write(stream, chunk)) return;
    }
  };
  a.protocol.react = (input) => {
    if (input.kind === 'writable') pump();
  };
  a.host.input(pump);
  for (let taken = 1; taken <= 30; taken++) {
    await b.protocol.until(() => b.protocol.all('data').length >= taken, 'the next piece');
    // Time for whatever would come in by mistake.
    a.host.input(() => a.host.env.send(b.host.contact, bytesOf(`${taken}`)));
    await b.protocol.until(() => b.protocol.all('message').length >= taken, 'a message past the stream');
    b.host.input(() => b.host.env.streams.resume(b.protocol.all('opened')[0]?.stream ?? -1));
  }
  const aheadMiB = (written * chunk.length - received(b).length) / 2 ** 20;
  assert.ok(aheadMiB < 4, `${aheadMiB} MiB are on the way`);
});

test('an end behind a pause is heard after the bytes', async () => {
  const [a, b] = await pair();
  b.protocol.react = (input) => {
    if (input.kind === 'opened') b.host.env.streams.pause(input.stream);
  };
  const stream = open(a, b);
  a.host.input(() => {
    a.host.env.streams.write(stream, bytesOf('late'));
    a.host.env.streams.end(stream);
    a.host.env.send(b.host.contact, bytesOf('after'));
  });
  await b.protocol.until(() => b.protocol.all('message').length === 1 && b.protocol.all('opened').length === 1, 'both');
  assert.equal(b.protocol.all('closed').length, 0);
  b.host.input(() => b.host.env.streams.resume(b.protocol.all('opened')[0]?.stream ?? -1));
  await untilClosed(b, 'ended');
  assert.equal(text(received(b)), 'late');
});

test('reset is heard at the other end and not at one\'s own', async () => {
  const [a, b] = await pair();
  const stream = open(a, b);
  a.host.input(() => a.host.env.streams.write(stream, bytesOf('x')));
  await b.protocol.until(() => b.protocol.all('data').length === 1, 'the byte');
  a.host.input(() => a.host.env.streams.reset(stream));
  await untilClosed(b, 'reset');
  assert.equal(a.protocol.all('closed').length, 0);
  a.host.input(() => {
    assert.equal(a.host.env.streams.write(stream, bytesOf('y')), false);
    a.host.env.streams.end(stream);
    a.host.env.streams.resume(stream);
  });
});

test('a stream reset before it opened never opens', async () => {
  const [a, b] = await pair();
  const stream = open(a, b, 1);
  a.host.input(() => a.host.env.streams.reset(stream));
  const second = open(a, b, 2);
  a.host.input(() => a.host.env.streams.end(second));
  await untilClosed(b, 'ended');
  assert.deepEqual(b.protocol.all('opened').map((input) => input.purpose), [2]);
});

test('a peer that goes away resets its streams', async () => {
  const [a, b] = await pair();
  const stream = open(a, b);
  a.host.input(() => a.host.env.streams.write(stream, bytesOf('x')));
  await b.protocol.until(() => b.protocol.all('data').length === 1, 'the byte');
  await b.host.stop();
  await untilClosed(a, 'reset');
});

test('a stream to a peer that cannot be reached closes with reset, never during open', async () => {
  const [a, b] = await pair();
  const contact = { ...b.host.contact, addresses: [] };
  let opening = false;
  a.protocol.react = (input) => assert.ok(input.kind !== 'closed' || !opening);
  a.host.input(() => {
    opening = true;
    a.host.env.streams.open(contact, 1);
    opening = false;
  });
  await untilClosed(a, 'reset');
});

test('streams per peer are limited on both sides', async () => {
  const [a, b] = await pair({ limits: { streamsPerPeerMax: 4 } });
  const streams = Array.from({ length: 6 }, () => open(a, b));
  await a.protocol.until(() => a.protocol.all('closed').length === 2, 'two refusals');
  assert.deepEqual(a.protocol.all('closed').map((input) => input.stream), streams.slice(4));
  await b.protocol.until(() => b.protocol.all('opened').length === 4, 'the others');
});
