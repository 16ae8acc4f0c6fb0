// Adaptive: its moves one by one, what each leaves undisturbed, whom peers turn to, and the systems the paper's algorithms cannot solve.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import { decideAdaptive, decideAdaptiveAtSource } from '../../../src/protocol/lagover/adaptive.ts';
import type { InformedChild, InformedCounterpart, InformedInitiator, InformedSource, SubtreeView } from '../../../src/protocol/lagover/informed-views.ts';
import { ancestorToRemember, heirAmong } from '../../../src/protocol/lagover/succession.ts';
import type { Action, RuleOptions } from '../../../src/protocol/lagover/views.ts';
import { SOURCE } from '../../../src/protocol/lagover/views.ts';
import { checkForest } from '../../../src/sim/lagover/check-forest.ts';
import { Contacts } from '../../../src/sim/lagover/contacts.ts';
import { Forest } from '../../../src/sim/lagover/forest.ts';
import { InformedViews } from '../../../src/sim/lagover/informed.ts';
import { carryOut } from '../../../src/sim/lagover/interactions.ts';
import { LagoverRounds, ROUNDS_DEFAULTS } from '../../../src/sim/lagover/rounds.ts';
import { drawWorkload } from '../../../src/sim/lagover/workloads.ts';

const DISPLACING: RuleOptions = { rules: 'displacing', source: 'pull' };
const PAPER: RuleOptions = { rules: 'paper', source: 'pull' };

/** A peer without children. */
const leaf = (id: number, constraint: number, fanout: number, rest: Partial<SubtreeView> = {}): SubtreeView =>
  ({ id, constraint, fanout, limit: constraint, openSlots: fanout, ...rest });

function initiator(constraint: number, fanout: number, children: readonly SubtreeView[] = []): InformedInitiator {
  const limit = Math.min(constraint, ...children.map((child) => child.limit - 1));
  return { ...leaf(1, constraint, fanout), limit, openSlots: fanout - children.length, children, chance: 0.4 };
}

function child(id: number, constraint: number, fanout: number, children: readonly SubtreeView[] = [], rest: Partial<InformedChild> = {}): InformedChild {
  const limit = Math.min(constraint, ...children.map((below) => below.limit - 1));
  return { ...leaf(id, constraint, fanout), limit, openSlots: fanout - children.length, children, room: 0, laxer: 0, ...rest };
}

/** j has id 2 and stands at depth 2 below peer 3, in a tree without room. */
function counterpart(constraint: number, fanout: number, children: readonly InformedChild[] = [], rest: Partial<InformedCounterpart> = {}): InformedCounterpart {
  return {
    ...child(2, constraint, fanout, children), children, hop: 1, delay: 2, parent: { id: 3, constraint: 1, delay: 1, hop: 1 },
    root: { id: SOURCE, limit: 0 }, awaited: undefined, roomAt: undefined, laxerAt: undefined, ...rest,
  };
}

const source = (children: readonly InformedChild[], rest: Partial<InformedSource> = {}): InformedSource =>
  ({ hop: 1, openSlots: 0, children, roomAt: undefined, laxerAt: undefined, ...rest });

function moved(links: readonly (readonly [number, number])[], floats: readonly number[] = [], takenOver?: number): Action {
  return { kind: 'rearrange', links: links.map(([below, parent]) => ({ child: below, parent })), floats, takenOver };
}

describe('a newcomer finds nobody in its way', () => {
  test('a free slot of j', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 0), counterpart(2, 1), PAPER), moved([[1, 2]]));
  });
  test('a free slot of the child of j that has most', () => {
    assert.deepEqual(decideAdaptive(initiator(4, 0), counterpart(2, 2, [child(7, 3, 1), child(8, 3, 2)]), PAPER), moved([[1, 8]]));
  });
  test('never deeper than its own subtree bears', () => {
    const i = initiator(9, 1, [leaf(9, 4, 0)]);
    assert.deepEqual(decideAdaptive(i, counterpart(2, 1, [child(7, 3, 1)], { roomAt: 3 }), PAPER), { kind: 'refer', to: 3 });
  });
});

