/**
 * One stream to many: real peers in one process, beside @libp2p/gossipsub in the same run.
 *
 * Asked for, at 32 and 64 peers: at 1 KB twice a second and 64 KB every two seconds at most 1/8 of gossipsub's CPU time a delivery and 1/5 of its p99 latency. Alone
 * everything delivered at 1 KB x 100/s and 64 KB x 20/s to 32 peers, 64 KB x 10/s to 64; socket bytes at most 1.10 x payload a delivery at 1 KB, 1.01 at 64 KB. Below a
 * killed interior peer the stream goes on within 2 s, every byte once. A child throttled to a tenth of the rate costs its siblings less than 5 % of their throughput.
 * CPU time is the process's, less what the same peers use without a stream, measured before and after; bytes are counted at the sockets, everything included.
 * `ratio`, `alone`, `kill` and `throttle` run one part; `peers=` one size, `seconds=` how long each load lasts, `settle=` how long peers are left alone before.
 */
import { randomBytes } from 'node:crypto';
import { must } from '../src/core/assert.ts';
import { positionFromLead } from '../src/core/position.ts';
import { Testnet } from '../src/daemon/testnet.ts';
import type { OwnSession } from '../src/protocol/alm/session/own-session.ts';
import type { Reader } from '../src/protocol/alm/stream/reader.ts';
import { CHUNK_BYTES_MAX } from '../src/protocol/alm/stream/bounds.ts';
import { FROM } from '../src/protocol/alm/stream/frames.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { startGossipsub } from './gossipsub.ts';
import { argument, cpuSeconds, describeMachine, pause, print, quantile } from './report.ts';
import { bytesSent } from './sockets.ts';
import { Throttle } from './throttle.ts';

interface Load {
  readonly name: string;
  readonly bytes: number;
  readonly everyMs: number;
}

const SIZES = process.argv.some((word) => word.startsWith('peers=')) ? [argument('peers', 32)] : [32, 64];
const SECONDS = argument('seconds', 24);
/** Until a ring of newcomers has filled its tables and measured its links; as long for gossipsub. */
const SETTLE_SECONDS = argument('settle', 60);
const ROOT_DEGREE = 4;
const MEMBER_DEGREE = 5;
const SMALL: Load = { name: '1 KB x 2/s', bytes: 1_024, everyMs: 500 };
const LARGE: Load = { name: '64 KB x 0.5/s', bytes: 65_536, everyMs: 2_000 };
const SMALL_OFTEN: Load = { name: '1 KB x 100/s', bytes: 1_024, everyMs: 10 };
const LARGE_20: Load = { name: '64 KB x 20/s', bytes: 65_536, everyMs: 50 };
const LARGE_10: Load = { name: '64 KB x 10/s', bytes: 65_536, everyMs: 100 };
const IDLE_MS = 5_000;
/** Until the tree of a new session has come to rest. */
const PLAN_MS = 10_000;
/** After the last message of a load everything has this long to arrive. */
const TAIL_MS = 2_000;
const BITS = 8;
/** Longer than all buffers below the throttled child last. */
const THROTTLE_SECONDS = 16;

/** Whoever sends bodies to many, and says when one has come anywhere. */
interface Spreader {
  publish(body: Uint8Array): void;
  /** Hears at least of its beginning once all has come. */
  onDelivery: (body: Uint8Array, peer: number) => void;
  stop(): Promise<void>;
}

const parts = process.argv.slice(2).filter((word) => ['ratio', 'alone', 'kill', 'throttle'].includes(word));
const isAsked = (part: string): boolean => parts.length === 0 || parts.includes(part);

// --- peers ---

/** Sessions one after the other on the same peers; the ring is built once. */
class Pool {
  readonly #net: Testnet;
  readonly #throttles: Map<number, Throttle>;
  readonly peers: number;
  #sessions = 0;

