/**
 * One agent, message by message: the others are played by the test. What arrives twice, late or never, who is locked, who
 * lies, who stands on whose path.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../../src/core/contact.ts';
import { treeOf } from '../../../../src/protocol/lagover/agent/tree.ts';
import { protocolOptions } from '../../../../src/protocol/options.ts';
import type { LagInput, LagMeet, LagPath, LagReply } from '../../../../src/protocol/wire/lagover-messages.ts';
import { OUTCOME } from '../../../../src/protocol/wire/lagover-messages.ts';
import { TreePeer } from '../../../../src/sim/lagover/tree-peer.ts';
import { peerAt, RecordingEnv } from '../../protocol/recording-env.ts';

const source = peerAt(0.9);
const self = peerAt(0.5);
const [a, b, c] = [peerAt(0.1), peerAt(0.2), peerAt(0.3)];
const tree = treeOf({ id: 'tree', source });

class Stage {
  readonly env = new RecordingEnv();
  readonly peer: TreePeer;
  /** Whom the oracle names. */
  named: Contact | undefined = a;

  answerOracle: (peer: Contact | undefined) => void = () => undefined;

  constructor(terms = { fanout: 2, constraint: 4 }, contact = self, of = tree, answers = true) {
    this.peer = new TreePeer(this.env, protocolOptions(), contact);
    this.env.onTimer = (kind) => this.peer.onTimer(kind);
    this.peer.lagover.join(of, terms, { ask: (_wish, onAnswer) => (answers ? onAnswer(this.named) : (this.answerOracle = onAnswer)) });
  }

  get agent() {
    const agent = this.peer.lagover.agent('tree');
    assert.ok(agent);
    return agent;
  }

  hear(from: Contact, message: LagInput | LagReply): void {
    this.peer.onMessage(from, message, this.env.now());
  }

  /** Lets the agent meet whom the oracle names, and answers with a slot below it. */
  attach(path: LagPath = pathOf(a, source)): void {
    this.env.advance(1);
    const meet = this.env.takeOf('lagMeet')[0];
    assert.ok(meet);
    this.hear(meet.to, granted(meet.message, path));
  }

  answerTo(peer: Contact) {
    return this.env.takeOf('lagAnswer').filter(({ to }) => to.peerId === peer.peerId).map(({ message }) => message);
  }
}

function member(contact: Contact, wishes: { fanout?: number; constraint?: number } = {}) {
  const { fanout = 1, constraint = 4 } = wishes;
  return { contact, fanout, constraint, limit: constraint, openSlots: fanout, hop: 0 };
}

function meetFrom(peer: Contact, link: number, wishes: Partial<LagMeet> = {}): LagMeet {
  return { type: 'lagMeet', op: link, tree: 'tree', link, self: member(peer), children: [], lost: '', hop: 0, avoided: [], ...wishes };
}

/** The way to the root, the parent first. */
function pathOf(...contacts: Contact[]): LagPath {
  const rooted = contacts.at(-1) === source;
  const steps = contacts.map((contact, place) => ({ contact, delay: contacts.length - 1 - place + (rooted ? 0 : 1), constraint: rooted && place === contacts.length - 1 ? 0 : 4, roomFrom: 0, laxer: 0 }));
  return { steps, rooted, rootLimit: 4, heir: undefined };
}

function granted(meet: { op: number; link: number }, path: LagPath): LagInput {
  return { type: 'lagAnswer', op: meet.op, tree: 'tree', link: meet.link, outcome: OUTCOME.granted, to: undefined, descends: false, path, stamp: 1, version: 1 };
}

test('a free slot is granted in one round trip, and the same meeting twice gives the same grant once', () => {
  const stage = new Stage({ fanout: 2, constraint: 0 }, source);
  stage.hear(b, meetFrom(b, 1));
  stage.hear(b, meetFrom(b, 1));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.granted, OUTCOME.granted]);
  assert.equal(stage.agent.children.length, 1);
  assert.equal(stage.agent.openSlots, 1);
});

