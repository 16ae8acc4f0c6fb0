/**
 * The metadata tree with messages, on simulated peers: gathering, questions, messages, registered queries and healing, each
 * against what is true of all machines at once.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CIRCLE } from '../../src/core/position.ts';
import { randomFrom } from '../../src/core/random.ts';
import type { SomoMode } from '../../src/protocol/options.ts';
import { protocolOptions } from '../../src/protocol/options.ts';
import { compile } from '../../src/protocol/pool/cel.ts';
import type { Machine } from '../../src/protocol/pool/ops.ts';
import { joined } from '../../src/protocol/pool/ops.ts';
import { parseQuery } from '../../src/protocol/pool/query.ts';
import type { Found, Target } from '../../src/protocol/somo/somo.ts';
import { nodeName } from '../../src/protocol/somo/tree.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { hostOf } from '../../src/sim/somo/place.ts';
import { SomoWorld } from '../../src/sim/somo/somo-world.ts';

const PERIOD_MS = 10_000;
const HOP_MS = 50;

interface Wishes {
  readonly mode?: SomoMode;
  readonly k?: number;
  readonly seed?: number;
  readonly changeShare?: number;
  readonly loss?: number;
  readonly wire?: boolean;
}

function pool(peers: number, { mode = 'unsynchronised', k = 8, seed = 5, changeShare = 0, loss = 0, wire = false }: Wishes = {}): SomoWorld {
  const world = new SomoWorld(
    { seed, latency: new ConstantLatency(HOP_MS), rollCall: true, changeShare, loss, wire },
    protocolOptions({ somo: mode, somoArity: k, somoPeriodMs: PERIOD_MS }),
  );
  world.wire(peers);
  world.ring.world.runFor(12 * PERIOD_MS);
  return world;
}

function machines(world: SomoWorld): Machine[] {
  return world.ring.oracle.members.map(({ peerId }, i) => ({ peerId, report: world.report(world.ring.world.indexOf(world.ring.oracle.members[i] as never)) }));
}

function ask(world: SomoWorld, peer: number, expression: string, target: Target = {}): { found: Found; values: unknown[] } {
  const { ops } = world.somo(peer);
  const { calls } = parseQuery(expression, ops);
  let found: Found | undefined;
  world.somo(peer).query(calls, target, (answer) => {
    found = answer;
  });
  world.ring.world.runFor(9_000);
  assert.ok(found, 'an answer');
  const { states } = found;
  return { found, values: calls.map((call, i) => ops.find(call.op)?.finish(states[i], call)) };
}

/** The same aggregates over a list of machines in one place. */
function truth(world: SomoWorld, expression: string, of: readonly Machine[]): unknown[] {
  const { ops } = world.somo(world.rootIndex);
  return parseQuery(expression, ops).calls.map((call) => {
    const op = ops.find(call.op);
    assert.ok(op);
    return op.finish(joined(op, of.map((machine) => op.init(machine, call)), call), call);
  });
}

function assertSame(actual: unknown[], expected: unknown[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    if (typeof value === 'number' && typeof expected[i] === 'number') assert.ok(Math.abs(value - expected[i]) <= 1e-9 * Math.abs(expected[i]) + 1e-12, `${value} is ${expected[i]}`);
    else assert.deepEqual(value, expected[i]);
  });
}

const EVERYTHING = 'count(), count(net.up), sum(mem.free), min(cpu.load), max(cpu.load), avg(cpu.load), p50(mem.free), p95(mem.free), distinct(region), distinct(rare), top(cpu.load, 5), sort(disk.free, 7), sample(6)';

for (const mode of ['unsynchronised', 'synchronised'] as const) {
  describe(`gathering, ${mode}`, () => {
    const world = pool(150, { mode });

    test('[0062] the root has the whole pool: every machine once, and the whole circle', () => {
      const { view } = world;
      assert.equal(view?.machines, 150);
      assert.equal(view.space, CIRCLE);
      assert.equal(world.coverage, 1);
      assert.equal(world.surplus, 0);
    });

    test('[0063] what the root knows is no older than the flow allows', () => {
      const height = world.view?.height ?? 0;
      assert.ok(height >= 2);
      for (let i = 0; i < 40; i++) {
        world.ring.world.runFor(777);
        const bound = mode === 'unsynchronised' ? height * (PERIOD_MS + HOP_MS) : PERIOD_MS + 2 * height * HOP_MS + 777;
        assert.ok(world.ageMs <= bound, `${world.ageMs} ms at height ${height}`);
      }
    });

    test('a summary at the root equals the sum over all machines', () => {
      const load = world.view?.summary.get('cpu.load')?.numbers ?? [];
      assertSame([load[0], (load[3] as number) / (load[0] as number)], truth(world, 'count(cpu.load), avg(cpu.load)', machines(world)));
    });
  });
}

