/** Copies of registers: who gets them, who is believed, and what becomes of them. Each test is one sentence of docs/decisions/0061-when-pollers-die.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import { Heirs } from '../../../src/protocol/feed/heirs.ts';
import { Local, TIMER } from '../../../src/protocol/local.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { Alarms } from '../../../src/protocol/overlay/alarms.ts';
import type { FeedRegistered } from '../../../src/protocol/wire/feed-messages.ts';
import { RecordingEnv } from '../protocol/recording-env.ts';

const key = positionFromLead(500);

function peer(name: string, incarnation = 1): Contact {
  return { peerId: name, position: positionFromLead(name.length), addresses: [], name: '', incarnation };
}

function copyOf(...pollers: string[]): FeedRegistered {
  return {
    type: 'feedRegistered', op: 0, key, known: true, epoch: 3, pollers: pollers.map((name, slot) => ({ slot, contact: peer(name) })), anchorAgeMs: 0, strictestMs: 1_000, floorMs: 0, subscribers: 2, leaseMs: 0, samples: [], signers: [], banned: [],
    copy: true,
  };
}

class Peer {
  readonly env = new RecordingEnv();
  readonly heirs: Heirs;
  readonly adopted: FeedRegistered[] = [];
  successor = peer('next');
  predecessor = peer('before');
  owns = false;
  isNear = false;

  constructor() {
    const local = new Local(this.env, protocolOptions(), peer('self'));
    const alarms = new Alarms(local, TIMER.feeds);
    this.env.onTimer = () => alarms.onTimer();
    this.heirs = new Heirs({
      local, alarms, successor: () => this.successor, predecessor: () => this.predecessor, owns: () => this.owns, isRingNeighbour: () => this.isNear, keys: () => [key], copy: () => copyOf('lead'),
      adopt: (copy) => this.adopted.push(copy),
    });
  }

  get sentTo(): string[] {
    return this.env.sent.splice(0).map(({ to }) => to.peerId);
  }
}

test('a copy goes to the successor twice, and all of them to a successor that is new or begins a new life', () => {
  const self = new Peer();
  self.heirs.onRingChanged();
  self.env.advance(10_000);
  assert.deepEqual(self.sentTo, ['next', 'next']);
  self.heirs.onRingChanged();
  self.env.advance(10_000);
  assert.deepEqual(self.sentTo, []);
  self.successor = peer('next', 2);
  self.heirs.onRingChanged();
  self.env.advance(10_000);
  self.heirs.changed(key);
  self.env.advance(10_000);
  assert.deepEqual(self.sentTo, ['next', 'next', 'next', 'next']);
});

test('only the neighbours on the ring are believed; what is kept is taken over with the key, without the slot of whoever has gone', () => {
  const self = new Peer();
  self.heirs.onCopy(peer('stranger'), copyOf('lead'));
  assert.equal(self.heirs.kept, 0);
  self.heirs.onCopy(peer('before'), copyOf('lead', 'before'));
  assert.deepEqual([self.heirs.kept, self.adopted.length], [1, 0]);
  self.owns = true;
  self.heirs.onZoneChanged();
  assert.deepEqual([self.heirs.kept, self.adopted.map(({ pollers }) => pollers.map(({ contact }) => contact.peerId))], [0, [['lead']]]);
});

test('an old copy is worth nothing', () => {
  const self = new Peer();
  self.heirs.onCopy(peer('before'), copyOf('lead'));
  self.env.advance(31 * 60_000);
  self.owns = true;
  self.heirs.onZoneChanged();
  assert.deepEqual([self.heirs.kept, self.adopted.length], [0, 0]);
});

test('a key that goes to a peer that joins goes with its copy, and a peer that comes back to its place gets its own back', () => {
  const self = new Peer();
  self.heirs.onRingChanged();
  self.env.advance(10_000);
  assert.deepEqual(self.sentTo, ['next', 'next']);
  self.heirs.handOver(copyOf('lead'));
  assert.deepEqual([self.sentTo, self.heirs.kept], [['before'], 1]);
  self.heirs.onRingChanged();
  assert.deepEqual(self.sentTo, []);
  self.predecessor = peer('before', 2);
  self.heirs.onRingChanged();
  self.heirs.onRingChanged();
  assert.deepEqual(self.sentTo, ['before']);
});

test('whoever owns the key already takes a copy at once', () => {
  const self = new Peer();
  self.owns = true;
  self.heirs.onCopy(peer('next'), copyOf('lead'));
  assert.deepEqual([self.heirs.kept, self.adopted.length], [0, 1]);
});