describe('a newcomer is fitted in, and nobody floats', () => {
  test('above the child of j whose subtree has the most slack', () => {
    const j = counterpart(2, 2, [child(7, 4, 0), child(8, 6, 1, [leaf(9, 6, 0)])]);
    assert.deepEqual(decideAdaptive(initiator(3, 1), j, PAPER), moved([[1, 2], [8, 1]]));
  });
  test('above j, when it has slots for j and all its children: only j stands deeper', () => {
    const j = counterpart(3, 1, [child(7, 3, 0)]);
    assert.deepEqual(decideAdaptive(initiator(9, 2), j, PAPER), moved([[1, 3], [2, 1]], [], 2));
  });
  test('not above a j that would be late, or that has more slots', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 2), counterpart(2, 1, [child(7, 3, 0)]), PAPER), { kind: 'ask' });
  });
  test('by ordering the peers around j anew: 8 goes below 7, whose free slot is in time for it', () => {
    const j = counterpart(2, 2, [child(7, 3, 1), child(8, 4, 0)]);
    assert.deepEqual(decideAdaptive(initiator(3, 0), j, PAPER), moved([[1, 2], [8, 7]]));
  });
  test('a whole subtree below j is split when only that helps', () => {
    // 7 has a slot, but its child 9 must stay at depth 4. So 7 goes below i, and 9 with it to the place 7 had.
    const j = counterpart(2, 1, [child(7, 4, 1, [leaf(9, 4, 0)])]);
    assert.deepEqual(decideAdaptive(initiator(3, 2), j, PAPER), moved([[1, 2], [7, 1], [9, 1]]));
  });
  test('in place of a laxer grandchild of j, whose children it takes; that one finds a slot beside them', () => {
    const g = leaf(9, 5, 2, { openSlots: 1, limit: 4 });
    const j = counterpart(2, 1, [child(7, 3, 1, [g])]);
    assert.deepEqual(decideAdaptive(initiator(4, 2), j, PAPER), moved([[1, 7], [9, 1]], [], 9));
  });
});

describe('where there is no place', () => {
  test('the request goes down by chance in proportion to the room there', () => {
    const j = counterpart(2, 2, [child(7, 3, 1, [leaf(8, 4, 1, { openSlots: 0, limit: 4 })], { room: 3 }), child(9, 3, 1, [leaf(10, 4, 1, { openSlots: 0, limit: 4 })], { room: 7 })]);
    const at = (chance: number): Action => decideAdaptive({ ...initiator(6, 0), chance }, j, DISPLACING);
    assert.deepEqual([at(0.29), at(0.31)], [{ kind: 'refer', to: 7 }, { kind: 'refer', to: 9 }]);
  });
  test('a laxer child of j floats, the one with the fewest slots, under `displacing` only', () => {
    const j = counterpart(2, 2, [child(7, 6, 1, [leaf(9, 4, 0)]), child(8, 5, 0)]);
    const full = { ...j, children: j.children.map((c) => ({ ...c, limit: 3 })) };
    assert.deepEqual(decideAdaptive(initiator(3, 0), full, DISPLACING), moved([[1, 2]], [8]));
    assert.deepEqual(decideAdaptive(initiator(3, 0), { ...full, roomAt: 3 }, PAPER), { kind: 'refer', to: 3 });
  });
  test('else the request goes up to where there is room, and else to where laxer ones stand', () => {
    const full = counterpart(2, 1, [child(7, 3, 0)]);
    assert.deepEqual(decideAdaptive(initiator(3, 0), { ...full, roomAt: 3, laxerAt: 4 }, DISPLACING), { kind: 'refer', to: 3 });
    assert.deepEqual(decideAdaptive(initiator(3, 0), { ...full, laxerAt: 4 }, DISPLACING), { kind: 'refer', to: 4 });
    assert.deepEqual(decideAdaptive(initiator(3, 0), full, DISPLACING), { kind: 'ask' });
  });
  test('else i lets the child go that binds it', () => {
    const i = initiator(9, 2, [leaf(8, 3, 0), leaf(9, 7, 0)]);
    assert.deepEqual(decideAdaptive(i, counterpart(2, 1, [child(7, 3, 0)]), DISPLACING), moved([], [8]));
  });
});

describe('two that float', () => {
  const floating = (constraint: number, fanout: number, rest: Partial<InformedCounterpart> = {}): InformedCounterpart =>
    counterpart(constraint, fanout, [], { delay: 1, parent: undefined, root: { id: 2, limit: constraint }, ...rest });
  test('join when the child is laxer by a hop, so that the parent stays free to choose its place', () => {
    assert.deepEqual(decideAdaptive(initiator(4, 0), floating(3, 1), PAPER), moved([[1, 2]]));
    assert.deepEqual(decideAdaptive(initiator(3, 1), floating(4, 0), PAPER), moved([[2, 1]]));
  });
  test('otherwise i goes to the source', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 2), floating(3, 2), PAPER), { kind: 'refer', to: SOURCE });
  });
  test('an heir counts as standing where its parent stood', () => {
    assert.deepEqual(decideAdaptive(initiator(3, 2), floating(3, 2, { awaited: 2 }), PAPER), moved([[1, 2]]));
  });
});