describe('differences', () => {
  for (const mode of ['unsynchronised', 'synchronised'] as const) {
    test(`${mode}: they save at least 70 % of the bytes of reports when a tenth of the values changes`, () => {
      const world = pool(200, { mode, changeShare: 0.1 });
      const before = { ...world.reportBytes };
      world.ring.world.runFor(10 * PERIOD_MS);
      const [told, full] = [world.reportBytes.told - before.told, world.reportBytes.full - before.full];
      assert.ok(1 - told / full >= 0.7, `${1 - told / full} saved`);
    });

    test(`${mode}: what is told as differences is the truth, also when parts of it are lost`, () => {
      const world = pool(120, { mode, changeShare: 0.3, loss: 0.1 });
      world.ring.world.runFor(10 * PERIOD_MS);
      world.ring.world.setLoss(0);
      for (const member of world.ring.oracle.members) {
        const index = world.ring.world.indexOf(member);
        const report = world.report(index);
        world.somo(index).readReport = (now) => ({ report, at: now });
      }
      world.ring.world.runFor(8 * PERIOD_MS);
      const all = world.ring.oracle.members.map((member) => ({ peerId: member.peerId, report: world.somo(world.ring.world.indexOf(member)).readReport(0).report }));
      const free = world.view?.summary.get('mem.free')?.numbers ?? [];
      assertSame([free[0], (free[3] as number) / (free[0] as number)], truth(world, 'count(mem.free), avg(mem.free)', all));
    });
  }
});

describe('[0057] connections', () => {
  const world = pool(100);

  test('each machine finds the machine that hosts the parent of its representative, and reports to it', () => {
    const leads = Float64Array.from(world.ring.oracle.members, ({ position }) => position.lead);
    world.ring.oracle.members.forEach((member) => {
      const somo = world.somo(world.ring.world.indexOf(member));
      const { parentNode, parent, repre } = somo.place;
      if (!parentNode) return assert.equal(repre?.level, 0);
      const expected = world.ring.oracle.members[hostOf(leads, somo.tree.key(parentNode))];
      assert.equal(parent?.peerId, expected?.peerId);
      assert.ok(somo.gather.links.find(parent as never), 'the connection stands');
    });
  });

  test('one partial report per hosted logical node: each is exact for the machines in its region', () => {
    for (const member of world.ring.oracle.members) {
      const somo = world.somo(world.ring.world.indexOf(member));
      for (const [number, partial] of somo.gather.flow.nodes) {
        const node = { level: number % 64, index: Math.floor(number / 64) };
        const { from, to } = somo.tree.region(node);
        const inside = world.ring.oracle.members.filter(({ position }) => position.lead >= from && position.lead < to);
        assert.equal(partial.machines, inside.length, nodeName(node));
      }
    }
  });

  test('if x\'s zone splits because a new neighbor joins, x breaks connections, and the pool is whole again at once', () => {
    for (let i = 0; i < 5; i++) world.join();
    world.ring.world.runFor(2 * PERIOD_MS);
    assert.equal(world.ring.oracle.size, 105);
    assert.equal(world.coverage, 1);
    assert.equal(world.view?.machines, 105);
  });

  test('what one sends in a quiet pool: at most .3 messages a second and peer, heartbeats included', () => {
    const count = (): number => world.ring.world.messageCounts().filter(({ name }) => name.startsWith('somo')).reduce((sum, { sent }) => sum + sent, 0);
    const before = count();
    world.ring.world.runFor(10 * PERIOD_MS);
    const rate = (count() - before) / (105 * 10 * PERIOD_MS / 1_000);
    assert.ok(rate <= 0.3, `${rate}`);
  });
});

