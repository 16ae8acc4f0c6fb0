/**
 * Draws what the patent says of the metadata tree in words ([0063], Figs 7-9): lag against the number of machines, by arity and by
 * flow; height and fan-out; and how fast the view is whole again after a fifth of the machines vanished at once.
 *
 * Placement is computed with the daemon's own functions on uniform positions; ages and healing come from the protocol with
 * messages. `npm run experiment -- somo-figures` takes a few minutes; peers=, healed= and seeds= choose smaller worlds.
 */
import { randomFrom } from '../src/core/random.ts';
import { LogicalTree } from '../src/protocol/somo/tree.ts';
import { drawLeads, figuresOf, place } from '../src/sim/somo/place.ts';
import { runSomoSimulation } from '../src/sim/somo/run-somo.ts';
import { argument } from '../bench/report.ts';
import { lineChart } from './chart.ts';
import { outputTo } from './output.ts';

const { tell, write } = outputTo('somo');
const ARITIES = [2, 4, 8, 16];
/** The patent's example: 200 ms a hop. */
const PLACED_HOP_MS = 200;
const INTERVAL_MS = 10_000;
const HOP_MS = 50;
const MACHINES = { label: 'machines', log: true } as const;
const MODES = [['async', 'unsynchronised'], ['sync', 'synchronised']] as const;
const KILLED = { share: 0.2, atMs: 10_000 };

const mostPlaced = argument('peers', 1_000_000);
const healed = argument('healed', 500);
const seeds = argument('seeds', 3);

function sizesUpTo(most: number): number[] {
  const sizes: number[] = [];
  for (let size = 10; size <= most; size *= 10) sizes.push(size, ...(3 * size <= most ? [3 * size] : []));
  return sizes;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function drawPlacement(): void {
  const say = tell('placement');
  const rows = ARITIES.flatMap((k) => sizesUpTo(mostPlaced).map((peers) => {
    say(`${peers} machines, k = ${k}`);
    return figuresOf(place(drawLeads(peers, randomFrom(1).fork('positions')), new LogicalTree(k)), k, PLACED_HOP_MS);
  }));
  const seriesOf = (value: (row: (typeof rows)[number]) => number): { name: string; points: (readonly [number, number])[] }[] =>
    ARITIES.map((k) => ({ name: `k = ${k}`, points: rows.filter((row) => row.k === k).map((row) => [row.peers, value(row)] as const) }));
  write('lag', lineChart({
    title: `Age at the root of what machines report, ${PLACED_HOP_MS} ms a hop, synchronised`, x: MACHINES, y: { label: 'ms', min: 0 },
    panels: [{ title: 'mean over the machines', series: seriesOf(({ lagMs }) => lagMs.mean) }, { title: 'the deepest machine', series: seriesOf(({ lagMs }) => lagMs.max) }],
  }), rows.map(({ peers, k, lagMs }) => ({ peers, k, meanMs: lagMs.mean, p99Ms: lagMs.p99, maxMs: lagMs.max })));
  write('height', lineChart({
    title: 'Height of the physical tree', x: MACHINES, y: { label: 'hops', min: 0 },
    panels: [{ title: 'the deepest machine', series: seriesOf(({ height }) => height) }, { title: 'mean over the machines', series: seriesOf(({ meanDepth }) => meanDepth) }],
  }), rows.map(({ peers, k, height, meanDepth }) => ({ peers, k, height, meanDepth })));
  write('fan-out', lineChart({
    title: 'Work of single machines', x: MACHINES, y: { label: 'children', min: 0 },
    panels: [{ title: 'most children of one machine', series: seriesOf(({ maxChildren }) => maxChildren) }],
  }), rows.map(({ peers, k, maxChildren, interiorShare }) => ({ peers, k, maxChildren, interiorShare })));
}

function play(peers: number, k: number, mode: 'sync' | 'async', seed: number, isKilled: boolean): ReturnType<typeof runSomoSimulation> {
  return runSomoSimulation({
    peers, k, mode, seed, hopMs: HOP_MS, minutes: isKilled ? 1.5 : 1, intervalMs: INTERVAL_MS, meanSessionMinutes: Infinity,
    kill: isKilled ? KILLED : undefined, loss: 0, changeShare: 0.1,
  });
}

function drawAges(): void {
  const say = tell('ages');
  const rows = MODES.flatMap(([mode, name]) => [2, 8].flatMap((k) => [30, 100, 300, 1_000].map((peers) => {
    say(`${peers} machines, k = ${k}, ${name}`);
    const { ageMs, flowHeight } = play(peers, k, mode, 1, false);
    return { mode: name, k, peers, flowHeight, meanMs: ageMs.mean, maxMs: ageMs.max };
  })));
  write('age', lineChart({
    title: `Age of the oldest report in the root's view, a report every ${INTERVAL_MS / 1_000} s, ${HOP_MS} ms a hop, with messages`, x: MACHINES, y: { label: 'ms', min: 0 },
    panels: MODES.map(([, name]) => ({ title: name, series: [2, 8].map((k) => ({ name: `k = ${k}`, points: rows.filter((row) => row.mode === name && row.k === k).map((row) => [row.peers, row.meanMs] as const) })) })),
  }), rows);
}

function drawHealing(): void {
  const say = tell('healing');
  const runs = MODES.flatMap(([mode, name]) => Array.from({ length: seeds }, (_, i) => {
    say(`${healed} machines, ${name}, seed ${i + 1}`);
    return { name, result: play(healed, 8, mode, i + 1, true) };
  }));
  const killedAtSeconds = KILLED.atMs / 1_000;
  const series = MODES.map(([, name]) => {
    const own = runs.filter((run) => run.name === name).map(({ result }) => result.series.coverage);
    const seconds = own[0]?.length ?? 0;
    return { name, points: Array.from({ length: seconds }, (_, i) => [i + 1 - killedAtSeconds, median(own.map((values) => values[i] ?? Number.NaN))] as const) };
  });
  write('healing', lineChart({
    title: `A fifth of ${healed} machines vanishes at once: survivors in the root's view, median of ${seeds} runs`,
    x: { label: 'seconds after' }, y: { label: 'share of the survivors', min: 0, max: 1 }, panels: [{ title: 'k = 8', series }],
  }), series[0]?.points.map(([second], i) => ({ second, ...Object.fromEntries(series.map(({ name, points }) => [name, points[i]?.[1] ?? ''])) })) ?? []);
  for (const { name, result } of runs) console.log(`${name}: whole again after ${result.healMs ?? 'never'} ms`);
}

drawPlacement();
drawAges();
drawHealing();
