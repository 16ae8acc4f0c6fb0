/**
 * The root of a session: where it puts members, and what it does about those that are lost, slow, silent or too many. Orders are read off
 * what it asks; time passes when the test says so.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFrom } from '../../../src/core/random.ts';
import type { Local } from '../../../src/protocol/local.ts';
import type { HelperCandidate } from '../../../src/protocol/alm/market/helper-market.ts';
import { NO_MARKET } from '../../../src/protocol/alm/market/helper-market.ts';
import { AWAY_MS, DISTRUST_MS, LOSSES_MAX, LOSSES_WITHIN_MS, MEMBER_LEASE_MS, REPLAN_MS, SLOW_MS, SUSPECT_LEASE_MS, UNREST_MS } from '../../../src/protocol/alm/session/bounds.ts';
import type { Party } from '../../../src/protocol/alm/session/planning.ts';
import { Roster } from '../../../src/protocol/alm/session/roster.ts';
import { TaskManager } from '../../../src/protocol/alm/session/task-manager.ts';
import type { Relay } from '../../../src/protocol/alm/stream/relay.ts';
import type { Alarms } from '../../../src/protocol/overlay/alarms.ts';
import type { Ask, Requests } from '../../../src/protocol/requests.ts';
import type { CastReport } from '../../../src/protocol/wire/cast-messages.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import { contactNamed } from './wires.ts';

const JOIN = { type: 'castJoin', op: 1, session: 's', coordinate: undefined, upBps: 0, downBps: 0 } as const;
const REPORT: CastReport = {
  type: 'castReport', op: 1, session: 's', number: 0, started: true, done: false, head: 0, latencyMs: 0, latencyHighMs: 0, parent: '', rttMs: 0, refilled: 0, lost: '', why: '', slow: '', slowBps: 0,
  leaving: '', links: 0, broken: '', returning: false,
};

/** A root that may serve so many, alone with its thoughts. */
class Root {
  readonly manager: TaskManager;
  readonly dismissed: string[] = [];
  /** What the pool answers when it is asked who could help. */
  candidates: readonly HelperCandidate[] = [];
  asked = 0;
  /** Peers that were asked to try links. */
  measured = 0;
  now = 0;
  #alarms: { readonly at: number; readonly id: number; readonly action: () => void }[] = [];
  #lastId = 0;

  constructor(degree: number, rateBps = 1e6, invitedOnly = false) {
    const alarms = {
      in: (delayMs: number, action: () => void) => {
        this.#alarms.push({ at: this.now + delayMs, id: ++this.#lastId, action });
        return this.#lastId;
      },
      cancel: (id: number) => void (this.#alarms = this.#alarms.filter((alarm) => alarm.id !== id)),
    };
    const ask = ({ to, message, onSilent }: Ask): void => {
      const order = message(1);
      if (order.type === 'castMeasure') {
        this.measured++;
        onSilent();
      }
      if (order.type === 'castOrder' && order.dismissal !== '') this.dismissed.push(`${to.peerId}: ${order.dismissal}`);
    };
    const local = {
      contact: contactNamed('root'), coordinate: undefined, timeoutTo: () => 100, isSelf: () => false, options: { castGainMs: 3 },
      env: { now: () => this.now, random: randomFrom(1), emit: () => undefined, send: () => undefined },
    };
    this.manager = new TaskManager({ key: positionFromLead(1), name: 'film', session: 's', priority: 1, rateBps, objective: 'height', awayMs: AWAY_MS, invitedOnly, degree, upBps: 0, downBps: 0 }, {
      local: local as unknown as Local, requests: { ask } as unknown as Requests, alarms: alarms as unknown as Alarms,
      market: {
        ...NO_MARKET,
        open: () => ({
          candidates: (_members, onDone) => {
            this.asked++;
            onDone(this.candidates);
          },
          hold: (wanted, onDone) => onDone(wanted), end: () => undefined,
        }),
      },
      relay: { settle: () => undefined, hold: () => undefined, head: 0 } as unknown as Relay, onNews: () => undefined,
    });
  }

  join(peerId: string, degree: number): string | undefined {
    return this.manager.onJoin(contactNamed(peerId), { ...JOIN, degree });
  }

  report(peerId: string, what: Partial<CastReport> = {}): boolean {
    return this.manager.onReport(contactNamed(peerId), { ...REPORT, ...what });
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 10;
      for (const alarm of this.#alarms.filter(({ at }) => at <= this.now)) {
        this.#alarms = this.#alarms.filter(({ id }) => id !== alarm.id);
        alarm.action();
      }
      if (this.now % 500 === 0) this.manager.onTick();
    }
  }