describe('healing', () => {
  for (const mode of ['unsynchronised', 'synchronised'] as const) {
    test(`${mode}: after a fifth of the machines vanished, every survivor is counted again, and nothing stale survives its lease`, () => {
      const world = pool(120, { mode, seed: 9 });
      const killed = [...world.ring.world.alive()].filter((index) => index % 5 === 0);
      for (const index of killed) world.ring.crash(index);
      world.ring.world.runFor(3 * PERIOD_MS);
      assert.equal(world.coverage, 1);
      world.ring.world.runFor(9 * PERIOD_MS);
      assert.equal(world.view?.machines, 96);
      assert.equal(world.view.space, CIRCLE);
    });
  }

  test('the machine at the root dies: another one has the whole view', () => {
    const world = pool(80);
    const before = world.rootIndex;
    world.ring.crash(before);
    world.ring.world.runFor(4 * PERIOD_MS);
    assert.notEqual(world.rootIndex, before);
    assert.equal(world.coverage, 1);
  });

  test('with a tenth of all messages lost nearly everybody is counted', () => {
    const world = pool(120, { loss: 0.1 });
    let sum = 0;
    for (let i = 0; i < 30; i++) {
      world.ring.world.runFor(1_000);
      sum += world.coverage;
    }
    assert.ok(sum / 30 > 0.97, `${sum / 30}`);
  });
});

describe('questions', () => {
  const world = pool(1_000, { seed: 3 });
  const all = machines(world);

  test('every aggregate equals the truth computed from all machines', () => {
    const { found, values } = ask(world, 7, EVERYTHING);
    assertSame(values, truth(world, EVERYTHING, all));
    assert.deepEqual(found.coverage, { space: 1, machines: 1_000 });
    assert.equal(found.matched, 1_000);
  });

  test('a condition selects machines, and what matches nobody costs little', () => {
    const { found, values } = ask(world, 11, EVERYTHING, { where: 'region == "eu" && cpu.load < 0.5' });
    const meant = all.filter(({ report }) => compile('region == "eu" && cpu.load < 0.5').matches(report));
    assertSame(values, truth(world, EVERYTHING, meant));
    assert.equal(found.matched, meant.length);
    assert.equal(found.coverage.machines, 1_000, 'who is known not to match is heard, too');
    const nobody = ask(world, 11, 'count()', { where: 'rare > 1000' });
    assert.deepEqual([nobody.values[0], nobody.found.visited, nobody.found.coverage.machines], [0, 1, 1_000]);
  });

  test('a question that one machine in a hundred matches visits fewer than a tenth of them', () => {
    const large = pool(600, { seed: 2 });
    for (const where of ['rare == 50', 'rare == 0', 'rare >= 99', 'rare == 7 && region != "us"']) {
      const meant = machines(large).filter(({ report }) => compile(where).matches(report)).length;
      const { found } = ask(large, 5, 'count()', { where });
      assert.equal(found.matched, meant);
      assert.ok(found.visited < 60, `${where}: ${found.visited} of 600 for ${meant}`);
    }
  });

  test('what is always known of everybody is answered by the root alone', () => {
    const { found, values } = ask(world, 20, 'avg(cpu.load), count(), max(mem.free)');
    assertSame(values, truth(world, 'avg(cpu.load), count(), max(mem.free)', all));
    assert.equal(found.visited, 1);
  });

  test('an attribute that nobody has is null', () => {
    assert.deepEqual(ask(world, 3, 'avg(gpu.count), count(gpu.count)').values, [null, 0]);
  });
});

describe('[0069] regions', () => {
  const quarter = { from: 0, to: CIRCLE / 4 };
  for (const [k, nodes] of [[2, 1], [8, 2]] as const) {
    test(`the first quarter of the space asks ${nodes} logical node${nodes === 1 ? '' : 's'} when k=${k}, and no other machine`, () => {
      const world = pool(200, { k, seed: 4 });
      const meant = machines(world).filter((_, i) => (world.ring.oracle.members[i]?.position.lead ?? 0) < quarter.to);
      const { found, values } = ask(world, 50, 'count(), avg(cpu.load)', { region: quarter });
      assertSame(values, truth(world, 'count(), avg(cpu.load)', meant));
      assert.equal(world.somo(50).tree.cover(quarter)?.length, nodes);
      assert.equal(found.visited, nodes);
    });
  }

  test('a region with odd borders is exact, too', () => {
    const world = pool(200, { seed: 6 });
    const random = randomFrom(1);
    for (let i = 0; i < 10; i++) {
      const [a, b] = [random.unit(), random.unit()].map((share) => Math.floor(share * CIRCLE)).sort((x, y) => x - y) as [number, number];
      const meant = machines(world).filter((_, j) => {
        const lead = world.ring.oracle.members[j]?.position.lead ?? 0;
        return lead >= a && lead < b;
      });
      const { found, values } = ask(world, i, 'count(), sum(net.up)', { region: { from: a, to: b } });
      assertSame(values, [meant.length, meant.length === 0 ? null : truth(world, 'sum(net.up)', meant)[0]]);
      assert.ok(found.visited <= meant.length + 4);
    }
  });
});

