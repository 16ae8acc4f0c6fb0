/**
 * The metadata tree over a ring: what holds for simulated peers holds for real ones.
 */
import assert from 'node:assert/strict';
import { CIRCLE } from '../../src/core/position.ts';
import { randomFrom } from '../../src/core/random.ts';
import type { ProtocolOptions } from '../../src/protocol/options.ts';
import { randomKey } from '../../src/protocol/overlay/keys.ts';
import { parseQuery } from '../../src/protocol/pool/query.ts';
import type { Found, Target } from '../../src/protocol/somo/somo.ts';
import { EVERYWHERE } from '../../src/protocol/somo/somo.ts';
import { ROOT } from '../../src/protocol/somo/tree.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { converge, grow, put, textAt } from './steps.ts';

const PERIOD_MS = 1_000;
const WITHIN_MS = 30_000;
const options = (somo: ProtocolOptions['somo']): Partial<ProtocolOptions> => ({ somo, somoPeriodMs: PERIOD_MS, somoArity: 4, somoBudgetMs: 3_000 });

/** Each machine says which one it is. */
function equip(cluster: Cluster): void {
  for (const peer of cluster.alive()) cluster.node(peer).somo.readReport = (now) => ({ report: new Map<string, number>([['slot', peer], ['cpu.load', (peer % 10) / 10]]), at: now });
}

/** The machine that hosts the root, if exactly one says so. */
function rootOf(cluster: Cluster): number | undefined {
  const roots = cluster.alive().filter((peer) => cluster.node(peer).somo.view !== undefined);
  return roots.length === 1 ? roots[0] : undefined;
}

function placesOf(cluster: Cluster): string[] {
  return cluster.alive().map((peer) => cluster.node(peer).local.position.hex);
}

function isWhole(cluster: Cluster): boolean {
  const root = rootOf(cluster);
  const view = root === undefined ? undefined : cluster.node(root).somo.known(ROOT);
  const slots = view?.summary.get('slot')?.numbers[0];
  // Who is counted changes at once; values wait for their period.
  return view?.machines === cluster.alive().length && view.space === CIRCLE && slots === view.machines;
}

async function whole(cluster: Cluster): Promise<void> {
  const done = await cluster.until(() => isWhole(cluster), WITHIN_MS);
  assert.ok(done, `the root of ${cluster.kind} peers does not see everybody, ${cluster.replay}`);
}

async function ask(cluster: Cluster, peer: number, expression: string, target: Target = {}): Promise<unknown[]> {
  const { ops } = cluster.node(peer).somo;
  const { calls } = parseQuery(expression, ops);
  let found: Found | undefined;
  cluster.input(peer, (node) => node.somo.query(calls, target, (answer) => {
    found = answer;
  }));
  assert.ok(await cluster.until(() => found !== undefined, WITHIN_MS), `no answer, ${cluster.replay}`);
  return calls.map((call, i) => ops.find(call.op)?.finish(found?.states[i], call));
}

/** A pool whose root sees everybody. */
async function pool(cluster: Cluster, peers: number): Promise<void> {
  await grow(cluster, peers);
  equip(cluster);
  await whole(cluster);
}

async function gatherAndHeal(cluster: Cluster, peers: number): Promise<void> {
  await pool(cluster, peers);
  const sum = (peers * (peers - 1)) / 2;
  assert.deepEqual(await ask(cluster, 1, 'count(), sum(slot), max(slot)'), [peers, sum, peers - 1]);
  assert.deepEqual(await ask(cluster, 2, 'count()', { where: `slot < ${peers >> 1}` }), [peers >> 1]);
  const root = rootOf(cluster) as number;
  await cluster.kill(root);
  await whole(cluster);
  const asker = cluster.alive()[0] as number;
  assert.deepEqual(await ask(cluster, asker, 'count(), sum(slot)'), [peers - 1, sum - root]);
}

export const somoScenarios: Scenario[] = [
  { name: 'synchronised: the root sees everybody, questions are answered, and the view is whole again after the root died', sizes: [48, 10], options: options('synchronised'), run: gatherAndHeal },
  { name: 'unsynchronised: the root sees everybody, questions are answered, and the view is whole again after the root died', sizes: [48, 8], options: options('unsynchronised'), run: gatherAndHeal },
  {
    name: 'a message reaches those who are meant, each once',
    sizes: [48, 8],
    options: options('synchronised'),
    async run(cluster, peers) {
      const told = new Map<number, number>();
      cluster.onFact((peer, fact) => void (fact.kind === 'told' && told.set(peer, (told.get(peer) ?? 0) + 1)));
      await pool(cluster, peers);
      let found: Found | undefined;
      cluster.input(1, (node) => node.somo.tell('news', 'hello', { where: 'slot >= 3' }, (answer) => {
        found = answer;
      }));
      assert.ok(await cluster.until(() => found !== undefined, WITHIN_MS));
      assert.equal(found?.matched, peers - 3);
      assert.deepEqual([...told].sort(([a], [b]) => a - b), cluster.alive().filter((peer) => peer >= 3).map((peer) => [peer, 1]), cluster.replay);
    },
  },
  {
    name: 'a registered query goes on telling when the root moves to another machine',
    sizes: [48, 8],
    options: options('synchronised'),
    async run(cluster, peers) {
      await pool(cluster, peers);
      const watcher = cluster.alive().find((peer) => peer !== rootOf(cluster)) as number;
      const { calls } = parseQuery('count()', cluster.node(watcher).somo.ops);
      let heard: Found | undefined;
      cluster.input(watcher, (node) => node.somo.watch({ id: 7, calls, region: EVERYWHERE, where: '', leaseMs: 600_000, topic: '' }, (news) => {
        heard = news;
      }, () => undefined));
      for (let left = peers; left > peers - 3; left--) {
        assert.ok(await cluster.until(() => heard?.matched === left, WITHIN_MS), `${heard?.matched} of ${left} heard of, ${cluster.replay}`);
        const root = rootOf(cluster) ?? cluster.alive().find((peer) => peer !== watcher);
        if (root === watcher) return; // it has become the root itself: nothing moves any more
        await cluster.kill(root as number);
      }
    },
  },
  {
    name: '[0061] the most capable machine swaps places with the root, the view is whole, and what was put is read',
    sizes: [48, 8],
    options: { ...options('synchronised'), promotionLookMs: 1_000 },
    async run(cluster, peers) {
      await pool(cluster, peers);
      const key = randomKey(randomFrom(5));
      await put(cluster, 0, key, 'kept');
      const [root, places] = [rootOf(cluster) as number, placesOf(cluster)];
      const strong = (root + 1) % peers;
      for (const peer of cluster.alive()) {
        const { somo } = cluster.node(peer);
        somo.promotion.notary = cluster.notary(peer);
        somo.readReport = (now) => ({ report: new Map<string, number>([['slot', peer], ['capability', peer === strong ? 100 : 10]]), at: now });
      }
      assert.ok(await cluster.until(() => rootOf(cluster) === strong, WITHIN_MS), `the root is still ${rootOf(cluster)}, ${cluster.replay}`);
      await whole(cluster);
      await converge(cluster);
      assert.deepEqual(placesOf(cluster).sort(), places.sort(), 'the same places, two of them with another machine');
      assert.equal(await textAt(cluster, strong, key), 'kept');
      await cluster.kill(strong);
      await cluster.restart(strong);
      equip(cluster);
      assert.ok(await cluster.until(() => isWhole(cluster) && cluster.node(strong).standing === 'active', WITHIN_MS));
      assert.equal(rootOf(cluster), strong, 'it comes back to where it stood');
    },
  },
];