test('a late copy of an older meeting or release changes nothing', () => {
  const stage = new Stage({ fanout: 1, constraint: 0 }, source);
  stage.hear(b, meetFrom(b, 7));
  stage.answerTo(b);
  stage.hear(b, meetFrom(b, 5));
  stage.hear(b, { type: 'lagRelease', op: 3, tree: 'tree', link: 5 });
  assert.deepEqual(stage.agent.children, [b]);
  assert.equal(stage.answerTo(b).length, 0);
  stage.hear(b, { type: 'lagRelease', op: 4, tree: 'tree', link: 7 });
  assert.deepEqual(stage.agent.children, []);
});

test('a lost answer: the meeting is asked again, and after the last time the next contact is met', () => {
  const stage = new Stage(undefined, self, treeOf({ id: 'tree', source, timeout: 100 }));
  stage.env.advance(1);
  assert.equal(stage.env.takeOf('lagMeet').length, 1);
  stage.named = c;
  stage.env.advance(8_000);
  const to = stage.env.takeOf('lagMeet').map((sent) => sent.to.peerId);
  assert.deepEqual(to.slice(0, 3), [a.peerId, a.peerId, c.peerId]);
});

test('a grant that arrives twice is not given back; one for a place that was given up is', () => {
  const stage = new Stage();
  stage.env.advance(1);
  const first = stage.env.takeOf('lagMeet')[0];
  assert.ok(first);
  stage.hear(a, granted(first.message, pathOf(a, source)));
  stage.hear(a, granted(first.message, pathOf(a, source)));
  assert.equal(stage.env.takeOf('lagRelease').length, 0);
  stage.hear(b, granted({ op: 0, link: first.message.link - 1 }, pathOf(b, source)));
  assert.deepEqual(stage.env.takeOf('lagRelease').map(({ to }) => to), [b]);
  assert.equal(stage.agent.parent, a);
});

test('a lease ends at the child before it ends at the parent', () => {
  const child = new Stage();
  child.attach();
  child.env.advance(tree.leaseMs - 1);
  // Nothing was answered since the meeting: the child counts from when it asked.
  assert.equal(child.agent.parent, undefined);
  const parent = new Stage({ fanout: 1, constraint: 0 }, source);
  parent.env.advance(1);
  parent.hear(b, meetFrom(b, 1));
  parent.env.advance(tree.leaseMs - 1);
  assert.equal(parent.agent.openSlots, 0);
  parent.env.advance(2);
  assert.equal(parent.agent.openSlots, 1);
});

test('a locked peer agrees to no other plan, and to the same one twice', () => {
  const stage = new Stage({ fanout: 2, constraint: 0 }, source);
  const lock = (op: number, plan: number): LagInput => ({ type: 'lagLock', op, tree: 'tree', plan, leave: [], come: ['x'], moves: false, parent: '', allLeave: false });
  stage.hear(b, lock(1, 11));
  stage.hear(c, lock(2, 12));
  stage.hear(b, lock(3, 11));
  assert.deepEqual(stage.env.takeOf('lagLocked').map(({ message }) => message.locked), [true, false, true]);
  stage.hear(a, meetFrom(a, 1));
  assert.deepEqual(stage.answerTo(a).map(({ outcome }) => outcome), [OUTCOME.busy], 'who is locked decides nothing');
  stage.hear(c, { type: 'lagUnlock', tree: 'tree', plan: 11 });
  stage.hear(a, meetFrom(a, 2));
  assert.deepEqual(stage.answerTo(a).map(({ outcome }) => outcome), [OUTCOME.busy], 'only the coordinator unlocks');
  stage.env.advance(tree.lockMs + 1);
  stage.hear(a, meetFrom(a, 3));
  assert.deepEqual(stage.answerTo(a).map(({ outcome }) => outcome), [OUTCOME.granted], 'a lock ends with its lease');
});