describe('[0070] messages', () => {
  const world = pool(200, { seed: 8 });
  const heard: { readonly peer: number; readonly topic: string; readonly text: string }[] = [];
  world.ring.world.onFact((peer, fact) => {
    if (fact.kind === 'told') heard.push({ peer, topic: fact.topic, text: fact.text });
  });
  const tell = (topic: string, text: string, target: Parameters<ReturnType<typeof world.somo>['tell']>[2]): Found => {
    heard.length = 0;
    let found: Found | undefined;
    world.somo(33).tell(topic, text, target, (answer) => {
      found = answer;
    });
    world.ring.world.runFor(9_000);
    assert.ok(found);
    return found;
  };

  test('delivered exactly once per live machine in a quiet pool, and the acknowledged coverage says so', () => {
    const found = tell('news', 'hello', {});
    assert.deepEqual(heard.map(({ peer }) => peer).sort((a, b) => a - b), world.ring.world.alive());
    assert.deepEqual([found.matched, found.coverage], [200, { space: 1, machines: 200 }]);
  });

  test('it is possible to disseminate information to only parts of the DHT logical space', () => {
    const found = tell('news', 'left', { region: { from: 0, to: CIRCLE / 2 } });
    const left = world.ring.oracle.members.filter(({ position }) => position.lead < CIRCLE / 2);
    assert.deepEqual(heard.map(({ peer }) => peer).sort((a, b) => a - b), left.map((member) => world.ring.world.indexOf(member)).sort((a, b) => a - b));
    assert.equal(found.matched, left.length);
  });

  test('a message to the machines that match a condition reaches those and no others', () => {
    const found = tell('news', 'rare', { where: 'rare < 5' });
    const meant = world.ring.world.alive().filter((index) => (world.report(index).get('rare') as number) < 5);
    assert.deepEqual(heard.map(({ peer }) => peer).sort((a, b) => a - b), meant);
    assert.ok(meant.length > 0 && found.matched === meant.length);
  });

  test('by virtue of their op member, the SOMO nodes can perform an operation on the information before it is passed on', () => {
    tell('budget', '1000', { transform: 'share' });
    const total = heard.reduce((sum, { text }) => sum + Number(text), 0);
    assert.equal(heard.length, 200);
    assert.ok(Math.abs(total - 1_000) < 1e-6, `${total}`);
    assert.ok(heard.every(({ text }) => Math.abs(Number(text) - 5) < 1e-9), 'everybody gets the same share');
  });

  test('a message that comes twice is delivered once', () => {
    world.ring.world.setDuplicate(1);
    tell('news', 'twice', {});
    world.ring.world.setDuplicate(0);
    assert.equal(new Set(heard.map(({ peer }) => peer)).size, heard.length);
    assert.equal(heard.length, 200);
  });
});

