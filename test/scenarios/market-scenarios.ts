/**
 * Sessions that compete for one helper while their streams flow ([0079], [0091]): it lowers a tree, an equal leaves it alone, a higher
 * priority takes it, and whoever loses it, or loses it because it dies, plans again and misses nothing.
 */
import assert from 'node:assert/strict';
import { positionFromLead } from '../../src/core/position.ts';
import type { HelpTerms } from '../../src/protocol/alm/market/help-desk.ts';
import { everybodyStarts, joined, opened, sent } from './cast-steps.ts';
import type { Film, Sink, Stream } from './cast-steps.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { grow } from './steps.ts';

const TERMS: HelpTerms = { degree: 5, help: { upBps: 1e9, monthBytes: 1e9, sessions: 4 } };
const PERIOD_MS = 1_000;
const WITHIN_MS = 80_000;
const MEMBERS = [1, 2, 3, 4];
const HELPER = 5;
const CHUNKS = 30;

const filmOf = (name: string, priority: number): Film => ({ key: positionFromLead(1_000 * (priority + 10 * name.length)), name, priority });

interface Cast {
  readonly root: number;
  readonly stream: Stream;
  readonly sinks: readonly Sink[];
}

/** A root that serves one, and members that serve one each: without a helper the tree is a chain. All sessions have the same ones. */
async function chain(cluster: Cluster, film: Film): Promise<Cast> {
  const root = 0;
  const stream = await opened(cluster, root, 1, 0, { film });
  const sinks: Sink[] = [];
  for (const [i, member] of MEMBERS.entries()) {
    sinks.push(joined(cluster, member, 2, undefined, film));
    await everybodyStarts(cluster, stream, i + 1);
  }
  return { root, stream, sinks };
}

const helpersOf = ({ stream }: Cast): number => stream.own.manager.view().tree.filter(({ isHelper }) => isHelper).length;

async function comes(cluster: Cluster, what: string, holds: () => boolean): Promise<void> {
  assert.ok(await cluster.until(holds, WITHIN_MS), `${what}, ${cluster.replay}`);
}

/** So much more of each stream, and everybody has all of it. */
async function flow(cluster: Cluster, ...casts: readonly Cast[]): Promise<void> {
  for (const { root, stream } of casts) assert.ok(await sent(cluster, root, stream, CHUNKS), `the source goes on, ${cluster.replay}`);
  for (const { stream, sinks } of casts) {
    await comes(cluster, 'everybody has what was sent', () => sinks.every(({ seqs }) => seqs.at(-1) === stream.offered - 1));
    for (const { seqs } of sinks) assert.deepEqual(seqs, seqs.map((_, i) => (seqs[0] as number) + i), `each chunk once and in order, ${cluster.replay}`);
  }
}

async function finished(cluster: Cluster, { root, stream }: Cast): Promise<void> {
  cluster.input(root, () => stream.own.finish());
  await comes(cluster, 'the session ends', () => stream.over !== undefined);
}

/** Everybody has everything to the end. */
async function endOf(cluster: Cluster, ...casts: readonly Cast[]): Promise<void> {
  await flow(cluster, ...casts);
  for (const cast of casts) await finished(cluster, cast);
  for (const { sinks, stream } of casts) for (const { end, seqs } of sinks) assert.deepEqual([end?.isFailure, seqs.at(-1)], [false, stream.offered - 1], cluster.replay);
}

export const marketScenarios: Scenario[] = [
  {
    name: 'a helper lowers a tree; an equal leaves it to its holder, a higher priority takes it; without it and after its death all goes on',
    sizes: [6, 6],
    options: { somo: 'synchronised', somoPeriodMs: PERIOD_MS, castGainMs: 0.1 },
    async run(cluster, peers) {
      await grow(cluster, peers);
      cluster.input(HELPER, (node) => node.market.allow(TERMS));
      for (const peer of cluster.alive()) {
        const { somo, market } = cluster.node(peer);
        somo.readReport = (now) => ({ report: new Map<string, number | readonly number[]>([['degree.bound', market.desk.isWilling ? TERMS.degree : 0], ['degree.table', market.desk.table.rows]]), at: now });
      }
      const low = await chain(cluster, filmOf('low', 3));
      const chainMs = low.stream.own.manager.view().heightMs;
      await comes(cluster, 'the helper is found and used', () => helpersOf(low) === 1);
      const { heightMs, withoutHelpersMs } = low.stream.own.manager.view();
      // What busy real peers measure changes from one moment to the next.
      if (cluster.kind === 'simulated') assert.ok(heightMs < chainMs && heightMs < (withoutHelpersMs ?? Infinity), `${heightMs} ms with it, ${withoutHelpersMs} ms without, ${chainMs} ms before, ${cluster.replay}`);
      await flow(cluster, low);

      const equal = await chain(cluster, filmOf('equal', 3));
      const replans = (): number => equal.stream.own.manager.view().replans;
      // It looks for something better soon after the last has joined; the holder keeps.
      await cluster.until(() => replans() > 0, 4_000);
      if (cluster.kind === 'simulated') assert.equal(helpersOf(low), 1, cluster.replay);
      assert.ok(helpersOf(equal) === 0 || helpersOf(low) === 0, `one of two equals has it, ${cluster.replay}`);
      await flow(cluster, low, equal);
      await finished(cluster, equal);

      const high = await chain(cluster, filmOf('higher', 1));
      await comes(cluster, 'the higher priority has it', () => helpersOf(high) === 1);
      await comes(cluster, 'the loser goes on without', () => helpersOf(low) === 0);
      const [first, , third] = cluster.node(HELPER).market.desk.table.rows;
      assert.ok(first > 1 && third === 0, cluster.replay);
      await flow(cluster, low, high);

      await cluster.kill(HELPER);
      await flow(cluster, high, low);
      await comes(cluster, 'who lost its helper goes on without', () => helpersOf(high) === 0);
      await endOf(cluster, low, high);
    },
  },
];
