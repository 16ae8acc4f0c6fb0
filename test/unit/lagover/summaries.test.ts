// What travels along the tree in round-based runs: the counts agree with a recount, follow a subtree that moves, and are drawn from in proportion.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../../src/core/random.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { SOURCE } from '../../../src/protocol/lagover/views.ts';
import { Forest } from '../../../src/sim/lagover/forest.ts';
import { InformedViews } from '../../../src/sim/lagover/informed.ts';
import { Summaries } from '../../../src/sim/lagover/summaries.ts';

const PEERS = 40;

function randomForest(random: Random): Forest {
  const forest = new Forest(3, Array.from({ length: PEERS }, () => ({ constraint: 1 + random.below(8), fanout: random.below(4) })));
  for (let peer = 1; peer <= PEERS; peer++) if (random.below(10) > 0) forest.join(peer);
  for (let step = 0; step < 150; step++) {
    const below = 1 + random.below(PEERS);
    const above = random.below(PEERS + 1);
    const present = above === SOURCE || forest.online[above] === 1;
    if (present && forest.isFloating(below) && forest.root[above] !== below && forest.hasFreeSlot(above)) forest.attach(below, above);
  }
  return forest;
}

function subtree(forest: Forest, top: number): number[] {
  return [top, ...forest.childrenOf(top).flatMap((child) => subtree(forest, child))];
}

test('free slots in time, and laxer peers who stand early enough, agree with a recount of each subtree', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const forest = randomForest(randomFrom(seed));
    const summaries = new Summaries(forest, randomFrom(seed));
    summaries.refresh();
    for (let node = 0; node <= PEERS; node++) {
      if (node !== SOURCE && forest.online[node] === 0) continue;
      const members = subtree(forest, node);
      for (let limit = 1; limit <= 8; limit++) {
        const room = members.filter((peer) => (forest.delay[peer] as number) < limit).reduce((sum, peer) => sum + forest.openSlots(peer), 0);
        assert.equal(summaries.roomBelow(node, limit), room, `seed ${seed}, node ${node}, limit ${limit}`);
        const laxer = members.filter((peer) => peer !== SOURCE && forest.root[peer] === SOURCE
          && (forest.delay[peer] as number) <= limit && (forest.constraint[peer] as number) > limit);
        assert.equal(summaries.laxerBelow(node, limit), laxer.length, `seed ${seed}, node ${node}, limit ${limit}`);
      }
    }
  }
});

test('free slots are counted by hops below a peer, so they stay right when its subtree moves', () => {
  const forest = new Forest(1, [[9, 1], [9, 2], [9, 1]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number })));
  for (const peer of [1, 2, 3]) forest.join(peer);
  forest.attach(1, SOURCE);
  forest.attach(3, 2);
  const summaries = new Summaries(forest, randomFrom(1));
  summaries.refresh();
  assert.deepEqual([1, 2, 3].map((limit) => summaries.roomBelow(2, limit)), [0, 1, 2]);
  forest.attach(2, 1);
  assert.deepEqual([2, 3, 4].map((limit) => summaries.roomBelow(2, limit)), [0, 1, 2]);
});

test('what a parent promised is no longer offered, until it hears again', () => {
  const forest = new Forest(1, [[9, 2], [9, 0]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number })));
  forest.join(1);
  forest.join(2);
  forest.attach(1, SOURCE);
  const summaries = new Summaries(forest, randomFrom(1));
  summaries.refresh();
  const offered = (): number[] => [1, 2, 9].map((limit) => summaries.roomToOffer(1, limit));
  assert.deepEqual(offered(), [0, 2, 2]);
  summaries.promise(1, 4);
  assert.deepEqual(offered(), [0, 2, 1], 'a deeper slot was promised, if there is one');
  summaries.promise(1, 2);
  summaries.promise(1, 2);
  assert.deepEqual(offered(), [0, 0, 0]);
  summaries.refresh();
  assert.deepEqual(offered(), [0, 2, 2]);
});

test('the source sends requests to its children in proportion to the room below them', () => {
  const forest = new Forest(3, [[9, 1], [9, 3], [9, 0]].map(([constraint, fanout]) => ({ constraint: constraint as number, fanout: fanout as number })));
  for (const peer of [1, 2, 3]) {
    forest.join(peer);
    forest.attach(peer, SOURCE);
  }
  const summaries = new Summaries(forest, randomFrom(5));
  summaries.refresh();
  const drawn = [0, 0, 0, 0];
  for (let draw = 0; draw < 4_000; draw++) drawn[summaries.drawByRoom(2)]!++;
  assert.equal(drawn[3], 0);
  assert.ok(Math.abs((drawn[2] as number) / 4_000 - 0.75) < 0.03, String(drawn));
  assert.equal(summaries.drawByRoom(1), -1, 'nobody has a slot at depth 1 to offer');
});

test('of very many children only some are shown, at the source the laxest among them', () => {
  const consumers = Array.from({ length: 200 }, (_, index) => ({ constraint: 1 + (index % 50), fanout: 100 }));
  const forest = new Forest(120, consumers);
  for (let peer = 1; peer <= 200; peer++) forest.join(peer);
  for (let peer = 1; peer <= 100; peer++) forest.attach(peer, SOURCE);
  for (let peer = 101; peer <= 199; peer++) forest.attach(peer, 1);
  const views = new InformedViews(forest, randomFrom(1));
  views.refresh();
  const source = views.source(200);
  assert.equal(source.children.length, 16);
  assert.equal(new Set(source.children.map(({ id }) => id)).size, 16);
  assert.ok(source.children.some(({ id }) => id === 50) && source.children.some(({ id }) => id === 100));
  const met = views.counterpart(200, 1, undefined);
  assert.equal(met.children.length, 32);
  assert.equal(new Set(met.children.map(({ id }) => id)).size, 32);
  assert.equal(met.openSlots, 1);
});