describe('registered queries', () => {
  test('[0069] registering queries at SOMO nodes transforms the mechanism into publish-subscribe, until the lease ends', () => {
    const world = pool(100, { changeShare: 0.2 });
    const somo = world.somo(12);
    const { calls } = parseQuery('avg(cpu.load), count()', somo.ops);
    const news: Found[] = [];
    let taken = 0;
    somo.watch({ id: 77, calls, region: { from: 0, to: CIRCLE }, where: 'cpu.load > 0.5', leaseMs: 120_000, topic: '' }, (found) => news.push(found), (found) => {
      taken = found.matched;
    });
    world.ring.world.runFor(100_000);
    assert.equal(taken, 100);
    assert.ok(news.length >= 6, `${news.length} reports`);
    const last = news.at(-1) as Found;
    const all = machines(world);
    const meant = all.filter(({ report }) => (report.get('cpu.load') as number) > 0.5).length;
    assert.ok(Math.abs(last.matched - meant) < 25 && last.coverage.machines === 100);
    world.ring.world.runFor(60_000);
    const before = news.length;
    world.ring.world.runFor(60_000);
    assert.equal(news.length, before, 'nothing after the lease');
    assert.equal(somo.standing.all.some(({ id }) => id === 77), false);
  });

  test('a newcomer learns what is registered, and is counted', () => {
    const world = pool(40);
    const somo = world.somo(1);
    const { calls } = parseQuery('count()', somo.ops);
    const news: Found[] = [];
    somo.watch({ id: 5, calls, region: { from: 0, to: CIRCLE }, where: '', leaseMs: 600_000, topic: '' }, (found) => news.push(found), () => undefined);
    world.ring.world.runFor(30_000);
    const newcomer = world.join();
    world.ring.world.runFor(60_000);
    assert.ok(world.somo(newcomer).standing.all.some(({ id }) => id === 5));
    assert.equal(news.at(-1)?.matched, 41);
    assert.ok(news.some(({ coverage }) => coverage.machines < 40), 'the first answers come before all have heard of the query');
    for (const { matched, coverage } of news) assert.equal(coverage.machines, matched, 'coverage counts whoever answered this query, and nobody else');
  });

  test('[0011], [0064] a job: gathered, processed at the root, and the result told to every machine each period', () => {
    const world = pool(60);
    const heard = new Map<number, string[]>();
    world.ring.world.onFact((peer, fact) => {
      if (fact.kind === 'told' && fact.topic === 'news/load') heard.set(peer, [...(heard.get(peer) ?? []), fact.text]);
    });
    const somo = world.somo(2);
    const { calls } = parseQuery('max(cpu.load)', somo.ops);
    somo.watch({ id: 6, calls, region: { from: 0, to: CIRCLE }, where: '', leaseMs: 100_000, topic: 'news/load' }, undefined, () => undefined);
    world.ring.world.runFor(60_000);
    assert.equal(heard.size, 60);
    const latest = [...heard.values()].map((texts) => JSON.parse(texts.at(-1) as string) as { values: number[]; machines: number });
    const expected = truth(world, 'max(cpu.load)', machines(world));
    for (const { values, machines: count } of latest) assert.deepEqual([values, count], [expected, 60]);
    assert.ok([...heard.values()].every((texts) => texts.length >= 4));
  });

  test('a cancelled query is gone everywhere, and stays gone', () => {
    const world = pool(40);
    const somo = world.somo(1);
    somo.watch({ id: 5, calls: [], region: { from: 0, to: CIRCLE }, where: '', leaseMs: 600_000, topic: '' }, () => undefined, () => undefined);
    world.ring.world.runFor(20_000);
    assert.ok(world.ring.world.alive().every((index) => world.somo(index).standing.all.some(({ id }) => id === 5)));
    somo.unwatch(5, () => undefined);
    world.ring.world.runFor(40_000);
    assert.ok(world.ring.world.alive().every((index) => !world.somo(index).standing.all.some(({ id }) => id === 5)));
  });
});

describe('bad input', () => {
  test('a peer that claims impossible values is clamped or left out, and never poisons an aggregate', () => {
    const world = pool(60);
    world.somo(9).readReport = (now) => ({ report: new Map<string, number>([['mem.free', -1e9], ['degree.bound', 1e6], ['cpu.load', Number.NaN], ['net.up', Infinity]]), at: now });
    world.ring.world.runFor(60_000);
    const { values } = ask(world, 1, 'min(mem.free), max(degree.bound), avg(cpu.load), max(net.up), count()');
    assert.deepEqual([values[0], values[1], values[3], values[4]], [0, 1_000, 1e12, 60]);
    assert.ok(Number.isFinite(values[2] as number));
    assert.ok(world.somo(9).counts.clamped > 0 && world.somo(9).counts.dropped > 0);
  });

  test('the same pool, every message through the codec', () => {
    const world = pool(40, { wire: true });
    assert.equal(world.coverage, 1);
    assertSame(ask(world, 4, EVERYTHING).values, truth(world, EVERYTHING, machines(world)));
  });
});