  /** Who hangs below whom, as one line. */
  get tree(): string {
    return this.manager.view().tree.filter(({ parent }) => parent !== null).map(({ peerId, parent }) => `${parent ?? ''}>${peerId}`).sort().join(' ');
  }

  get gone(): string[] {
    return this.manager.view().gone.map(({ peerId, why }) => `${peerId}: ${why}`);
  }
}

test('members are hung on within everybody\'s links, and one for whom there is none is refused with the reason', () => {
  const root = new Root(1);
  assert.deepEqual([root.join('m1', 2), root.join('m2', 1)], [undefined, undefined]);
  assert.equal(root.tree, 'm1>m2 root>m1');
  assert.match(root.join('m3', 1) ?? '', /links|link/);
  assert.deepEqual([root.tree, root.manager.members.length], ['m1>m2 root>m1', 2]);
  assert.equal(root.join('m1', 2), undefined, 'whoever asks again is a member already');
});

test('where only the invited may join, everybody else is refused, and who was invited later is not', () => {
  const root = new Root(3, 1e6, true);
  assert.equal(root.manager.noteInvited('m1'), true);
  assert.deepEqual([root.join('m1', 2), root.join('m2', 2)], [undefined, 'only who was invited by its root may join it']);
  root.manager.noteInvited('m2');
  assert.equal(root.join('m2', 2), undefined);
});

test('a member that vanished is waited for, also when all others are done; who comes back is gone no more, and who stays away is waited for no longer', () => {
  for (const returns of [true, false]) {
    const root = new Root(3);
    for (const member of ['m1', 'm2']) root.join(member, 2);
    for (const member of ['m1', 'm2']) root.report(member, { parent: 'root' });
    root.manager.onOwnChildLost('m1');
    root.report('m2', { done: true });
    root.pass(MEMBER_LEASE_MS + 1_000);
    assert.deepEqual([root.gone, root.manager.isEverybodyDone], [['m1: it was not heard of any more'], false]);
    assert.deepEqual(root.manager.view().awaited.map(({ peerId }) => peerId), ['m1']);
    if (returns) {
      root.join('m1', 2);
      assert.deepEqual([root.gone, root.manager.view().awaited], [[], []]);
    } else {
      root.pass(AWAY_MS - MEMBER_LEASE_MS);
      assert.equal(root.manager.isEverybodyDone, true);
    }
  }
});

test('who loses its parent is hung on elsewhere at once; an old report about a parent that it has no more changes nothing', () => {
  const root = new Root(2);
  for (const member of ['m1', 'm2', 'm3']) root.join(member, 3);
  const parent = /(m\d)>m3/.exec(root.tree)?.[1] ?? '';
  assert.notEqual(parent, '');
  root.report('m3', { lost: parent, why: 'it fell silent' });
  root.pass(30);
  const after = root.tree;
  assert.doesNotMatch(after, new RegExp(`${parent}>m3`));
  root.report('m3', { lost: parent, why: 'it fell silent' });
  root.pass(30);
  assert.equal(root.tree, after);
  assert.equal(root.report('nobody', {}), false);
});

test('a slow member becomes a leaf below somebody else, and is let go when that one finds it slow, too', () => {
  const root = new Root(2);
  for (const member of ['m1', 'm2', 'm3']) root.join(member, 3);
  const parent = /(\w+)>m1/.exec(root.tree)?.[1] ?? '';
  assert.equal(parent, 'root');
  root.manager.onOwnChildSlow('m1', 100_000);
  root.pass(30);
  const second = /(m\d)>m1/.exec(root.tree)?.[1] ?? '';
  assert.doesNotMatch(root.tree, /m1>/);
  assert.deepEqual(root.manager.view().tree.filter(({ whyFewer }) => whyFewer !== '').map(({ peerId, whyFewer }) => `${peerId}: ${whyFewer}`), ['m1: it was found slow not long ago']);
  root.report(second, { slow: 'm1', slowBps: 100_000 });
  root.pass(30);
  assert.deepEqual([root.gone, root.dismissed], [['m1: it took 100 kbit/s of a stream of 1000 kbit/s'], ['m1: it took 100 kbit/s of a stream of 1000 kbit/s']]);
});

