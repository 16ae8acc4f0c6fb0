/**
 * The metadata tree on real peers, all in one process over loopback: `npm run bench -- somo-real peers=64`.
 *
 * Bounds for 64 peers: a warm question is answered in under 250 ms, and a message has reached everybody in under 500 ms.
 */
import { createPeer } from '../src/api/peer.ts';
import type { Peer } from '../src/api/peer.ts';
import { argument, describeMachine, print } from './report.ts';

const RUNS = 20;
const QUESTIONS = [
  ['avg(cpu.load), count()', ''], ['p95(mem.free), top(slot, 5)', ''], ['count(), avg(slot)', 'slot < 8'], ['name, cpu.load', 'slot >= 60'],
] as const;

function spread(values: readonly number[]): { readonly median: number; readonly max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
}

async function untilAllCounted(peer: Peer, count: number): Promise<void> {
  while ((await peer.pool.query('count()', {}).catch(() => undefined))?.coverage.machines !== count) await new Promise((resolve) => setTimeout(resolve, 250));
}

/** From the call until every peer's event has come, and until the answer says so. */
async function tell(peers: readonly Peer[], topic: string): Promise<{ readonly reachedMs: number; readonly answeredMs: number; readonly delivered: number }> {
  const enough = AbortSignal.timeout(30_000);
  const startedAt = performance.now();
  const heard = peers.map(async (peer) => {
    for await (const event of peer.events({ signal: enough })) if (event.event === 'told' && event['topic'] === topic) return performance.now() - startedAt;
    return Infinity;
  });
  const { delivered } = await (peers[3] as Peer).pool.tell(topic, 'a message', {});
  const answeredMs = performance.now() - startedAt;
  return { reachedMs: Math.max(...await Promise.all(heard)), answeredMs, delivered };
}

describeMachine('somo-real');
const count = argument('peers', 64);
const peers: Peer[] = [];
for (let slot = 0; slot < count; slot++) {
  const first = peers[0];
  peers.push(await createPeer({ listen: ['/ip4/127.0.0.1/tcp/0'], name: `p${slot}`, attributes: { slot }, ...(first === undefined ? {} : { join: [first.invite()] }) }));
}
const asker = peers[count - 1] as Peer;
await untilAllCounted(asker, count);
for (const [expression, where] of QUESTIONS) {
  const tookMs: number[] = [];
  const visited: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    const answer = await asker.pool.query(expression, { where });
    // The first opens connections; the others are warm.
    if (run > 0) tookMs.push(performance.now() - startedAt);
    visited.push(answer.visited);
  }
  print({ peers: count, expression, where, runs: RUNS - 1, tookMs: spread(tookMs), visited: spread(visited) });
}
const tells = [];
for (let run = 0; run < RUNS; run++) tells.push(await tell(peers, `topic-${run}`));
const warm = tells.slice(1);
print({ peers: count, tell: true, runs: warm.length, reachedMs: spread(warm.map(({ reachedMs }) => reachedMs)), answeredMs: spread(warm.map(({ answeredMs }) => answeredMs)), delivered: spread(warm.map(({ delivered }) => delivered)) });
await Promise.all(peers.map(async (peer) => peer.close()));
process.exit();