test('a peer refuses a lock that does not fit what it is: strange children, no room, another parent', () => {
  const stage = new Stage({ fanout: 1, constraint: 4 });
  stage.attach();
  stage.env.take();
  const lock = (op: number, wishes: object): LagInput => ({ type: 'lagLock', op, tree: 'tree', plan: op, leave: [], come: [], moves: false, parent: '', allLeave: false, ...wishes });
  stage.hear(c, lock(1, { leave: [b.peerId] }));
  stage.hear(c, lock(2, { come: [b.peerId, c.peerId] }));
  stage.hear(c, lock(3, { moves: true, parent: b.peerId }));
  assert.deepEqual(stage.env.takeOf('lagLocked').map(({ message }) => message.locked), [false, false, false]);
  stage.hear(c, lock(4, { moves: true, parent: a.peerId }));
  assert.deepEqual(stage.env.takeOf('lagLocked').map(({ message }) => message.locked), [true]);
});

test('a mover keeps its parent until the new one grants, and leaves it at once when it has to wait', () => {
  for (const outcome of [OUTCOME.granted, OUTCOME.wait]) {
    const stage = new Stage();
    stage.attach();
    stage.hear(a, { type: 'lagLock', op: 1, tree: 'tree', plan: 9, leave: [], come: [], moves: true, parent: a.peerId, allLeave: false });
    stage.env.take();
    stage.hear(a, { type: 'lagMove', op: 2, tree: 'tree', plan: 9, to: b, by: c });
    assert.equal(stage.agent.parent, a);
    const claim = stage.env.takeOf('lagClaim')[0];
    assert.ok(claim);
    assert.equal(claim.to, b);
    stage.hear(b, { ...(granted(claim.message, pathOf(b, source)) as Extract<LagInput, { type: 'lagAnswer' }>), outcome });
    assert.equal(stage.agent.parent, outcome === OUTCOME.granted ? b : undefined);
    assert.deepEqual(stage.env.takeOf('lagRelease').map(({ to }) => to), [a]);
  }
});

test('a parent refuses whoever stands on its own path', () => {
  const stage = new Stage();
  stage.attach(pathOf(a, b, source));
  stage.env.take();
  stage.hear(b, meetFrom(b, 1));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.ask]);
});

test('a peer that sees itself in its parent\'s path leaves at once', () => {
  const stage = new Stage();
  stage.attach(pathOf(a));
  const link = stage.env.takeOf('lagReport')[0]?.message.link ?? (stage.env.advance(50), stage.env.takeOf('lagReport')[0]?.message.link);
  assert.ok(link !== undefined);
  stage.hear(a, { type: 'lagWay', tree: 'tree', link, stamp: 1, version: 2, path: { ...pathOf(a, b), steps: pathOf(a, self).steps } });
  assert.equal(stage.agent.parent, undefined);
  assert.deepEqual(stage.env.takeOf('lagRelease').map(({ to }) => to), [a]);
});

test('an orphan goes to the heir, and as the heir to the grandparent, naming whom it lost', () => {
  for (const [heir, next] of [[self, b], [c, c]] as const) {
    const stage = new Stage();
    stage.attach({ ...pathOf(a, b, source), heir });
    stage.env.take();
    // Nobody answers its reports any more.
    stage.env.advance(10_000);
    const meet = stage.env.takeOf('lagMeet')[0];
    assert.equal(meet?.to, next);
    assert.equal(meet?.message.lost, a.peerId);
  }
});

test('a parent that says goodbye is not waited for', () => {
  const stage = new Stage();
  stage.attach({ ...pathOf(a, b, source), heir: c });
  stage.env.advance(1);
  const link = stage.env.takeOf('lagReport')[0]?.message.link;
  assert.ok(link !== undefined);
  stage.hear(a, { type: 'lagBye', tree: 'tree', link });
  stage.env.advance(25);
  assert.equal(stage.env.takeOf('lagMeet')[0]?.to, c);
});

