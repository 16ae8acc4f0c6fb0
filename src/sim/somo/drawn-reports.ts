/**
 * Reports of simulated machines: every fixed name drawn once, and a share of the values drawn anew at every period.
 *
 * What a peer reports depends on the seed, its index and the time only, not on when it is asked or by whom.
 */
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import type { Report, Value } from '../../protocol/pool/report.ts';

const GIBIBYTE = 2 ** 30;
const REGIONS = ['eu', 'us', 'asia', 'africa', 'south'];
/** Draws that make a machine a member of some hundredth of the pool. */
const RARE = 100;

const DRAWN: readonly (readonly [string, (random: Random) => Value])[] = [
  ['cpu.load', (random) => random.below(1_000) / 1_000],
  ['cpu.cores', (random) => 2 ** random.below(6)],
  ['mem.total', (random) => GIBIBYTE * 2 ** random.below(7)],
  ['mem.free', (random) => random.below(2 ** 31)],
  ['disk.free', (random) => random.below(2 ** 31) * 64],
  ['net.up', (random) => 1e5 * (1 + random.below(1_000))],
  ['net.down', (random) => 1e5 * (1 + random.below(10_000))],
  ['uptime', (random) => random.below(1e6)],
  ['version', () => '0.1.0'],
  ['region', (random) => REGIONS[random.below(REGIONS.length)] as string],
  ['degree.bound', (random) => 2 + random.below(8)],
  ['rare', (random) => random.below(RARE)],
];

export class DrawnReports {
  readonly #random: Random;
  readonly #values: Value[];
  readonly #changeShare: number;
  readonly #periodMs: Millis;
  #epoch: number;
  #report: Report | undefined;

  constructor(random: Random, now: Millis, periodMs: Millis, changeShare: number) {
    this.#random = random;
    this.#periodMs = periodMs;
    this.#changeShare = changeShare;
    this.#epoch = Math.floor(now / periodMs);
    this.#values = DRAWN.map(([, draw]) => draw(random));
  }

  at(now: Millis): Report {
    const epoch = Math.floor(now / this.#periodMs);
    for (; this.#epoch < epoch; this.#epoch++) this.#step();
    return (this.#report ??= new Map(DRAWN.map(([name], i) => [name, this.#values[i] as Value])));
  }

  #step(): void {
    DRAWN.forEach(([, draw], i) => {
      if (this.#random.unit() >= this.#changeShare) return;
      this.#values[i] = draw(this.#random);
      this.#report = undefined;
    });
  }
}
