/**
 * Whether stated max stalenesses are kept with 40 real peers, of which 20 % are killed and restarted during the run.
 *
 * The peers and the origin are the demonstration's; the wishes are 10 to 20 s, and the origin allows 2 s. Staleness is from an item's publication to its arrival
 * at a peer, from its return for one that was away. Bounds: p99 of every peer whose wish is feasible within its wish; no item missed, none twice.
 * `node bench/feed-staleness.ts peers=12 seconds=60` tries it small.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../src/core/assert.ts';
import { randomFrom, shuffle } from '../src/core/random.ts';
import { Crowd } from '../src/daemon/demo/crowd.ts';
import { DemoOrigin } from '../src/daemon/demo/demo-origin.ts';
import { figuresOf, spreadOf, stalenessOf } from '../src/daemon/demo/figures.ts';
import { gapOf } from '../src/protocol/feed/stagger.ts';
import { argument, describeMachine, print } from './report.ts';

const peers = argument('peers', 40);
const seconds = argument('seconds', 240);
const seed = argument('seed', 1);
const KILLED = 0.2;
const FLOOR_MS = 2_000;
const WISH_MS = 10_000;
const WISH_STEP_MS = 2_000;
const WISHES = 6;
const PUBLISH_MS = 4_000;
const AWAY_MS = 5_000;
const LOOK_MS = 250;
const SETTLED_WITHIN_MS = 120_000;
const POLLERS = 3;

const wishOf = (peer: number): number => WISH_MS + WISH_STEP_MS * (peer % WISHES);
const settleMs = 1.5 * wishOf(WISHES - 1);

async function settled(crowd: Crowd): Promise<void> {
  const until = Date.now() + SETTLED_WITHIN_MS;
  const hasPlace = (peer: number): boolean => crowd.placeOf(peer).parent !== undefined || crowd.placeOf(peer).role === 'poller';
  while (Date.now() < until && !crowd.living().every(hasPlace)) await sleep(LOOK_MS);
}

describeMachine('feed-staleness');
const origin = await DemoOrigin.start(FLOOR_MS / 1_000);
const crowd = await Crowd.create({ url: origin.url, maxStalenessMs: wishOf, originFloorMs: FLOOR_MS, signal: new AbortController().signal });
await crowd.start(peers, () => undefined);
await settled(crowd);
// Whoever had no place at first may still ask by itself once.
await sleep(2 * WISH_MS);

const random = randomFrom(seed).fork('victims');
const order = crowd.living();
shuffle(random, order);
const victims = order.slice(0, Math.round(KILLED * peers));
const startedAt = Date.now();
const before = origin.requests;
const away: { readonly peer: number; readonly backAt: number }[] = [];
const everyMs = (seconds * 1_000 - settleMs - AWAY_MS) / (victims.length + 1);
let pollersKilled = 0;
let killed = 0;
let publishAt = startedAt;
for (let now = startedAt; now < startedAt + seconds * 1_000; now = Date.now()) {
  if (now >= publishAt && now < startedAt + seconds * 1_000 - settleMs) {
    origin.publish();
    publishAt += PUBLISH_MS;
  }
  if (killed < victims.length && now >= startedAt + (killed + 1) * everyMs) {
    const peer = must(victims[killed++], 'a victim');
    if (crowd.placeOf(peer).role === 'poller') pollersKilled++;
    away.push({ peer, backAt: now + AWAY_MS });
    await crowd.kill(peer);
  }
  while (away[0] !== undefined && away[0].backAt <= now) await crowd.restart(must(away.shift(), 'somebody is away').peer);
  await sleep(LOOK_MS);
}

const sinceStart = <T extends { readonly at: number }>(all: readonly T[]): T[] => all.filter(({ at }) => at >= startedAt);
const records = {
  published: sinceStart(origin.published), receipts: sinceStart(crowd.receipts), arrivals: sinceStart(crowd.arrivals), upSince: crowd.upSince,
  held: new Map(crowd.living().map((peer) => [peer, crowd.held(peer)])),
};
const consumers = crowd.living().map((peer) => {
  const { max, p99, p50 } = spreadOf(stalenessOf({ ...records, arrivals: records.arrivals.filter((arrival) => arrival.peer === peer) }));
  return { peer, wishMs: wishOf(peer), p50, p99, max, state: crowd.stateOf(peer), wasKilled: victims.includes(peer) };
});
const feasible = consumers.filter(({ state }) => state !== 'infeasible');
const late = feasible.filter(({ p99, wishMs }) => p99 === null || p99 > wishMs);
const { stalenessMs, pushMs, missedItems, duplicateItems } = figuresOf(records);
print({
  peers, seconds, seed, published: records.published.length, killed, pollersKilled, feasible: feasible.length, met: feasible.length - late.length, late,
  stalenessMs, worstShareOfWish: Math.max(...feasible.map(({ p99, wishMs }) => (p99 ?? Infinity) / wishMs)), pushMs, missedItems, duplicateItems,
  originRequests: origin.requests - before, requestsDue: Math.ceil((seconds * 1_000) / gapOf({ pollers: POLLERS, strictestMs: WISH_MS, floorMs: FLOOR_MS })), deliveryFactor: crowd.deliveryFactor,
});
await crowd.stop();
await origin.close();