test('the heir waits for the slot of the lost child until its lease ends, and is told when that child lives', () => {
  const stage = new Stage({ fanout: 1, constraint: 0 }, source);
  stage.hear(a, meetFrom(a, 1));
  stage.answerTo(a);
  stage.hear(b, meetFrom(b, 1, { lost: a.peerId }));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.wait]);
  stage.hear(a, { type: 'lagReport', op: 5, tree: 'tree', link: 1, version: 1, same: false, self: member(a), children: [], room: [], laxer: [], pathVersion: 0 });
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.ask], 'it lives');
  stage.hear(b, meetFrom(b, 2, { lost: a.peerId }));
  stage.answerTo(b);
  stage.env.advance(tree.leaseMs + 1);
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.granted]);
  assert.deepEqual(stage.agent.children, [b]);
});

test('the heir gets the slot of the lost child although a plan keeps the grandparent as it is, and the plan gets what it was promised', () => {
  const stage = new Stage({ fanout: 2, constraint: 0 }, source);
  const reportOfC: LagInput = { type: 'lagReport', op: 5, tree: 'tree', link: 1, version: 1, same: false, self: member(c), children: [], room: [], laxer: [], pathVersion: 0 };
  const d = peerAt(0.4);
  for (const child of [a, c]) stage.hear(child, meetFrom(child, 1));
  stage.env.advance(tree.leaseMs - 100);
  stage.hear(c, reportOfC);
  stage.hear(c, { type: 'lagLock', op: 6, tree: 'tree', plan: 1, leave: [c.peerId], come: [d.peerId], moves: false, parent: '', allLeave: false });
  stage.hear(b, meetFrom(b, 1, { lost: a.peerId }));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.wait], 'the lost child has its slot still');
  stage.env.advance(101);
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.granted]);
  const claim: LagInput = { type: 'lagClaim', op: 7, tree: 'tree', link: 2, self: member(d), children: [], plan: 1 };
  stage.hear(d, claim);
  assert.deepEqual(stage.answerTo(d).map(({ outcome }) => outcome), [OUTCOME.wait]);
  stage.hear(c, { type: 'lagRelease', op: 8, tree: 'tree', link: 1 });
  assert.deepEqual(stage.answerTo(d).map(({ outcome }) => outcome), [OUTCOME.granted]);
  assert.deepEqual(new Set(stage.agent.children), new Set([b, d]));
});

test('a peer that leaves says so to its children and to its parent', () => {
  const stage = new Stage();
  stage.attach();
  stage.hear(b, meetFrom(b, 1));
  stage.env.take();
  stage.peer.lagover.leave('tree');
  const sent = stage.env.take().map(({ to, message }) => `${message.type} ${to.peerId}`);
  assert.deepEqual(sent.sort(), [`lagBye ${b.peerId}`, `lagRelease ${a.peerId}`]);
});

const lies: readonly (readonly [string, LagPath])[] = [
  ['that it stands nearer than its own path says', { ...pathOf(a, b, source), steps: pathOf(a, b, source).steps.map((step, place) => (place === 0 ? { ...step, delay: 1 } : step)) }],
  ['that it hears from the source, with a path that does not end there', { ...pathOf(a, b), rooted: true }],
  ['a path that begins elsewhere', pathOf(b, source)],
  ['no path', { ...pathOf(a, source), steps: [] }],
];
for (const [lie, path] of lies) {
  test(`a peer that claims ${lie} is left, and avoided for a while`, () => {
    const stage = new Stage();
    stage.attach(path);
    assert.equal(stage.agent.parent, undefined);
    assert.deepEqual(stage.env.takeOf('lagRelease').map(({ to }) => to), [a]);
    stage.env.advance(500);
    assert.ok(stage.env.takeOf('lagMeet').every(({ to }) => to.peerId !== a.peerId));
  });
}

