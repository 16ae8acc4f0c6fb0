/**
 * Degree tables under any sequence of claims: bounds hold at every instant, nobody waits for a lower rank, nobody takes from an equal.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Claim } from '../../../src/protocol/alm/market/degree-table.ts';
import { DegreeTable, rankOf } from '../../../src/protocol/alm/market/degree-table.ts';

const SESSIONS = ['a', 'b', 'c', 'd', 'e'];
const claims = fc.record({ session: fc.constantFrom(...SESSIONS), degree: fc.integer({ min: 0, max: 6 }) });
/** A session has one priority, and is a member at this machine or is not. */
const membership = fc.option(fc.record({ needed: fc.integer({ min: 1, max: 4 }), offered: fc.integer({ min: 1, max: 6 }) }), { nil: undefined });
const kinds = fc.array(fc.record({ priority: fc.integer({ min: 1, max: 3 }), member: membership, rateBps: fc.constantFrom(0, 1, 3) }), { minLength: SESSIONS.length, maxLength: SESSIONS.length });

const sentFor = (held: readonly Claim[]): number => held.reduce((sum, { degree, rateBps, member }) => sum + (member === undefined ? (degree - 1) * rateBps : 0), 0);
/** What stays when this is claimed: all at the same rank or a higher one, what own sessions need, and all of theirs from one another. */
const keptOf = (held: Claim, claim: Claim): number => {
  if (held.priority <= rankOf(claim) || (held.member !== undefined && claim.member !== undefined)) return held.degree;
  return Math.min(held.degree, held.member?.needed ?? 0);
};

test('no bound is exceeded, and what is refused was held at the same rank or a higher one', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 9 }), fc.constantFrom(Infinity, 4, 12), kinds, fc.array(claims, { maxLength: 30 }), (bound, upBps, kind, steps) => {
    const table = new DegreeTable(bound, upBps);
    for (const { session, degree } of steps) {
      const claim: Claim = { session, degree, ...(kind[SESSIONS.indexOf(session)] as (typeof kind)[number]) };
      const before = table.claims;
      if (degree === 0) table.release(session);
      else {
        const others = before.filter((held) => held.session !== session);
        const room = bound - others.reduce((sum, held) => sum + keptOf(held, claim), 0);
        const spoken = others.reduce((sum, { member, degree: used }) => sum + (member === undefined ? 0 : Math.max(used, member.offered)), 0);
        const isSendable = claim.member !== undefined || sentFor([...others.filter((held) => held.priority <= claim.priority), claim]) <= upBps;
        const isOffered = claim.member === undefined || Math.max(claim.member.offered, degree) <= bound - spoken;
        const taking = table.take(claim);
        assert.equal(taking.isGranted, degree <= room && isSendable && isOffered, 'a claim waits for nobody below it');
        assert.equal(table.heldBy(session), taking.isGranted ? degree : (before.find((held) => held.session === session)?.degree ?? 0), 'all of it or nothing');
        for (const held of others) {
          const left = table.heldBy(held.session);
          if (!taking.isGranted) assert.equal(left, held.degree);
          assert.ok(left >= keptOf(held, claim), 'the holder keeps');
          const loss = taking.isGranted ? taking.losses.find((one) => one.session === held.session) : undefined;
          assert.equal(held.degree - left, loss?.lost ?? 0, 'every loss is told');
          if (left !== held.degree && held.member === undefined) assert.notEqual(left, 1, 'nobody is left with one link');
        }
      }
      assert.ok(table.used <= bound);
      assert.ok(sentFor(table.claims) <= upBps);
      assert.equal(table.used, table.rows.reduce((sum, links) => sum + links, 0));
      assert.equal(table.used, table.claims.reduce((sum, held) => sum + held.degree, 0));
      assert.equal(table.free, bound - table.used);
    }
  }));
});

test('the lowest yields first, among equals the latest, and no more than needed', () => {
  const table = new DegreeTable(9);
  const claim = (session: string, priority: number, degree: number): Claim => ({ session, priority, degree, member: undefined, rateBps: 0 });
  for (const one of [claim('two', 2, 3), claim('early', 3, 3), claim('late', 3, 3)]) table.take(one);
  const taking = table.take(claim('one', 1, 4));
  assert.deepEqual(taking, { isGranted: true, losses: [{ session: 'late', lost: 3, left: 0 }, { session: 'early', lost: 1, left: 2 }] });
  assert.deepEqual(table.rows, [4, 3, 2]);
});
