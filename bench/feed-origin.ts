/**
 * What the origin of one feed sees with 1, 10, 30 and 100 real peers that subscribe to it (100 as four processes of 25).
 *
 * Bounds: at most k requests for each interval of a poller in steady state (k = 3), the same for every N > k; at most k whole
 * documents when the pool finds the feed. The origin is the demonstration's and changes once in a poller's interval.
 * `node bench/feed-origin.ts peers=30 intervals=4` runs one size.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd } from '../src/daemon/demo/crowd.ts';
import { DemoOrigin } from '../src/daemon/demo/demo-origin.ts';
import { argument, describeMachine, print } from './report.ts';

const STALENESS_MS = 12_000;
const FLOOR_MS = 2_000;
const POLLERS = 3;
const EACH = 25;
const SETTLED_WITHIN_MS = 120_000;
const intervals = argument('intervals', 3);
const only = argument('peers', 0);

interface Order {
  readonly url: string;
  readonly count: number;
  readonly invite: string | undefined;
}

/** A part of the crowd, in a process of its own. */
async function serveOrders(): Promise<void> {
  const [order] = (await once(process, 'message')) as [Order];
  const crowd = await Crowd.create({ url: order.url, maxStalenessMs: () => STALENESS_MS, originFloorMs: FLOOR_MS, signal: new AbortController().signal, invite: order.invite });
  await crowd.start(order.count, () => undefined);
  process.send?.({ invite: crowd.daemon(0).invite() });
  process.on('message', (message) => {
    const feeds = crowd.living().map((peer) => crowd.daemon(peer).feeds.list()[0]);
    const pollers = feeds.filter((feed) => feed?.role === 'poller');
    if (message === 'look') process.send?.({ intervals: pollers.map((feed) => feed?.intervalMs), placed: feeds.filter((feed) => feed?.role === 'poller' || feed?.parent).length });
    else void crowd.stop().then(() => process.exit(0));
  });
}

async function ask(child: ChildProcess, message: unknown): Promise<Record<string, unknown>> {
  const answer = once(child, 'message');
  child.send(message as object);
  return (await answer)[0] as Record<string, unknown>;
}

async function measure(peers: number): Promise<void> {
  const origin = await DemoOrigin.start(FLOOR_MS / 1_000);
  const children: ChildProcess[] = [];
  let invite: string | undefined;
  for (let left = peers; left > 0; left -= EACH) {
    const child = fork(import.meta.filename, ['part'], { execArgv: process.execArgv });
    children.push(child);
    ({ invite = invite } = (await ask(child, { url: origin.url, count: Math.min(EACH, left), invite } satisfies Order)) as { invite?: string });
  }
  const look = async (): Promise<{ intervals: number[]; placed: number }> => {
    const looks = await Promise.all(children.map(async (child) => ask(child, 'look')));
    return { intervals: looks.flatMap(({ intervals: of }) => of as number[]), placed: looks.reduce((sum, { placed }) => sum + (placed as number), 0) };
  };
  const startedAt = Date.now();
  while (Date.now() - startedAt < SETTLED_WITHIN_MS && (await look()).placed < peers) await sleep(500);
  const settledMs = Date.now() - startedAt;
  // Whoever had no place may still ask by itself once.
  await sleep(2 * STALENESS_MS);
  const initial = { ...origin.counts };
  const { intervals: looked, placed } = await look();
  const intervalMs = Math.max(...looked);
  const before = origin.requests;
  for (let i = 0; i < intervals; i++) {
    origin.publish();
    await sleep(intervalMs);
  }
  const requests = origin.requests - before;
  print({
    peers, processes: children.length, placed, settledMs, pollers: looked.length, intervalMs, intervals, requestsPerInterval: requests / intervals, bound: Math.min(peers, POLLERS),
    initialWholeDocuments: initial.full, requestsWithoutPoolPerInterval: Math.round((peers * intervalMs) / STALENESS_MS),
  });
  for (const child of children) child.send('stop');
  await Promise.all(children.map(async (child) => once(child, 'exit')));
  await origin.close();
}

if (process.argv.includes('part')) await serveOrders();
else {
  describeMachine('feed-origin');
  for (const peers of only === 0 ? [1, 10, 30, 100] : [only]) await measure(peers);
}
