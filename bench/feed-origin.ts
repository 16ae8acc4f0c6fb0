/**
 * What the origin of one feed sees with 1, 10, 30 and 100 real peers that subscribe to it (100 as four processes of 25).
 *
 * Bounds: at most k requests in each interval of a poller in steady state (k = 3), the same for every N > k; at most k whole
 * documents when the pool finds the feed. The origin is the demonstration's and changes once in a poller's interval. Counting begins between two turns, so that
 * a turn that comes a moment late does not fall into the next interval. What the peers say of why they asked is shown beside.
 * `node bench/feed-origin.ts peers=30 intervals=4` runs one size.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Poll } from '../src/daemon/demo/crowd.ts';
import { Crowd } from '../src/daemon/demo/crowd.ts';
import { DemoOrigin } from '../src/daemon/demo/demo-origin.ts';
import { argument, describeMachine, print } from './report.ts';

const STALENESS_MS = 12_000;
const FLOOR_MS = 2_000;
const POLLERS = 3;
const EACH = 25;
const SETTLING_MS = 18_000;
const LOOK_MS = 50;
const SETTLED_WITHIN_MS = 120_000;
const intervals = argument('intervals', 3);
const only = argument('peers', 0);

interface Order {
  readonly url: string;
  readonly count: number;
  readonly invite: string | undefined;
}

interface Look {
  /** Of each poller. */
  readonly intervals: number[];
  readonly placed: number;
  readonly polls: Poll[];
}

/** A part of the crowd, in a process of its own. */
async function serveOrders(): Promise<void> {
  const [order] = (await once(process, 'message')) as [Order];
  const crowd = await Crowd.create({ url: order.url, maxStalenessMs: () => STALENESS_MS, originFloorMs: FLOOR_MS, signal: new AbortController().signal, invite: order.invite });
  await crowd.start(order.count, () => undefined);
  process.once('disconnect', () => process.exit(1));
  process.send?.({ invite: crowd.daemon(0).invite() });
  process.on('message', (message) => {
    if (message !== 'look') return void crowd.stop().then(() => process.exit(0));
    const feeds = crowd.living().map((peer) => crowd.daemon(peer).feeds.list()[0]);
    const pollers = feeds.filter((feed) => feed?.role === 'poller');
    process.send?.({
      intervals: pollers.map((feed) => feed?.intervalMs ?? 0), placed: feeds.filter((feed) => feed?.role === 'poller' || feed?.parent).length, polls: crowd.polls,
    } satisfies Look);
  });
}

async function ask(child: ChildProcess, message: unknown): Promise<unknown> {
  const answer = once(child, 'message');
  child.send(message as object);
  return (await answer)[0] as unknown;
}

/** By reason. */
function counted(polls: readonly Poll[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { because, outcome } of polls) {
    const name = `${because} ${outcome}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

async function measure(peers: number): Promise<void> {
  const origin = await DemoOrigin.start(FLOOR_MS / 1_000);
  const children: ChildProcess[] = [];
  let invite: string | undefined;
  const startedAt = Date.now();
  for (let left = peers; left > 0; left -= EACH) {
    const child = fork(import.meta.filename, ['part'], { execArgv: process.execArgv });
    children.push(child);
    child.once('exit', (code) => {
      if (code !== 0) throw new Error(`A process of ${peers} peers ended by itself.`);
    });
    ({ invite = invite } = (await ask(child, { url: origin.url, count: Math.min(EACH, left), invite } satisfies Order)) as { invite?: string });
  }
  const startMs = Date.now() - startedAt;
  const look = async (): Promise<Look> => {
    const looks = (await Promise.all(children.map(async (child) => ask(child, 'look')))) as Look[];
    return { intervals: looks.flatMap((one) => one.intervals), placed: looks.reduce((sum, { placed }) => sum + placed, 0), polls: looks.flatMap(({ polls }) => polls) };
  };
  while (Date.now() - startedAt - startMs < SETTLED_WITHIN_MS && (await look()).placed < peers) await sleep(500);
  const settleMs = Date.now() - startedAt - startMs;
  // Whoever had no place may still ask by itself once.
  await sleep(SETTLING_MS);
  const initial = { ...origin.counts };
  const { intervals: looked, placed } = await look();
  const intervalMs = Math.max(...looked);
  await betweenTurns(origin, intervalMs / looked.length);
  const beginAt = Date.now();
  const inEach: number[] = [];
  for (let i = 0; i < intervals; i++) {
    const before = origin.requests;
    origin.publish();
    await sleep(beginAt + (i + 1) * intervalMs - Date.now());
    inEach.push(origin.requests - before);
  }
  const { polls } = await look();
  print({
    peers, processes: children.length, startMs, settleMs, placed, pollers: looked.length, intervalMs, intervals, requestsInEach: inEach, worst: Math.max(...inEach), bound: Math.min(peers, POLLERS),
    initialWholeDocuments: initial.full, requestsWithoutPoolPerInterval: Math.round((peers * intervalMs) / STALENESS_MS),
    because: counted(polls.filter(({ at }) => at >= beginAt)), becauseBefore: counted(polls.filter(({ at }) => at < beginAt)),
  });
  for (const child of children) child.send('stop');
  await Promise.all(children.map(async (child) => once(child, 'exit')));
  await origin.close();
}

/** Half a gap after a request. */
async function betweenTurns(origin: DemoOrigin, gapMs: number): Promise<void> {
  const before = origin.requests;
  while (origin.requests === before) await sleep(LOOK_MS);
  await sleep(gapMs / 2);
}

if (process.argv.includes('part')) await serveOrders();
else {
  describeMachine('feed-origin');
  for (const peers of only === 0 ? [1, 10, 30, 100] : [only]) await measure(peers);
}