describe('at the source', () => {
  test('a free slot there, or at one of its children', () => {
    assert.deepEqual(decideAdaptiveAtSource(initiator(1, 0), source([], { openSlots: 1 }), PAPER), moved([[1, SOURCE]]));
    assert.deepEqual(decideAdaptiveAtSource(initiator(2, 0), source([child(7, 1, 1)]), PAPER), moved([[1, 7]]));
  });
  test('who need not stand there is sent on, and nobody moves for it', () => {
    const view = source([child(7, 9, 0), child(8, 1, 0)], { roomAt: 8 });
    assert.deepEqual(decideAdaptiveAtSource(initiator(3, 1), view, DISPLACING), { kind: 'refer', to: 8 });
  });
  test('who must stand there takes the place of a laxer child and adopts it', () => {
    assert.deepEqual(decideAdaptiveAtSource(initiator(1, 1), source([child(7, 9, 0), child(8, 1, 0)]), PAPER), moved([[1, SOURCE], [7, 1]]));
  });
  test('or lets a child of its own float to adopt one that must stay near', () => {
    // 4 wastes a place at the source; below i it is in time. The lax child of i has more places to choose from.
    const view = source([child(7, 1, 1, [leaf(8, 2, 1, { openSlots: 0 })]), child(4, 2, 0)]);
    assert.deepEqual(decideAdaptiveAtSource(initiator(2, 1, [leaf(9, 5, 0)]), view, DISPLACING), moved([[1, SOURCE], [4, 1]], [9]));
  });
  test('or turns it out when it has no slot for it', () => {
    const view = source([child(7, 9, 0), child(8, 1, 0)]);
    assert.deepEqual(decideAdaptiveAtSource(initiator(1, 0), view, DISPLACING), moved([[1, SOURCE]], [7]));
    assert.deepEqual(decideAdaptiveAtSource(initiator(1, 0), view, PAPER), { kind: 'ask' });
  });
});

describe('a way down through the tree', () => {
  test('is not interrupted by the time-out; a way up is', () => {
    const forest = new Forest(1, Array.from({ length: 3 }, () => ({ constraint: 9, fanout: 1 })));
    for (const peer of [1, 2, 3]) forest.join(peer);
    forest.attach(1, SOURCE);
    forest.attach(2, 1);
    const contacts = new Contacts(forest, true);
    contacts.refer(3, 1, 2);
    assert.equal(contacts.isDescending(3), true);
    contacts.refer(3, 2, 1);
    assert.equal(contacts.isDescending(3), false);
  });
  test('so chains in which every peer has one place only are found, where the time-out is shorter than the chain', () => {
    const consumers = Array.from({ length: 30 }, (_, index) => ({ constraint: index + 1, fanout: 1 }));
    for (let seed = 1; seed <= 5; seed++) {
      const run = new LagoverRounds({ sourceFanout: 1, consumers }, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', seed });
      while (!run.allSatisfied && run.round < 500) run.step();
      assert.ok(run.allSatisfied, `seed ${seed}`);
    }
  });
});

describe('whom a floating peer turns to', () => {
  test('the heir is the child with most free slots, then the largest fan-out, then the laxest subtree', () => {
    assert.equal(heirAmong([]), undefined);
    assert.equal(heirAmong([leaf(1, 9, 5, { openSlots: 0 }), leaf(2, 3, 2)]), 2);
    assert.equal(heirAmong([leaf(1, 3, 4, { openSlots: 2 }), leaf(2, 3, 5, { openSlots: 2 })]), 2);
    assert.equal(heirAmong([leaf(1, 3, 2), leaf(2, 4, 2)]), 2);
  });
  test('who comes back remembers the ancestor from which its deepest place can just be reached', () => {
    const path = [{ id: 7, delay: 4 }, { id: 8, delay: 3 }, { id: 9, delay: 2 }, { id: 10, delay: 1 }, { id: SOURCE, delay: 0 }];
    assert.equal(ancestorToRemember(path, 6, 1), 8);
    assert.equal(ancestorToRemember(path, 1, 1), 10);
    assert.equal(ancestorToRemember([{ id: SOURCE, delay: 0 }], 1, 1), SOURCE);
    assert.equal(ancestorToRemember([], 4, 1), undefined);
  });
  test('when an interior peer goes, its children are placed again by one interaction each, in any order, with their subtrees', () => {
    const consumers = [[1, 2], [3, 2], [3, 3], [4, 0], [4, 0], [4, 0], [4, 0]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number }));
    for (const order of [[2, 3], [3, 2]]) {
      const forest = new Forest(1, consumers);
      for (let peer = 1; peer <= 7; peer++) forest.join(peer);
      for (const [below, above] of [[1, 0], [2, 1], [3, 1], [4, 2], [5, 2], [6, 3], [7, 3]] as const) forest.attach(below, above);
      const contacts = new Contacts(forest, true);
      const views = new InformedViews(forest, randomFrom(1));
      contacts.leaving(1);
      forest.leave(1);
      views.refresh();
      for (const i of order) {
        const j = contacts.take(i);
        const action = j === SOURCE
          ? decideAdaptiveAtSource(views.initiator(i), views.source(i), DISPLACING)
          : decideAdaptive(views.initiator(i), views.counterpart(i, j, contacts.takeAwaitedDelay(i, j)), DISPLACING);
        assert.ok(carryOut(forest, i, action, () => {}));
      }
      assert.deepEqual(checkForest(forest), []);
      assert.deepEqual([forest.parent[3], forest.parent[2], forest.satisfiedCount], [SOURCE, 3, 6]);
    }
  });
});

