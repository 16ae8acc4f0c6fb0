/** Host budgets, staleness, verdicts and failing open: the arithmetic behind "never worse than no pool". */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FirstWait, Reliance } from '../../../src/protocol/feed/fail-open.ts';
import { asksFirstAt, asksItselfAt, FIRST_VERSION_MS, graceFor } from '../../../src/protocol/feed/fail-open.ts';
import { HOST_SPACING_MS, learn, newBudget, reserve } from '../../../src/protocol/feed/host-budget.ts';
import { changesEvery, stalenessAt } from '../../../src/protocol/feed/staleness.ts';
import type { Standing } from '../../../src/protocol/feed/verdict.ts';
import { verdictOn } from '../../../src/protocol/feed/verdict.ts';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 5, 12);
const answer = { at: NOW, throttled: false, retryAfterMs: undefined, rateLimit: undefined };

test('a host gets one request a minute, and feeds that fall due together line up', () => {
  let budget = newBudget(HOST_SPACING_MS);
  const given: number[] = [];
  for (let i = 0; i < 10; i++) {
    const slot = reserve(budget, NOW, (i % 4) / 4);
    given.push(slot.at);
    budget = slot.budget;
  }
  assert.equal(given[0], NOW);
  given.slice(1).forEach((at, i) => assert.ok(at - (given[i] ?? 0) >= MINUTE));
});

test('a 429 doubles the spacing up to an hour, and twenty good answers in a row halve it again', () => {
  let budget = newBudget(HOST_SPACING_MS);
  budget = learn(budget, { ...answer, throttled: true }, HOST_SPACING_MS, 0);
  assert.equal(budget.spacingMs, 2 * MINUTE);
  assert.ok(budget.nextAt >= NOW + 2 * MINUTE);
  for (let i = 0; i < 20; i++) budget = learn(budget, { ...answer, throttled: true }, HOST_SPACING_MS, 0);
  assert.equal(budget.spacingMs, 60 * MINUTE);
  for (let i = 0; i < 400; i++) budget = learn(budget, answer, HOST_SPACING_MS, 0);
  assert.equal(budget.spacingMs, HOST_SPACING_MS);
});

test('the Retry-After of one feed holds its host back for an hour at most', () => {
  const budget = learn(newBudget(HOST_SPACING_MS), { ...answer, throttled: true, retryAfterMs: 14 * 24 * 60 * MINUTE }, HOST_SPACING_MS, 0);
  assert.equal(budget.nextAt, NOW + 60 * MINUTE);
});

test('a server that counts aloud is believed (X-RateLimit)', () => {
  assert.equal(learn(newBudget(HOST_SPACING_MS), { ...answer, rateLimit: { remaining: 0, resetMs: 5 * MINUTE } }, HOST_SPACING_MS, 0).nextAt, NOW + 5 * MINUTE);
  assert.equal(learn(newBudget(HOST_SPACING_MS), { ...answer, rateLimit: { remaining: 2, resetMs: 10 * MINUTE } }, HOST_SPACING_MS, 0).nextAt, NOW + 5 * MINUTE);
  assert.equal(learn(newBudget(HOST_SPACING_MS), { ...answer, rateLimit: { remaining: 900, resetMs: 60 * MINUTE } }, HOST_SPACING_MS, 0).nextAt, 0);
});

test('an origin on loopback with a lowered floor has no spacing', () => {
  const { at, budget } = reserve(newBudget(0), NOW, 0.9);
  assert.equal(at, NOW);
  assert.equal(budget.nextAt, NOW);
});

test('staleness counts by time: the age below which the reader finds the news in that share of all moments', () => {
  assert.equal(stalenessAt([], 0.5), undefined);
  const even = [{ fromMs: 0, toMs: 1_000 }];
  assert.equal(stalenessAt(even, 0.5), 500);
  assert.equal(stalenessAt(even, 0.99), 990);
  const uneven = [...Array.from({ length: 9 }, () => ({ fromMs: 0, toMs: 1_000 })), { fromMs: 0, toMs: 9_000 }];
  assert.equal(stalenessAt(uneven, 0.5), 900);
  assert.equal(Math.round(stalenessAt(uneven, 0.99) ?? 0), 8_820);
});

test('quantiles of staleness grow with their share and stay between the extremes', () => {
  const stretch = fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.double({ min: 0, max: 1e6, noNaN: true })).map(([fromMs, lasted]) => ({ fromMs, toMs: fromMs + lasted }));
  fc.assert(fc.property(fc.array(stretch, { minLength: 1, maxLength: 20 }), (stretches) => {
    const ages = [0, 0.1, 0.5, 0.9, 0.99, 1].map((q) => stalenessAt(stretches, q) ?? NaN);
    ages.slice(1).forEach((age, i) => assert.ok(age >= (ages[i] ?? 0) - 1e-6));
    assert.ok((ages.at(-1) ?? 0) <= Math.max(...stretches.map((one) => one.toMs)) + 1e-6);
  }), { seed: 5 });
});

