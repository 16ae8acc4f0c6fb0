/**
 * Turns scenarios into tests, simulated or real.
 *
 * Each kind of each suite is a test file of its own, so that the runner can use both cores of a small machine.
 */
import { describe, test } from 'node:test';
import type { Scenario } from './cluster.ts';
import { QUICK } from './cluster.ts';
import { LiveCluster } from './live-cluster.ts';
import { SimCluster } from './sim-cluster.ts';

/** A large world once, the others with two seeds. */
const LARGE = 128;

export function simulated(suite: string, scenarios: readonly Scenario[]): void {
  describe(`${suite}, simulated`, () => {
    for (const { name, sizes: [peers], options, run } of scenarios) {
      for (const seed of peers > LARGE ? [1] : [1, 2]) {
        test(`${name} (${peers} peers, seed ${seed})`, async () => run(new SimCluster(seed, { ...QUICK, ...options }), peers));
      }
    }
  });
}

export function real(suite: string, scenarios: readonly Scenario[]): void {
  describe(`${suite}, real`, () => {
    for (const { name, sizes: [, peers], options, run } of scenarios) {
      test(`${name} (${peers} peers)`, async () => {
        const cluster = await LiveCluster.create(1, { ...QUICK, ...options });
        try {
          await run(cluster, peers);
        } finally {
          await cluster.stop();
        }
      });
    }
  });
}