test('a parent that accepts and never forwards is left: the source\'s stamp stands still', () => {
  const stage = new Stage();
  stage.attach();
  const keepAlive = (): void => {
    for (const { to, message } of stage.env.takeOf('lagReport')) {
      stage.hear(to, { type: 'lagReportReply', op: message.op, held: true, needFull: false, stamp: 1, version: 1, path: undefined });
    }
  };
  for (let ms = 0; ms < 3_000; ms += 50) {
    stage.env.advance(50);
    keepAlive();
  }
  assert.equal(stage.agent.parent, a, 'it may be slow');
  for (let ms = 0; ms < 5_000; ms += 50) {
    stage.env.advance(50);
    keepAlive();
  }
  assert.equal(stage.agent.parent, undefined);
});

test('a peer that refuses everybody although it was named is given up after a few times', () => {
  const stage = new Stage();
  for (let ms = 0; ms < 3_000; ms += 20) {
    stage.env.advance(20);
    if (ms > 200) stage.named = b;
    for (const { to, message } of stage.env.takeOf('lagMeet')) {
      if (to === b) return;
      stage.hear(to, { ...(granted(message, pathOf(a, source)) as Extract<LagInput, { type: 'lagAnswer' }>), outcome: OUTCOME.busy, path: undefined });
    }
  }
  assert.fail('it asks the same peer for ever');
});

test('an oracle that does not answer is not waited for: the source is met, and a late answer changes nothing', () => {
  const stage = new Stage(undefined, self, tree, false);
  stage.env.advance(3_900);
  assert.equal(stage.env.takeOf('lagMeet').length, 0);
  stage.env.advance(200);
  assert.deepEqual(stage.env.takeOf('lagMeet').map(({ to }) => to), [source]);
  stage.answerOracle(b);
  stage.env.advance(50);
  assert.equal(stage.env.takeOf('lagMeet').length, 0);
});

test('who was refused by a peer meets it no more for a while, whoever names it, and says so to others', () => {
  const stage = new Stage();
  for (let ms = 0; ms < 5_000; ms += 20) {
    stage.env.advance(20);
    if (stage.named === c && ms > 3_000) break;
    for (const { to, message } of stage.env.takeOf('lagMeet')) {
      const busy = { ...(granted(message, pathOf(a, source)) as Extract<LagInput, { type: 'lagAnswer' }>), outcome: OUTCOME.busy, path: undefined };
      if (to !== a) {
        assert.deepEqual(message.avoided, [a.peerId]);
        // It names the liar again, as its child.
        stage.hear(to, { ...busy, outcome: OUTCOME.refer, to: a, descends: true });
      } else stage.hear(to, busy);
      if (message.avoided.length > 0) {
        assert.notEqual(to, a);
        stage.named = c;
      }
    }
  }
  assert.equal(stage.named, c, 'it was refused, and met somebody else');
});

test('whoever is met names no child that the other one was refused by, whatever slots that child claims', () => {
  const stage = new Stage({ fanout: 2, constraint: 0 }, source);
  for (const [child, op] of [[a, 1], [b, 2]] as const) {
    stage.hear(child, meetFrom(child, op));
    const self = member(child, { fanout: child === a ? 8 : 1 });
    const room = Array.from({ length: 32 }, (_, hops) => (hops === 0 ? 0 : self.openSlots));
    stage.hear(child, { type: 'lagReport', op: 5, tree: 'tree', link: op, version: 1, same: false, self, children: [], room, laxer: [], pathVersion: 0 });
  }
  for (const [avoided, expected] of [[[], a], [[a.peerId], b]] as const) {
    stage.env.take();
    stage.hear(c, meetFrom(c, 7, { self: member(c, { fanout: 0 }), avoided }));
    assert.deepEqual(stage.answerTo(c).map(({ outcome, to }) => [outcome, to]), [[OUTCOME.refer, expected]]);
  }
});

