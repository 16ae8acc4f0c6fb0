/**
 * What a session remembers of machines that could help.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HelperCandidate } from '../../../src/protocol/alm/market/helper-market.ts';
import { helpersCall, helpersOp, KEPT_MAX, TURNS } from '../../../src/protocol/alm/market/candidates.ts';
import { Acquaintance } from '../../../src/protocol/alm/session/acquaintance.ts';
import { UNREST_MS } from '../../../src/protocol/alm/session/bounds.ts';
import { contactNamed } from './wires.ts';

const coordinate = { vector: [0, 0], height: 0, error: 0.1 };
const candidate = (name: string, degree = 4): HelperCandidate => ({ contact: contactNamed(name), degree, coordinate, upBps: 0, downBps: 0, stirAgeMs: 0 });
const names = (candidates: readonly HelperCandidate[]): string[] => candidates.map(({ contact }) => contact.peerId);

test('an answer that holds all there are stands alone; of those that do not, the ones before are kept for some time', () => {
  const known = new Acquaintance();
  known.note([candidate('a'), candidate('b')], false, 0);
  const both = known.note([candidate('b', 7), candidate('c')], false, UNREST_MS);
  assert.deepEqual([names(both), both.map(({ degree }) => degree)], [['a', 'b', 'c'], [4, 7, 4]]);
  assert.deepEqual(names(known.note([candidate('d')], false, UNREST_MS + 1)), ['b', 'c', 'd']);
  assert.deepEqual(names(known.note([candidate('e')], true, UNREST_MS + 2)), ['e']);
});

test('who was asked and did not answer is asked again after the others', () => {
  const known = new Acquaintance();
  const unknown = ['a', 'b', 'c'].map((name) => candidate(name));
  const asked = [1, 2, 3, 4].map(() => names(known.toAsk(unknown, 2)).join(''));
  assert.deepEqual(asked, ['ab', 'c', '', 'ab']);
});

test('where one answer cannot hold all machines, each turn keeps others, and over some turns nearly all are found', () => {
  const machines = Array.from({ length: 2 * KEPT_MAX }, (_, i) => contactNamed(`m${i}`));
  const foundAt = (turn: number): string[] => {
    const call = helpersCall(2, 1e6, turn);
    const states = machines.flatMap((contact) => {
      const op = helpersOp((priority, rateBps) => {
        assert.deepEqual([priority, rateBps], [2, 1e6]);
        return { contact, degree: 4, coordinate, stirAgeMs: 0 };
      });
      return op.init({ report: new Map() } as never, call) ?? [];
    });
    const op = helpersOp(() => undefined);
    return states.reduce((all, state) => op.merge(all, state, call)).texts.slice();
  };
  const turns = [0, 1, 2, 3, 4, TURNS - 1].map((turn) => new Set(foundAt(turn)));
  assert.ok(turns.every(({ size }) => size === KEPT_MAX));
  assert.ok(new Set(turns.flatMap((found) => [...found])).size > 1.9 * KEPT_MAX);
});