test('a slow member serves nobody for a while; if nobody finds it slow again meanwhile, that is forgotten and it has its links back', () => {
  const root = new Root(1);
  root.join('m1', 3);
  root.join('m2', 3);
  assert.equal(root.tree, 'm1>m2 root>m1');
  root.manager.onOwnChildSlow('m1', 100_000);
  const passing = (ms: number): void => {
    for (let waited = 0; waited < ms; waited += 2_000) {
      for (const member of ['m1', 'm2', 'm3']) root.report(member);
      root.pass(2_000);
    }
  };
  passing(SLOW_MS - 4_000);
  assert.equal(root.tree, 'm2>m1 root>m2');
  root.report('m2', { leaving: 'it has seen enough' });
  assert.match(root.join('m3', 1) ?? '', /too few/, 'a leaf cannot have another below it');
  passing(4_000);
  assert.equal(root.join('m3', 1), undefined);
  assert.equal(root.tree, 'm1>m3 root>m1');
});

test('[0091] better plans are looked for as long as something has changed from outside not long ago, there or elsewhere', () => {
  const root = new Root(1);
  const coordinate = { vector: [1, 0], height: 0, error: 0.1 };
  const helper = (stirAgeMs: number): HelperCandidate => ({ contact: contactNamed('h'), degree: 4, coordinate, upBps: 0, downBps: 0, stirAgeMs });
  root.candidates = [helper(Infinity)];
  for (const member of ['m1', 'm2', 'm3']) root.join(member, 2);
  const passing = (ms: number): number => {
    root.measured = 0;
    for (let waited = 0; waited < ms; waited += 2_000) {
      for (const peer of ['m1', 'm2', 'm3', 'h']) root.report(peer);
      root.pass(2_000);
    }
    return root.measured;
  };
  assert.ok(passing(UNREST_MS) > 0, 'members have come');
  passing(REPLAN_MS);
  const asked = root.asked;
  assert.equal(passing(UNREST_MS), 0, 'nothing has changed');
  assert.ok(root.asked - asked >= UNREST_MS / REPLAN_MS - 1, 'but it goes on asking whether something has');
  root.candidates = [helper(UNREST_MS - REPLAN_MS - 2_000)];
  assert.ok(passing(REPLAN_MS) > 0, 'something has, at a machine that could help');
  root.candidates = [helper(Infinity)];
  passing(REPLAN_MS);
  assert.equal(passing(UNREST_MS), 0, 'what follows from it counts from the same moment');
});

test('whoever is not heard of is out when its lease ends, sooner if somebody found it lost; at the end everybody is told', () => {
  const root = new Root(4);
  for (const member of ['m1', 'm2']) root.join(member, 3);
  root.manager.onTick();
  root.report('m2', { lost: 'root', why: 'it fell silent' });
  for (let waited = 0; waited < MEMBER_LEASE_MS + 1_000; waited += 1_000) {
    root.report('m2');
    root.pass(1_000);
  }
  assert.deepEqual(root.gone, ['m1: it was not heard of any more']);
  root.manager.end('the stream is at its end');
  assert.deepEqual(root.dismissed, ['m2: the stream is at its end']);
  assert.equal(root.join('m3', 1), 'the session is over');
});

test('a peer that was found lost serves nobody for a while and has a shorter lease; who loses parent after parent is to blame itself', () => {
  const roster = new Roster();
  const self: Party = { peerId: 'root', degree: 2, coordinate: undefined, upBps: 0, downBps: 0 };
  const [m1, m2] = ['m1', 'm2'].map((peerId) => roster.add(contactNamed(peerId), { degree: 4, coordinate: undefined, upBps: 0, downBps: 0 }, false, 0));
  assert.ok(m1 !== undefined && m2 !== undefined && SUSPECT_LEASE_MS < MEMBER_LEASE_MS);
  assert.equal(roster.noteLoss(m2, 'm1', 0), false);
  const at = (now: number): [number[], boolean] => {
    const { members, isBarred } = roster.knowledge(self, now, () => undefined);
    return [members.map(({ degree }) => degree), isBarred('m2', 'm1')];
  };
  assert.deepEqual(at(1), [[2, 1, 4], true]);
  assert.deepEqual(at(DISTRUST_MS + 1), [[2, 4, 4], true]);
  roster.remove('m1');
  assert.deepEqual(at(1), [[2, 4], false], 'who comes back is not what it was');
  for (let loss = 1; loss < LOSSES_MAX - 1; loss++) assert.equal(roster.noteLoss(m2, `p${loss}`, loss), false);
  assert.equal(roster.noteLoss(m2, 'root', LOSSES_WITHIN_MS + 10), false, 'old losses are forgotten');
  for (let loss = 1; loss < LOSSES_MAX - 1; loss++) assert.equal(roster.noteLoss(m2, `p${loss}`, LOSSES_WITHIN_MS + 10), false);
  assert.equal(roster.noteLoss(m2, 'root', LOSSES_WITHIN_MS + 10), true);
});
