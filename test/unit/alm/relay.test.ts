/**
 * One peer's part in a stream: who is served, what happens to a child that takes nothing, and how gaps are filled from ancestors.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chunk } from '../../../src/protocol/alm/stream/frames.ts';
import { BYE, encodeFrame, FROM } from '../../../src/protocol/alm/stream/frames.ts';
import { Relay } from '../../../src/protocol/alm/stream/relay.ts';
import { contactNamed, Wires } from './wires.ts';

const CHUNK_BYTES = 1_000;

/** Relays of one session, a clock, and what happened. */
class Session {
  readonly wires = new Wires();
  readonly happened: string[] = [];
  now = 0;
  #offered = 0;

  relay(peerId: string, { windowChunks = 100, from = FROM.start as number, isSource = false, rateBps = 80_000 } = {}): Relay {
    return this.wires.add(peerId, new Relay({
      session: 's', streams: this.wires.streamsOf(peerId), now: () => this.now, rateBps, windowBytes: windowChunks * CHUNK_BYTES, from, isSource,
      events: {
        onStarted: () => undefined, onRoom: () => void this.happened.push(`${peerId} has room`),
        onParentLost: (parent, why) => void this.happened.push(`${peerId} lost ${parent.peerId}: ${why}`),
        onChildSlow: (child) => void this.happened.push(`${child} is slow for ${peerId}`),
        onChildLost: (child) => void this.happened.push(`${child} broke off from ${peerId}`),
        onBroken: (reason) => void this.happened.push(`${peerId} broke: ${reason}`),
      },
    }));
  }

  place(relay: Relay, parent: string | undefined, ancestors: readonly string[], children: readonly string[]): void {
    relay.settle({ parent: parent === undefined ? undefined : contactNamed(parent), ancestors: ancestors.map(contactNamed), children: children.map((peerId) => ({ peerId, below: 0 })) });
    this.wires.run();
  }

  /** Somebody asks a peer for its stream from there on. */
  ask(from: string, to: string, seq: number): (bytes: Uint8Array) => void {
    const streams = this.wires.streamsOf(from);
    const stream = streams.open(contactNamed(to), 1);
    const say = (bytes: Uint8Array): void => {
      streams.write(stream, bytes);
      this.wires.run();
    };
    say(encodeFrame({ kind: 'subscribe', session: 's', from: seq, upTo: 0, pingAt: 0 }));
    return say;
  }

  /** How many of so many chunks were taken. */
  offer(source: Relay, count: number): number {
    for (let i = 0; i < count; i++) if (!source.offer({ bytes: new Uint8Array(CHUNK_BYTES).fill(this.#offered++), isKey: false, hasMore: false }, false)) return i;
    this.wires.run();
    return count;
  }

  pass(ms: number, relays: readonly Relay[]): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 500;
      for (const relay of relays) relay.onTick();
      this.wires.run();
    }
  }
}

function reading(relay: Relay, from: number = FROM.start): { readonly seqs: number[]; end: string | undefined } {
  const read: { readonly seqs: number[]; end: string | undefined } = { seqs: [], end: undefined };
  const onChunk = ({ seq, bytes }: Chunk): boolean => {
    assert.equal(bytes[0], seq % 256);
    return read.seqs.push(seq) > 0;
  };
  relay.read({ onChunk, onEnd: (reason) => void (read.end = reason) }, from);
  return read;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('INV-CAST-3: who was not named as a child waits; who fills a gap is served whoever it is, and gets that part only', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true });
  const [child, stranger] = [session.relay('child'), session.relay('stranger')];
  session.place(root, undefined, [], ['child']);
  session.offer(root, 10);
  session.place(child, 'root', [], []);
  session.place(stranger, 'root', [], []);
  assert.deepEqual([child.head, stranger.head, root.children], [10, undefined, ['child']]);
  const streams = session.wires.streamsOf('somebody');
  const gap = streams.open(contactNamed('root'), 1);
  streams.write(gap, encodeFrame({ kind: 'subscribe', session: 's', from: 2, upTo: 5, pingAt: 0 }));
  session.wires.run();
  assert.deepEqual(session.wires.asked, ['child asks root from -3: served', 'stranger asks root from -3: waits', 'somebody asks root from 2 to 5: served']);
  assert.deepEqual([root.children, root.tally.sentBytes], [['child'], 13 * CHUNK_BYTES]);
  // A child that the root names no more is served no more.
  session.place(root, undefined, [], []);
  session.offer(root, 5);
  assert.deepEqual([child.head, session.happened], [10, ['child lost root: it was not told about this peer']]);
});

test('a gap is filled from the nearest ancestor that has it, before anything of the new parent is read: nothing is lost, repeated or reordered', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true });
  const [old, parent, child] = [session.relay('old'), session.relay('parent', { windowChunks: 10 }), session.relay('child')];
  session.place(root, undefined, [], ['old', 'parent']);
  session.place(old, 'root', [], ['child']);
  session.place(parent, 'root', [], ['child']);
  session.place(child, 'old', ['root'], []);
  const read = reading(child);
  session.offer(root, 20);
  session.wires.kill('old');
  session.wires.run();
  session.offer(root, 40);
  assert.deepEqual([child.head, parent.oldest, root.oldest], [20, 50, 0]);
  session.place(child, 'parent', ['gone', 'root'], []);
  session.offer(root, 5);
  assert.deepEqual(read.seqs, upTo(65));
  assert.deepEqual(session.wires.asked.slice(-2), ['child asks parent from 20: served', 'child asks root from 20 to 50: served']);
  assert.equal(child.tally.reparented, 1);
  assert.deepEqual([child.tally.refilled, child.tally.repeated], [30, 0]);
});

