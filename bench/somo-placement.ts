/**
 * The physical tree of two million machines ([0063]): who is whose parent, on columns.
 *
 * Bounds: 2,000,000 machines with k = 8 in under 15 s and 1 GiB, one root, height at most 11, and a mean lag at 200 ms a
 * hop of at most 1.6 s, which is the patent's figure; the deepest machine's lag is reported beside it.
 */
import { randomFrom } from '../src/core/random.ts';
import { LogicalTree } from '../src/protocol/somo/tree.ts';
import { drawLeads, figuresOf, place } from '../src/sim/somo/place.ts';
import { cpuSeconds, describeMachine, print } from './report.ts';

const HOP_MS = 200;
const CASES = [[1_000, 8], [1_000, 2], [100_000, 8], [2_000_000, 8], [2_000_000, 2], [2_000_000, 16]] as const;

describeMachine('somo-placement');
for (const [peers, k] of CASES) {
  for (const seed of [1, 2, 3]) {
    const startedAt = cpuSeconds();
    const figures = figuresOf(place(drawLeads(peers, randomFrom(seed).fork('positions')), new LogicalTree(k)), k, HOP_MS);
    print({ seed, ...figures, cpuSeconds: cpuSeconds() - startedAt, rssMiB: process.memoryUsage.rss() / 2 ** 20 });
  }
}