  private constructor(net: Testnet, throttles: Map<number, Throttle>, peers: number) {
    this.#net = net;
    this.#throttles = throttles;
    this.peers = peers;
  }

  static async start(peers: number): Promise<Pool> {
    const throttles = new Map<number, Throttle>();
    const net = await Testnet.create({
      protocol: protocolOptions(),
      streamsOf: (peer, streams) => {
        const throttle = new Throttle(streams);
        throttles.set(peer, throttle);
        return throttle;
      },
    });
    for (let i = 0; i < peers; i++) {
      const index = await net.spawn();
      while (net.node(index).standing !== 'active') await pause(10);
    }
    return new Pool(net, throttles, peers);
  }

  get net(): Testnet {
    return this.#net;
  }

  throttle(peer: number): Throttle {
    return must(this.#throttles.get(peer), 'a peer of the pool');
  }

  peerOf(peerId: string): number {
    return this.#net.alive().find((peer) => this.#net.node(peer).local.contact.peerId === peerId) ?? -1;
  }

  /** A session from the first peer to all others, each of them read at. */
  async session(rateBps = 0): Promise<Cast> {
    const name = `bench ${++this.#sessions}`;
    const cast = new Cast(this, { key: positionFromLead(987_654_321 + this.#sessions), name });
    await cast.open(rateBps);
    return cast;
  }

  stop(): Promise<void> {
    return this.#net.stop();
  }
}

/** One session, as something that sends bodies to all others of a pool. */
class Cast implements Spreader {
  onDelivery: (body: Uint8Array, peer: number) => void = () => undefined;
  readonly #pool: Pool;
  readonly #terms: { readonly key: ReturnType<typeof positionFromLead>; readonly name: string };
  #own: OwnSession | undefined;
  /** Bodies, cut like any longer message. */
  #waiting: { readonly bytes: Uint8Array; readonly hasMore: boolean }[] = [];
  /** By peer: why its reading ended, if it did. */
  readonly ends = new Map<number, string>();

  constructor(pool: Pool, terms: { readonly key: ReturnType<typeof positionFromLead>; readonly name: string }) {
    this.#pool = pool;
    this.#terms = terms;
  }

  get own(): OwnSession {
    return must(this.#own, 'an open session');
  }

  async open(rateBps: number): Promise<void> {
    const { net } = this.#pool;
    const events = { onRoom: () => this.#send(), onNews: () => undefined, onOver: () => undefined };
    const bandwidth = { upBps: 0, downBps: 0 };
    await new Promise<void>((resolve, reject) => {
      net.input(0, (node) => node.casts.open({ ...this.#terms, ...bandwidth, priority: 1, rateBps, objective: 'height', contentType: '', degree: ROOT_DEGREE }, events, (outcome) => {
        if (!outcome.ok) return reject(new Error(outcome.reason));
        this.#own = outcome.value;
        resolve();
      }));
    });
    const others = net.alive().filter((peer) => peer !== 0);
    for (const peer of others) {
      net.input(peer, (node) => node.casts.join({ ...this.#terms, ...bandwidth, degree: MEMBER_DEGREE, from: FROM.now }, (outcome) => {
        if (!outcome.ok) throw new Error(outcome.reason);
        this.#read(peer, outcome.value);
      }));
    }
    for (let waited = 0; this.own.manager.startedCount < others.length; waited += 50) {
      if (waited > 60_000) throw new Error(`only ${this.own.manager.startedCount} of ${others.length} members are served after a minute`);
      await pause(50);
    }
  }

  get depth(): number {
    return Math.max(...this.own.manager.view().tree.map(({ depth }) => depth));
  }

  publish(body: Uint8Array): void {
    for (let at = 0; at < body.length; at += CHUNK_BYTES_MAX) this.#waiting.push({ bytes: body.subarray(at, at + CHUNK_BYTES_MAX), hasMore: at + CHUNK_BYTES_MAX < body.length });
    this.#send();
  }

  async stop(): Promise<void> {
    this.#pool.net.input(0, () => this.own.close('the measurement is over', false));
    await pause(500);
  }

  #read(peer: number, session: string): void {
    let first: Uint8Array | undefined;
    const sink = {
      onChunk: ({ bytes, hasMore }: { readonly bytes: Uint8Array; readonly hasMore: boolean }): boolean => {
        first ??= bytes;
        if (hasMore) return true;
        this.onDelivery(first, peer);
        first = undefined;
        return true;
      },
      onEnd: (reason: string): void => void this.ends.set(peer, reason),
    };
    const reader: Reader | undefined = this.#pool.net.node(peer).casts.read(session, sink, FROM.now);
    must(reader, 'a reader');
  }

  #send(): void {
    this.#pool.net.input(0, () => {
      for (let next = this.#waiting[0]; next !== undefined && this.own.offer({ ...next, isKey: false }, this.#waiting.length > 1); next = this.#waiting[0]) this.#waiting.shift();
    });
  }
}

// --- loads ---

/** A body that says which it is. */
function bodyOf(id: number, bytes: number): Uint8Array {
  const body = new Uint8Array(randomBytes(bytes));
  new DataView(body.buffer).setUint32(0, id);
  return body;
}

function idOf(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset).getUint32(0);
}

interface Outcome {
  readonly deliveredShare: number;
  /** All that the process used, the peers' other work included. */
  readonly cpuMs: number;
  /** What its peers' other work is of that, for each core that they use when there is no stream. */
  readonly idleMsPerCore: number;
  readonly wireTimes: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

let lastId = 0;

/** Waits until an instant, so that messages keep their times although sending takes some. */
const pauseUntil = (at: number): Promise<void> => pause(Math.max(0, at - performance.now()));

async function loaded(spreader: Spreader, receivers: number, { bytes, everyMs }: Load): Promise<Outcome> {
  const sentAt = new Map<number, number>();
  const latencies: number[] = [];
  spreader.onDelivery = (body) => {
    const at = sentAt.get(idOf(body));
    if (at !== undefined) latencies.push(performance.now() - at);
  };
  const start = { cpu: cpuSeconds(), bytes: bytesSent(), at: performance.now() };
  const rounds = Math.max(1, Math.round((SECONDS * 1_000) / everyMs));
  for (let i = 0; i < rounds; i++) {
    const body = bodyOf(++lastId, bytes);
    sentAt.set(lastId, performance.now());
    spreader.publish(body);
    await pauseUntil(start.at + (i + 1) * everyMs);
  }
  for (let waited = 0; waited < 5 * TAIL_MS && latencies.length < rounds * receivers; waited += 100) await pause(100);
  const elapsedMs = performance.now() - start.at;
  const cpuMs = 1_000 * (cpuSeconds() - start.cpu);
  const deliveries = latencies.length;
  latencies.sort((a, b) => a - b);
  return {
    deliveredShare: deliveries / (rounds * receivers), cpuMs: cpuMs / deliveries, idleMsPerCore: elapsedMs / deliveries, wireTimes: (bytesSent() - start.bytes) / (deliveries * bytes),
    latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
  };
}

/** Cores that the peers use without a stream. */
async function idle(): Promise<number> {
  const start = { cpu: cpuSeconds(), at: performance.now() };
  await pause(IDLE_MS);
  return (1_000 * (cpuSeconds() - start.cpu)) / (performance.now() - start.at);
}

/** Loads one after the other, between two looks at what the peers use without them: the mean of both is taken off. */
async function underLoads(spreader: Spreader, peers: number, loads: readonly Load[], said: object): Promise<Map<string, Outcome>> {
  const before = await idle();
  const measured = new Map<string, Outcome>();
  for (const load of loads) measured.set(load.name, await loaded(spreader, peers - 1, load));
  const after = await idle();
  const idleCores = (before + after) / 2;
  const outcomes = new Map([...measured].map(([load, outcome]) => [load, { ...outcome, cpuMs: outcome.cpuMs - idleCores * outcome.idleMsPerCore }]));
  for (const [load, { deliveredShare, cpuMs, wireTimes, latencyMs }] of outcomes) {
    print({ ...said, peers, load, deliveredShare, cpuMs, cpuMsIdleIncluded: measured.get(load)?.cpuMs, wireTimes, latencyMs, idleCores: [before, after] });
  }
  return outcomes;
}

const atBothRates = (of: string, spreader: Spreader, peers: number): Promise<Map<string, Outcome>> => underLoads(spreader, peers, [SMALL, LARGE], { part: 'ratio', of });

async function alone(cast: Cast, peers: number): Promise<void> {
  await underLoads(cast, peers, peers > 32 ? [LARGE_10] : [SMALL_OFTEN, LARGE_20], { part: 'alone', depth: cast.depth });
}

// --- what goes wrong ---

const STEADY: Load = { name: '64 KB x 10/s', bytes: 65_536, everyMs: 100 };
const STEADY_BPS = (STEADY.bytes * BITS * 1_000) / STEADY.everyMs;

/** Sends at a steady rate until told otherwise. */
function steadily(cast: Cast): { sent: number; stop(): void } {
  const sending = { sent: 0, stop: (): void => clearInterval(timer) };
  const first = lastId + 1;
  const timer = setInterval(() => {
    cast.publish(bodyOf(++lastId, STEADY.bytes));
    sending.sent = lastId - first + 1;
  }, STEADY.everyMs);
  return sending;
}

/** Numbers as each peer got them, with the moment of the latest. */
function watched(cast: Cast): Map<number, { readonly ids: number[]; at: number; longestGapMs: number; longestGapAfter: number }> {
  const got = new Map<number, { readonly ids: number[]; at: number; longestGapMs: number; longestGapAfter: number }>();
  cast.onDelivery = (body, peer) => {
    const now = performance.now();
    const seen = got.get(peer) ?? { ids: [], at: now, longestGapMs: 0, longestGapAfter: now };
    got.set(peer, seen);
    seen.ids.push(idOf(body));
    if (now - seen.at > seen.longestGapMs) [seen.longestGapMs, seen.longestGapAfter] = [now - seen.at, seen.at];
    seen.at = now;
  };
  return got;
}

const isConsecutive = (ids: readonly number[]): boolean => ids.every((id, i) => i === 0 || id === (ids[i - 1] as number) + 1);

async function kills(pool: Pool, times: number): Promise<void> {
  for (let kill = 0; kill < times; kill++) {
    const cast = await pool.session(2 * STEADY_BPS);
    await pause(2_500);
    const got = watched(cast);
    const sending = steadily(cast);
    await pause(2_000);
    const { tree } = cast.own.manager.view();
    const victim = must([...tree].filter(({ depth, children }) => depth >= 1 && children > 0).sort((a, b) => b.children - a.children)[kill % 2], 'an interior peer');
    const below = new Set([victim.peerId]);
    for (const { peerId, parent } of tree) if (below.has(parent ?? '')) below.add(peerId);
    below.delete(victim.peerId);
    const [gone, orphans] = [pool.peerOf(victim.peerId), [...below].map((peerId) => pool.peerOf(peerId))];
    const at = performance.now();
    const wasAt = new Map(orphans.map((peer) => [peer, got.get(peer)?.ids.length ?? 0]));
    await pool.net.kill(gone);
    const backMs: number[] = [];
    for (const waiting = new Set(orphans); waiting.size > 0 && performance.now() - at < 10_000; await pause(10)) {
      for (const peer of waiting) {
        if ((got.get(peer)?.ids.length ?? 0) <= (wasAt.get(peer) ?? 0) + 1) continue;
        backMs.push(performance.now() - at);
        waiting.delete(peer);
      }
    }
    await pause(3_000);
    sending.stop();
    await pause(TAIL_MS);
    got.delete(gone);
    const all = [...got.values()];
    print({
      part: 'kill', peers: pool.net.alive().length, load: STEADY.name, below: orphans.length, wentOn: backMs.length, lastWentOnMs: Math.max(...backMs), longestGapMs: Math.max(...all.map(({ longestGapMs }) => longestGapMs)),
      everyByteOnce: all.filter(({ ids }) => ids.length === sending.sent && isConsecutive(ids)).length, of: pool.net.alive().length - 1,
    });
    await cast.stop();
  }
}

async function throttles(pool: Pool): Promise<void> {
  const cast = await pool.session(STEADY_BPS * 1.1);
  // The plan after the membership has come to rest is the last for a while.
  const got = watched(cast);
  const sending = steadily(cast);
  await pause(4_000);
  const { tree } = cast.own.manager.view();
  const parent = must(tree.find(({ depth, children }) => depth >= 1 && children >= 2) ?? tree.find(({ children }) => children >= 2), 'a parent of several');
  const [slow, ...siblings] = tree.filter((member) => member.parent === parent.peerId).sort((a, b) => a.children - b.children).map(({ peerId }) => pool.peerOf(peerId));
  const child = must(slow, 'a child');
  const free = pool.throttle(child).limit(pool.net, child, STEADY_BPS / 10);
  await pause(2_000);
  const count = (peer: number): number => got.get(peer)?.ids.length ?? 0;
  const at = { sent: sending.sent, counts: new Map([...got.keys()].map((peer) => [peer, count(peer)])) };
  await pause(THROTTLE_SECONDS * 1_000);
  const shareOf = (peer: number): number => (count(peer) - (at.counts.get(peer) ?? 0)) / (sending.sent - at.sent);
  // Who was hung on elsewhere from below it is not counted: it waited for that, and gets all in the end.
  const under = new Set([pool.net.node(child).local.contact.peerId]);
  for (const { peerId, parent: above } of tree) if (under.has(above ?? '')) under.add(peerId);
  const elsewhere = tree.filter(({ peerId, depth }) => depth > 0 && !under.has(peerId)).map(({ peerId }) => pool.peerOf(peerId));
  print({
    part: 'throttle', peers: pool.net.alive().length, load: STEADY.name, sent: sending.sent, siblings: siblings.length, siblingsShare: Math.min(...siblings.map(shareOf)), everybodyElseShare: Math.min(...elsewhere.map(shareOf)), throttledShare: shareOf(child),
    throttled: cast.own.manager.view().gone[0]?.why ?? cast.ends.get(child) ?? 'still served',
  });
  sending.stop();
  free();
  await cast.stop();
}

// --- the run ---

async function grove(peers: number): Promise<Map<string, Outcome> | undefined> {
  const pool = await Pool.start(peers);
  await pause(SETTLE_SECONDS * 1_000);
  const cast = await pool.session();
  await pause(PLAN_MS);
  const outcomes = isAsked('ratio') ? await atBothRates('grove', cast, peers) : undefined;
  if (isAsked('alone')) await alone(cast, peers);
  await cast.stop();
  if (peers === 32 && isAsked('throttle')) await throttles(pool);
  if (peers === 32 && isAsked('kill')) await kills(pool, 2);
  await pool.stop();
  return outcomes;
}

describeMachine('cast');
for (const peers of SIZES) {
  const ours = await grove(peers);
  if (ours === undefined) continue;
  const gossip = await startGossipsub(peers);
  await pause(SETTLE_SECONDS * 1_000);
  const theirs = await atBothRates('gossipsub', gossip, peers);
  await gossip.stop();
  for (const [load, mine] of ours) {
    const other = must(theirs.get(load), 'the same load');
    print({ part: 'compared', peers, load, cpu: mine.cpuMs / other.cpuMs, p99: mine.latencyMs.p99 / other.latencyMs.p99, p50: mine.latencyMs.p50 / other.latencyMs.p50 });
  }
}
process.exit(0);