test('a peer that two reports of different ages name at two places is one peer to the rules', () => {
  const stage = new Stage({ fanout: 2, constraint: 0 }, source);
  const twice = member(c, { fanout: 0 });
  for (const [child, op] of [[a, 1], [b, 2]] as const) {
    stage.hear(child, meetFrom(child, op));
    stage.hear(child, {
      type: 'lagReport', op: 5, tree: 'tree', link: op, version: 1, same: false, self: { ...member(child), openSlots: 0 }, children: [twice], room: [], laxer: [], pathVersion: 0,
    });
  }
  stage.env.take();
  const other = peerAt(0.35);
  stage.hear(other, meetFrom(other, 3, { self: member(other, { fanout: 1, constraint: 1 }), children: [twice] }));
  assert.equal(stage.answerTo(other).length, 1, 'it decides, and does not break');
});

test('reports tell only what changed, and everything when the parent does not know the rest', () => {
  const stage = new Stage();
  stage.attach();
  stage.env.advance(1);
  const reply = (needFull: boolean) => {
    const report = stage.env.takeOf('lagReport').at(-1);
    assert.ok(report);
    stage.hear(report.to, { type: 'lagReportReply', op: report.message.op, held: true, needFull, stamp: 2, version: 1, path: undefined });
    return report.message;
  };
  assert.equal(reply(false).same, false);
  stage.env.advance(tree.heartbeatMs);
  assert.equal(reply(true).same, true);
  stage.env.advance(50);
  assert.equal(reply(false).same, false);
  stage.env.take();
  stage.hear(b, meetFrom(b, 1));
  stage.env.advance(100);
  assert.deepEqual(reply(false).children.map(({ contact }) => contact), [b], 'a new child is told soon');
});

test('a claim without a plan gets a free slot where it is in time, and moves nobody', () => {
  const claim = (peer: Contact, link: number, constraint = 4): LagInput => ({ type: 'lagClaim', op: link, tree: 'tree', link, self: member(peer, { constraint }), children: [], plan: 0 });
  const stage = new Stage({ fanout: 1, constraint: 4 });
  stage.hear(b, claim(b, 1));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.refused], 'whoever floats has nothing to offer');
  stage.attach();
  stage.hear(a, claim(a, 2));
  assert.deepEqual(stage.answerTo(a).map(({ outcome }) => outcome), [OUTCOME.refused], 'it stands above');
  stage.hear(b, claim(b, 3, 1));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.refused], 'it would be late');
  stage.hear(b, claim(b, 4));
  assert.deepEqual(stage.answerTo(b).map(({ outcome }) => outcome), [OUTCOME.granted]);
  stage.hear(c, claim(c, 5, 2));
  assert.deepEqual(stage.answerTo(c).map(({ outcome }) => outcome), [OUTCOME.refused], 'there is no slot left, and nobody is turned out for it');
  assert.deepEqual(stage.agent.children, [b]);
});

test('whoever moves to another parent keeps the old one until the new one grants, and a refusal or a cycle changes nothing', () => {
  for (const [path, isThere] of [[pathOf(b, source), true], [pathOf(b, self, source), false], [undefined, false]] as const) {
    const stage = new Stage();
    stage.attach();
    stage.env.take();
    const done: boolean[] = [];
    stage.agent.moveTo(b, (result) => done.push(result));
    const sent = stage.env.takeOf('lagClaim')[0];
    assert.ok(sent?.message.plan === 0);
    assert.equal(stage.agent.parent, a);
    stage.hear(b, path === undefined ? { ...granted(sent.message, pathOf(b, source)), outcome: OUTCOME.refused, path } as LagInput : granted(sent.message, path));
    assert.deepEqual(done, [isThere]);
    assert.equal(stage.agent.parent, isThere ? b : a);
    assert.deepEqual(stage.env.takeOf('lagRelease').map(({ to }) => to), path === undefined ? [] : [isThere ? a : b]);
  }
});
