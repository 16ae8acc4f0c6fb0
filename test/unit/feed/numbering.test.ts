/** What the lead gives a number to, and what it lets wait. Each test is one sentence of docs/decisions/0054-relay-of-feeds.md or 0061. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { FeedVersion } from '../../../src/protocol/feed/feed.ts';
import { Holding } from '../../../src/protocol/feed/holding.ts';
import { Intake } from '../../../src/protocol/feed/intake.ts';
import { Numbering } from '../../../src/protocol/feed/numbering.ts';
import { Packing } from '../../../src/protocol/feed/packing.ts';
import { bytesOfHex, NO_BYTES, recordOf } from '../../../src/protocol/feed/record.ts';
import { FeedStanding } from '../../../src/protocol/feed/standing.ts';
import { Local } from '../../../src/protocol/local.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import { Requests } from '../../../src/protocol/requests.ts';
import { STAMPED } from '../../../src/protocol/wire/feed-messages.ts';
import { MemoryShelf } from '../../../src/sim/feed/memory-shelf.ts';
import { toyTools } from '../../../src/sim/feed/toy-tools.ts';
import { RecordingEnv } from '../protocol/recording-env.ts';

const key = positionFromLead(1_000);
const none = (): undefined => undefined;

function peer(peerId: string): Contact {
  return { peerId, position: positionFromLead(5), addresses: [], name: '', incarnation: 1 };
}

/** A lead with two other pollers. */
class Lead {
  readonly env = new RecordingEnv();
  readonly tools = toyTools('lead');
  readonly holding: Holding;
  readonly numbering: Numbering;

  constructor() {
    const { env, tools } = this;
    const local = new Local(env, protocolOptions(), peer('lead'));
    const shelf = new MemoryShelf();
    const standing = new FeedStanding();
    const pollers = ['lead', 'a', 'b'].map((name, slot) => ({ slot, contact: peer(name) }));
    standing.learn({ type: 'feedRegistered', op: 1, key, known: true, epoch: 7, pollers, anchorAgeMs: 0, strictestMs: 60_000, floorMs: 0, subscribers: 3, leaseMs: 600_000, samples: [], signers: [], banned: [], copy: false }, local.contact, 0, 0);
    this.holding = new Holding(key, { shelf, events: { onVersion: none, onFresh: none, onRole: none, onWitness: none, onAudit: none }, wallClock: () => env.wallClock() });
    this.numbering = new Numbering(key, {
      local, holding: this.holding, standing, intake: new Intake(local, new Requests(local), shelf, tools, new Packing(shelf, tools)), isLead: () => true, attested: (_found, all) => [...all], offerOwn: none,
      take: (version, body) => this.holding.take(version, body, undefined, true),
    });
    this.numbering.begin(true);
  }

  /** What it answers to a poller that fetched `text` so long ago, and then had `base`. */
  answer(from: string, text: string, ageMs: number, base = ''): string {
    const body = new TextEncoder().encode(text);
    const found: Omit<FeedVersion, 'stamp'> = {
      hash: this.tools.hash(body), size: body.length, contentType: '', etag: '', lastModified: '', fetchedAt: this.env.wallClock() - ageMs, askedBefore: 0, items: [], attestations: [{ peerId: from, at: 1, signature: new Uint8Array(64) }],
    };
    const held = base === '' ? undefined : new TextEncoder().encode(base);
    const packed = this.tools.pack(body, held);
    this.env.sent = [];
    this.numbering.onFound(peer(from), { type: 'feedFound', op: 1, key, record: recordOf(found), base: held === undefined ? NO_BYTES : bytesOfHex(this.tools.hash(held)), packed, ageMs });
    const { message } = this.env.sent[0] ?? assert.fail();
    assert.equal(message.type, 'feedStamped');
    return Object.entries(STAMPED).find(([, outcome]) => message.type === 'feedStamped' && outcome === message.outcome)?.[0] ?? '';
  }
}

test('a document that was fetched at about the time of the latest one, by a poller that did not have that, gets a number only if it is seen again', () => {
  const lead = new Lead();
  lead.env.advance(10_000);
  assert.equal(lead.answer('a', 'new', 10), 'stamped');
  lead.env.advance(90);
  // It was there before; its way was longer, and its age says nothing of that.
  assert.equal(lead.answer('b', 'old', 60), 'known');
  assert.equal(lead.answer('b', 'old', 60), 'known', 'a copy of the same report is none');
  assert.equal(lead.holding.latest?.stamp.seq, 1);
  lead.env.advance(20_000);
  assert.equal(lead.answer('a', 'old', 10), 'stamped', 'it is still there at the next turn');
});

test('a poller that had the latest document has found a newer one, however soon, and so has any after a while', () => {
  const lead = new Lead();
  lead.env.advance(10_000);
  assert.equal(lead.answer('a', 'one', 10), 'stamped');
  lead.env.advance(100);
  assert.equal(lead.answer('b', 'two', 10, 'one'), 'stamped');
  lead.env.advance(700);
  assert.equal(lead.answer('a', 'three', 10), 'stamped');
  assert.equal(lead.holding.latest?.stamp.seq, 3);
});