test('when no ancestor has what is missing, the peer breaks off and its readers are told', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true, windowChunks: 10 });
  const child = session.relay('child');
  session.place(root, undefined, [], ['child']);
  session.place(child, 'root', [], []);
  const read = reading(child);
  session.offer(root, 20);
  session.place(root, undefined, [], []);
  session.now += 10_000;
  assert.equal(session.offer(root, 40), 40);
  session.place(root, undefined, [], ['child']);
  session.place(child, 'root', [], []);
  assert.deepEqual(read.seqs, upTo(20));
  assert.match(read.end ?? '', /nobody above it has what it missed/);
  assert.equal(child.tally.broken, 1);
});

test('a child that takes nothing holds its siblings up until the window is full for two seconds, is let go, and they have lost nothing', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true, windowChunks: 40 });
  const [stuck, sibling] = [session.relay('stuck'), session.relay('sibling')];
  session.place(root, undefined, [], ['stuck', 'sibling']);
  session.place(stuck, 'root', [], []);
  session.place(sibling, 'root', [], []);
  session.wires.stick('root', 'stuck');
  assert.equal(session.offer(root, 100), 21);
  session.pass(4_000, [root, stuck, sibling]);
  assert.deepEqual(session.happened.slice(0, 2), ['stuck is slow for root', 'root has room']);
  assert.equal(root.tally.letGo, 1);
  assert.equal(session.offer(root, 30), 30);
  assert.equal(sibling.head, 51);
});

test('a child that fills a gap reads nothing of its parent: nobody waits for it, nobody calls it slow, and it is passed by; once it has said that it reads on it counts like any other', () => {
  for (const rateBps of [0, 80_000]) {
    const session = new Session();
    const parent = session.relay('parent', { isSource: true, windowChunks: 40, rateBps });
    session.place(parent, undefined, [], []);
    session.offer(parent, 100);
    session.place(parent, undefined, [], ['child']);
    session.ask('child', 'parent', 0);
    session.wires.stick('parent', 'child');
    session.now += 5_000;
    assert.equal(session.offer(parent, 100), 100);
    session.pass(19_000, [parent]);
    assert.deepEqual([session.happened, parent.children], [[], []]);
    const say = session.ask('child', 'parent', 150);
    session.wires.stick('parent', 'child');
    say(encodeFrame({ kind: 'ready' }));
    session.now += 5_000;
    assert.ok(session.offer(parent, 100) < 100);
  }
});

test('whoever names the chunk that it needs gets that one next, although its parent begins later; what nobody has any more is said', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true, windowChunks: 100 });
  const [parent, back, late] = [session.relay('parent', { windowChunks: 10 }), session.relay('back', { from: 5 }), session.relay('late', { from: 5 })];
  session.place(root, undefined, [], ['parent']);
  session.place(parent, 'root', [], ['back']);
  session.offer(root, 60);
  assert.ok((parent.oldest ?? 0) > 5);
  session.place(back, 'parent', ['root'], []);
  const read = reading(back, 5);
  session.offer(root, 40);
  assert.deepEqual(read.seqs, upTo(100).slice(5));
  session.pass(5_000, [root, parent, back]);
  session.offer(root, 100);
  session.place(parent, 'root', [], ['late']);
  const lost = reading(late, 5);
  session.place(late, 'parent', ['root'], []);
  assert.deepEqual([lost.seqs, lost.end], [[], 'it fell too far behind: nobody above it has what it missed']);
  const before = reading(back, 5);
  assert.deepEqual([before.seqs, before.end], [[], 'what comes next for it is not kept here any more']);
});

test('a parent that falls silent, and one that never begins, are lost; the peer asks for another and goes on from where it was', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true });
  const child = session.relay('child');
  session.place(root, undefined, [], ['child']);
  session.place(child, 'root', [], []);
  session.offer(root, 10);
  session.wires.mute('root');
  session.pass(6_000, [child]);
  assert.deepEqual(session.happened, ['child lost root: it fell silent']);
  session.wires.add('root', root);
  session.place(child, 'root', [], []);
  session.offer(root, 5);
  assert.equal(child.head, 15);
  const other = session.relay('other');
  session.place(other, 'root', [], []);
  session.pass(4_500, [other, root]);
  assert.equal(session.happened.at(-1), 'other lost root: it did not begin to send');
});

test('what is no stream ends the edge, and only the edge', () => {
  const session = new Session();
  const root = session.relay('root', { isSource: true });
  const child = session.relay('child');
  session.place(root, undefined, [], ['child']);
  session.place(child, 'root', [], []);
  session.offer(root, 3);
  const liar = session.relay('liar');
  session.place(child, 'liar', [], []);
  const streams = session.wires.streamsOf('liar');
  assert.equal(liar.head, undefined);
  // It was asked by the second stream of the child; whatever it says there, the child stays with its parent until it begins.
  streams.write(6, encodeFrame({ kind: 'bye', code: BYE.full }));
  session.wires.run();
  session.offer(root, 3);
  assert.deepEqual([child.head, session.happened], [6, []]);
});
