/**
 * LagOver by messages: 1,000 simulated peers under loss and churn; 32 real peers in one process from a cold start.
 *
 * Asked for, with 100 ms median latency, 2 % loss and mean sessions of 30 minutes: no fan-out ever exceeded, no cycle older than
 * two heartbeats, a satisfied share of at least .97, and the children of a crashed peer with a path to the source again within 3 s at
 * p99. All departures are crashes, peers come back after 100 s on average, and the first two minutes are not counted. Tf1 has no
 * slot to spare and is played beside the others; greedy and hybrid on one workload, for comparison.
 *
 * Of 32 real peers in one process: a satisfied tree less than 3 s after a cold start. A cold start of a tree (`pool`) finds members
 * of one ring that know nothing of the tree but its source and what they want, and are all told to join at once. One of everything
 * (`nothing`) also counts the start of 32 hosts one after the other, each of which joins ring and tree as soon as it is up.
 * A word (pool, nothing, simulated) runs only that part; `seconds=`, `seeds=` and `runs=` change how long.
 */
import { randomFrom } from '../src/core/random.ts';
import type { AlgorithmName } from '../src/protocol/lagover/algorithm.ts';
import type { Tree } from '../src/protocol/lagover/agent/tree.ts';
import { treeOf } from '../src/protocol/lagover/agent/tree.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { Testnet } from '../src/daemon/testnet.ts';
import { treeWorldOf } from '../src/sim/lagover/run-messages.ts';
import { ROUNDS_DEFAULTS } from '../src/sim/lagover/rounds.ts';
import type { Workload, WorkloadName } from '../src/sim/lagover/workloads.ts';
import { drawWorkload } from '../src/sim/lagover/workloads.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const PEERS = 1_000;
const LATENCY_MS = 100;
const LOSS = 0.02;
const SESSION_S = 1_800;
const AWAY_S = 100;
const BEFORE_S = 120;
const MEASURED_S = argument('seconds', 600);
const SEEDS = argument('seeds', 3);

function drawn(name: WorkloadName, peers: number, seed: number): Workload {
  const workload = drawWorkload({ name, peers, seed, slack: 1, uplinksMbps: [], rateMbps: 1 });
  if (typeof workload === 'string') throw new Error(workload);
  return workload;
}

function simulated(name: WorkloadName, algorithm: AlgorithmName, seed: number): void {
  const start = cpuSeconds();
  const trees = treeWorldOf(drawn(name, PEERS, seed), { ...ROUNDS_DEFAULTS, algorithm, seed, network: { latencyMs: LATENCY_MS, loss: LOSS } });
  trees.joinAll(1_000);
  let satisfiedAfterS: number | undefined;
  const coins = randomFrom(seed).fork('churn');
  let share = 0;
  let worst = 1;
  for (let second = 1; second <= BEFORE_S + MEASURED_S; second++) {
    if (second > BEFORE_S / 2) {
      for (let peer = 1; peer <= PEERS; peer++) {
        const changes = coins.unit() < 1 / (trees.isOnline(peer) ? SESSION_S : AWAY_S);
        if (changes && trees.isOnline(peer)) trees.crash(peer);
        else if (changes) trees.restart(peer);
      }
    }
    trees.world.runFor(1_000);
    const { satisfiedShare } = trees;
    if (satisfiedShare === 1) satisfiedAfterS ??= second;
    if (second === BEFORE_S) trees.orphanedMs.length = 0;
    if (second <= BEFORE_S) continue;
    share += satisfiedShare / MEASURED_S;
    worst = Math.min(worst, satisfiedShare);
  }
  const sorted = [...trees.orphanedMs].sort((a, b) => a - b);
  const at = (quantile: number): number | undefined => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))];
  print({
    part: 'simulated', workload: name, algorithm, seed, peers: PEERS, latencyMs: LATENCY_MS, loss: LOSS, sessionS: SESSION_S, measuredS: MEASURED_S,
    satisfiedShare: share, worstSecond: worst, checksWithFanoutExceeded: trees.faults.exceeded, oldestCycleMs: trees.faults.cycleMs,
    orphans: sorted.length, orphanedMs: { median: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) },
    firstSatisfiedAfterS: satisfiedAfterS, messagesPerPeerAndS: trees.world.messageCounts().reduce((sum, { sent }) => sum + sent, 0) / PEERS / (BEFORE_S + MEASURED_S),
    cpuSeconds: cpuSeconds() - start,
  });
}

