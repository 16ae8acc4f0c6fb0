/**
 * INV-RING-1..4 after chaos: whatever a fault plan did, the ring is whole again within two minutes of its end.
 *
 * Fixed seeds over all strategies. Some once failed, and say why they are here; to look at one, run `runChaos` with its seed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StrategyName } from '../../src/protocol/options.ts';
import { runChaos } from '../../src/sim/ring/chaos.ts';

const HEAL_WITHIN_MS = 120_000;

const RUNS: readonly { readonly seed: number; readonly strategy: StrategyName; readonly why?: string }[] = [
  { seed: 1, strategy: 'chord' },
  { seed: 3, strategy: 'leafset', why: 'copies of routes multiplied at every hop' },
  { seed: 5, strategy: 'chord' },
  { seed: 7, strategy: 'leafset' },
  { seed: 10, strategy: 'can' },
  { seed: 12, strategy: 'pastry', why: 'a dead neighbour stayed, because the claim of its death was lost' },
  { seed: 20, strategy: 'pastry', why: 'a peer that came back with a lower incarnation was not listened to' },
  { seed: 30, strategy: 'can' },
  { seed: 38, strategy: 'can', why: 'as seed 12' },
  { seed: 40, strategy: 'pastry', why: 'as seed 12' },
];

for (const { seed, strategy, why } of RUNS) {
  test(`INV-RING-1..4: ${strategy} is whole after chaos, seed ${seed}${why ? ` (${why})` : ''}`, () => {
    const result = runChaos({ seed, strategy, peers: 48, chaosMs: 180_000, healWithinMs: HEAL_WITHIN_MS });
    assert.ok(result.survivors > 1);
    assert.deepEqual(result.violations, [], `seed ${seed}, ${strategy}, not whole ${HEAL_WITHIN_MS / 1000} s after\n${result.plan}`);
  });
}

test('chaos replays: one seed, one fingerprint, with messages encoded or shared', () => {
  const options = { seed: 4, strategy: 'pastry', peers: 24, chaosMs: 60_000, healWithinMs: HEAL_WITHIN_MS } as const;
  const shared = runChaos(options);
  assert.equal(runChaos(options).fingerprint, shared.fingerprint);
  assert.equal(runChaos({ ...options, wire: true }).fingerprint, shared.fingerprint);
});