test('how often a feed changes is known after five changes', () => {
  assert.equal(changesEvery([0, 10, 20, 30]), undefined);
  assert.equal(changesEvery([0, 10, 20, 30, 1_000]), 10);
});

const standing: Standing = { now: NOW, wishMs: 90 * MINUTE, hasVersion: true, freshAt: NOW - MINUTE, failing: false, gone: false, gapMs: 60 * MINUTE, delayMs: 100, p99Ms: 70 * MINUTE };
const verdict = (given: Partial<Standing>): string => verdictOn({ ...standing, ...given });

test('met, late, infeasible, pending and failing are told apart', () => {
  assert.equal(verdict({}), 'met');
  assert.equal(verdict({ freshAt: NOW - 95 * MINUTE }), 'late');
  assert.equal(verdict({ p99Ms: 95 * MINUTE }), 'late-lately');
  assert.equal(verdict({ wishMs: 30 * MINUTE }), 'infeasible');
  assert.equal(verdict({ gapMs: 89 * MINUTE, delayMs: 10 * MINUTE }), 'infeasible');
  assert.equal(verdict({ hasVersion: false }), 'pending');
  assert.equal(verdict({ hasVersion: false, failing: true }), 'failing');
  assert.equal(verdict({ failing: true }), 'met', 'one failure is not yet lateness');
  assert.equal(verdict({ failing: true, freshAt: NOW - 95 * MINUTE }), 'failing');
  assert.equal(verdict({ gone: true }), 'gone');
});

const reliance: Reliance = { poolWordAt: NOW, subscribedAt: NOW - 60 * MINUTE, wishMs: 10 * MINUTE, ownPlanAt: NOW - MINUTE, unit: 0 };

test('a peer asks itself when the pool has been silent for the wish and some grace', () => {
  assert.equal(asksItselfAt(reliance), NOW + 10 * MINUTE + graceFor(10 * MINUTE));
});

test('its own polite plan still holds: failing open is no reason to hurry', () => {
  assert.equal(asksItselfAt({ ...reliance, poolWordAt: 0, ownPlanAt: NOW + 50 * MINUTE }), NOW + 50 * MINUTE);
});

test('with the next word of the pool there is nothing left to do', () => {
  const silent = { ...reliance, poolWordAt: NOW - 60 * MINUTE };
  assert.ok(asksItselfAt(silent) <= NOW);
  assert.ok(asksItselfAt({ ...silent, poolWordAt: NOW }) > NOW + 10 * MINUTE);
});

const first: FirstWait = { subscribedAt: NOW, leadKnownAt: undefined, slot: undefined, subscribers: 1, ownPlanAt: NOW, unit: 0 };

test('a first version is waited for only a moment, because a reader is waiting', () => {
  assert.equal(asksFirstAt(first), NOW + FIRST_VERSION_MS);
  assert.equal(asksFirstAt({ ...first, ownPlanAt: NOW + MINUTE }), NOW + MINUTE);
});

test('without any version the pollers ask first, one after the other, and all others after them, spread', () => {
  const known = { ...first, leadKnownAt: NOW + 3_000, subscribers: 30 };
  const pollers = [1, 2].map((slot) => asksFirstAt({ ...known, slot, unit: 1 }));
  const others = [0, 0.5, 1].flatMap((unit) => [asksFirstAt({ ...known, unit }), asksFirstAt({ ...first, subscribers: 30, unit })]);
  assert.ok(pollers.every((at) => at >= NOW + 3_000 + FIRST_VERSION_MS), 'the lead has had its time');
  assert.ok((pollers[1] ?? 0) - (pollers[0] ?? 0) >= 1_000);
  assert.ok([0, 1].every((unit) => asksFirstAt({ ...known, unit }) > (pollers[1] ?? 0)));
  assert.ok(Math.max(...others) - Math.min(...others) >= 4_000);
  assert.ok([0, 1].every((unit) => asksFirstAt({ ...known, leadKnownAt: NOW + 60_000, unit }) <= NOW + 22_000), 'nobody waits for ever for a pool that finds no lead');
});

test('after a start old feeds give the pool time to settle, spread over half the wish', () => {
  const old = { ...reliance, poolWordAt: 0, subscribedAt: NOW, ownPlanAt: 0 };
  const times = [0, 0.25, 0.5, 0.75, 1].map((unit) => asksItselfAt({ ...old, unit }) - NOW);
  assert.ok(times.every((at) => at >= 2 * MINUTE));
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) >= 5 * MINUTE);
});