const REAL_PEERS = 32;
const REAL_RUNS = argument('runs', 5);
const RING_WITHIN_MS = 120_000;
const TREE_WITHIN_MS = 60_000;
const REAL_WORKLOADS = ['rand', 'bicorr', 'biuncorr', 'tf1'] as const;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds until it holds; undefined when it does not within so long. */
async function until(holds: () => boolean, withinMs: number): Promise<number | undefined> {
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > withinMs) return undefined;
    await pause(10);
  }
  return performance.now() - start;
}

/** Peer 0 is the source. */
function isSatisfied(net: Testnet, id: string, workload: Workload): boolean {
  const indexOf = new Map(net.alive().map((peer) => [net.node(peer).local.contact.peerId, peer]));
  return workload.consumers.every(({ constraint }, place) => {
    let at: number | undefined = place + 1;
    for (let hops = 0; at !== undefined && hops <= constraint; hops++) {
      if (at === 0) return true;
      at = net.alive().includes(at) ? indexOf.get(net.node(at).lagover.agent(id)?.parent?.peerId ?? '') : undefined;
    }
    return false;
  });
}

function joinTree(net: Testnet, peer: number, tree: Tree, workload: Workload): void {
  const { fanout, constraint } = peer === 0 ? { fanout: workload.sourceFanout, constraint: 0 } : (workload.consumers[peer - 1] as Workload['consumers'][number]);
  net.input(peer, (node) => void node.joinTree(tree, { fanout, constraint }));
}

async function inPool(): Promise<void> {
  const net = await Testnet.create({ protocol: protocolOptions() });
  for (let peer = 0; peer < REAL_PEERS; peer++) {
    await net.spawn();
    // The first peer must be a ring before others can join it; the rest may come all at once.
    if (peer === 0) await until(() => net.node(0).standing === 'active', RING_WITHIN_MS);
  }
  await until(() => net.alive().every((peer) => net.node(peer).standing === 'active'), RING_WITHIN_MS);
  for (const name of REAL_WORKLOADS) {
    for (let run = 1; run <= REAL_RUNS; run++) {
      const workload = drawn(name, REAL_PEERS - 1, run);
      const tree = treeOf({ id: `${name}-${run}`, source: net.node(0).local.contact });
      const start = cpuSeconds();
      for (const peer of net.alive()) joinTree(net, peer, tree, workload);
      const satisfiedMs = await until(() => isSatisfied(net, tree.id, workload), TREE_WITHIN_MS);
      print({ part: 'real', from: 'pool', workload: name, peers: REAL_PEERS, run, satisfiedMs, cpuSeconds: cpuSeconds() - start });
      for (const peer of net.alive()) net.input(peer, (node) => node.lagover.leave(tree.id));
      await pause(1_000);
    }
  }
  await net.stop();
}

async function fromNothing(): Promise<void> {
  for (let run = 1; run <= REAL_RUNS; run++) {
    const workload = drawn('rand', REAL_PEERS - 1, run);
    const start = performance.now();
    const net = await Testnet.create({ protocol: protocolOptions() });
    await net.spawn();
    const tree = treeOf({ id: 'cold', source: net.node(0).local.contact });
    joinTree(net, 0, tree, workload);
    for (let peer = 1; peer < REAL_PEERS; peer++) {
      await net.spawn();
      joinTree(net, peer, tree, workload);
    }
    const hostsMs = performance.now() - start;
    await until(() => isSatisfied(net, tree.id, workload), TREE_WITHIN_MS);
    const satisfiedMs = performance.now() - start;
    await until(() => net.alive().every((peer) => net.node(peer).standing === 'active'), RING_WITHIN_MS);
    print({ part: 'real', from: 'nothing', workload: 'rand', peers: REAL_PEERS, run, hostsMs, satisfiedMs, ringMs: performance.now() - start });
    await net.stop();
  }
}

const words = process.argv.slice(2).filter((word) => !word.includes('='));
const isAsked = (part: string): boolean => words.length === 0 || words.includes(part);
describeMachine('lagover-messages');
if (isAsked('pool')) await inPool();
if (isAsked('nothing')) await fromNothing();
if (isAsked('simulated')) {
  for (const workload of ['rand', 'bicorr', 'biuncorr', 'tf1'] as const) {
    for (let seed = 1; seed <= SEEDS; seed++) simulated(workload, 'adaptive', seed);
  }
  for (const algorithm of ['greedy', 'hybrid'] as const) simulated('bicorr', algorithm, 1);
}