test('a move counts every peer once, exceeds no fan-out, and leaves all that stand in time', () => {
  const random = randomFrom(11);
  for (let trial = 0; trial < 400; trial++) {
    const consumers = Array.from({ length: 30 }, () => ({ constraint: 1 + random.below(5), fanout: random.below(4) }));
    const forest = new Forest(2, consumers);
    for (let peer = 1; peer <= 30; peer++) forest.join(peer);
    // A tree in which everybody is in time, and floating peers with subtrees that could be.
    for (let step = 0; step < 200; step++) {
      const below = 1 + random.below(30);
      const above = random.below(31);
      if (!forest.isFloating(below) || forest.root[above] === below || !forest.hasFreeSlot(above)) continue;
      if ((forest.delay[above] as number) + 1 <= (forest.limit[below] as number)) forest.attach(below, above);
    }
    const views = new InformedViews(forest, randomFrom(trial));
    views.refresh();
    for (let i = 1; i <= 30; i++) {
      if (!forest.isFloating(i)) continue;
      const j = 1 + random.below(30);
      if (forest.root[j] !== SOURCE) continue;
      const rules = random.below(2) === 0 ? PAPER : DISPLACING;
      const limit = forest.limit[i] as number;
      const action = decideAdaptive(views.initiator(i), views.counterpart(i, j, undefined), rules);
      const placed = carryOut(forest, i, action, () => {});
      assert.deepEqual(checkForest(forest), []);
      if (action.kind !== 'rearrange' || !placed) continue;
      if (rules === PAPER) assert.deepEqual(action.floats, [], 'nobody is turned out');
      for (const floating of action.floats) assert.ok((forest.limit[floating] as number) > limit, 'only laxer ones float');
      for (let peer = 1; peer <= 30; peer++) assert.ok(forest.root[peer] !== SOURCE || forest.isSatisfied(peer), 'all that stand are in time');
    }
  }
});

test('whoever hears from the source hears in time, after every round and under churn', () => {
  for (const name of ['tf1', 'bicorr', 'planted'] as const) {
    const workload = drawWorkload({ name, peers: 120, seed: 3, slack: 1, uplinksMbps: [], rateMbps: 1 });
    assert.ok(typeof workload !== 'string');
    const run = new LagoverRounds(workload, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', churn: { leave: 0.05, rejoin: 0.2 } });
    for (let round = 0; round < 80; round++) {
      run.step();
      for (let peer = 1; peer <= 120; peer++) assert.ok(run.forest.root[peer] !== SOURCE || run.forest.isSatisfied(peer));
    }
  }
});

test('the repaired example of 3.3.1 is solved by every seed', () => {
  const consumers = [[1, 1], [2, 1], [5, 2], [4, 1], [4, 0]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number }));
  for (let seed = 1; seed <= 100; seed++) {
    const run = new LagoverRounds({ sourceFanout: 1, consumers }, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', seed });
    while (!run.allSatisfied && run.round < 5_000) run.step();
    assert.deepEqual([...run.forest.parent.subarray(1)], [0, 1, 2, 3, 3], `seed ${seed}`);
  }
});

for (const slack of [1, 2]) {
  test(`planted systems that violate the sufficient condition, slack ${slack}: every one of 25 seeds is solved`, () => {
    for (let seed = 1; seed <= 25; seed++) {
      const workload = drawWorkload({ name: 'planted', peers: 200, seed, slack, uplinksMbps: [], rateMbps: 1 });
      assert.ok(typeof workload !== 'string');
      const run = new LagoverRounds(workload, { ...ROUNDS_DEFAULTS, algorithm: 'adaptive', seed });
      while (!run.allSatisfied && run.round < 500) run.step();
      assert.ok(run.allSatisfied, `seed ${seed}`);
    }
  });
}
