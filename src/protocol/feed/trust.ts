/**
 * Who may be believed about one feed: audits of versions that others found, what auditors tell one another, and who was found lying.
 *
 * An audit is a whole fetch by this peer's host; what it gives arrives as any poll's result. The same bytes: this peer attests them too, and tells some who
 * may have been given something else. Whoever has reason to doubt asks the lead what it has under that number: if it is something else, the first signer
 * of what is held here has lied. docs/decisions/0055-trust-in-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { FeedWitness } from '../wire/feed-messages.ts';
import { attest, isAttested } from './attestation.ts';
import { auditDelay, isAuditor, verdictOf } from './audit.ts';
import { COMPARE_PAUSE_MS, LIARS_MAX, LIARS_TOLD_MAX, WITNESS_SAMPLES, WITNESSED_MAX } from './bounds.ts';
import type { Attestation, FeedEvents, FeedShelf, FeedTools, FeedVersion, FoundVersion, Stamp } from './feed.ts';
import { ATTESTATIONS_MAX } from './feed.ts';
import { isPoolStamp } from './order.ts';
import { bytesOfHex, foundOf, fromWire, hexOfBytes, recordOf, toWire } from './record.ts';
import { EPOCH_SPREAD } from './register.ts';

/** The slot whose holder audits the first version of all. */
const AUDITS_FIRST = 1;

export interface TrustParts {
  readonly local: Local;
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly events: FeedEvents;
}

export interface TrustSurrounding {
  isLead(): boolean;
  /** That this peer holds; -1: none. */
  slot(): number;
  /** Identity; empty: nobody. */
  leadId(): string;
  /** Told of what this peer learns: its parent and children, and the lead. */
  neighbours(): readonly Contact[];
  /** Some other subscribers, from anywhere in the tree. */
  others(): readonly Contact[];
  subscribers(): number;
  gapMs(): Millis;
  /** Held here under that number. */
  under(stamp: Stamp): FeedVersion | undefined;
  /** What the lead has under that number. */
  askLead(stamp: Stamp, onHash: (hash: string) => void): void;
  /** Its attestations have grown. */
  onAttested(version: FeedVersion): void;
  /** Somebody saw at that time that the origin has just this version. */
  onSeenBy(version: FeedVersion, { peerId, at }: Attestation): void;
  /** That version, held here, is false, and so is whoever signed it first. */
  onFalse(version: FeedVersion): void;
  /** Shows the lead what the origin gave; the number that it has for it comes to `onNumbered`. */
  compare(seen: FoundVersion, body: Uint8Array): void;
}

export class Trust {
  readonly #key: Position;
  readonly #parts: TrustParts;
  readonly #around: TrustSurrounding;
  /** Digest of what is to be audited; empty: nothing. */
  #auditing = '';
  readonly #liars = new Set<string>();
  /** What was heard and passed on: signer and digests. */
  readonly #witnessed = new Set<string>();
  #comparesFrom: Millis = 0;
  /** Digest of what the lead said it has, when it was asked last. */
  #vouched = '';

  constructor(key: Position, parts: TrustParts, around: TrustSurrounding) {
    this.#key = key;
    this.#parts = parts;
    this.#around = around;
  }

  isLiar(peerId: string): boolean {
    return this.#liars.has(peerId);
  }

  /** Signed first by a liar, who may have found it all the same: the lead is asked, and until it says so it is not believed. */
  isDoubtful({ stamp, hash, attestations }: FeedVersion): boolean {
    if (!this.isLiar(attestations[0]?.peerId ?? '') || this.#vouched === hash) return false;
    this.#around.askLead(stamp, (numbered) => {
      this.#vouched = numbered;
    });
    return true;
  }

  /** For the register. */
  get liars(): string[] {
    return [...this.#liars].slice(-LIARS_TOLD_MAX);
  }

  /** A version came from others. */
  onCame(version: FeedVersion): void {
    const { env } = this.#parts.local;
    const gapMs = this.#around.gapMs();
    // A poller's host looks at its turn, which is the first that comes.
    const slot = this.#around.slot();
    if (slot >= 0 && (slot === AUDITS_FIRST || !isFirst(version))) this.audit(version, env.now() + gapMs);
    else if (slot < 0 && isAuditor(this.#around.subscribers(), env.random.unit()) && !isFirst(version)) this.audit(version, env.now() + auditDelay(gapMs, env.random.unit()));
  }

  audit(version: FeedVersion, at: Millis): void {
    this.#auditing = version.hash;
    this.#parts.events.onAudit(this.#key, version, at);
  }

  /** What this peer's own fetch says about what it was to audit. Without `body` it is what is held here. */
  onSeen(seen: FoundVersion, body: Uint8Array | undefined): void {
    const { shelf, local, tools } = this.#parts;
    const version = this.#auditing === '' ? undefined : shelf.find(this.#key, this.#auditing);
    this.#auditing = '';
    if (version === undefined) return;
    const at = local.env.wallClock();
    const verdict = verdictOf(version, seen);
    if (verdict === 'same') return this.#add(version, attest(this.#key, version, at, local.contact.peerId, tools));
    if (verdict === 'conflict') this.#contradict(version, seen, at);
    if (body !== undefined) this.#around.compare(seen, body);
  }

  /** The lead's own version of a document: what is held here under its number must be the same. */
  onNumbered({ stamp, hash }: FeedVersion): void {
    const held = this.#around.under(stamp);
    if (held !== undefined && held.hash !== hash) this.#condemn(held, hash);
  }

  /** What an auditor says. */
  onWitness(from: Contact, message: FeedWitness): void {
    const { shelf, tools } = this.#parts;
    const version = shelf.find(this.#key, hexOfBytes(message.hash));
    const attestation = fromWire(message.attestation);
    const other = message.other === undefined ? undefined : foundOf(message.other);
    if ((message.other !== undefined && other === undefined) || this.isLiar(attestation.peerId)) return;
    const name = `${attestation.peerId} ${hexOfBytes(message.hash)} ${other?.hash ?? ''}`;
    if (this.#witnessed.has(name)) return;
    this.#remember(name);
    if (version === undefined) return this.#onOtherHeld(message.stamp);
    if (!isAttested(this.#key, other ?? version, attestation, tools)) return;
    if (other === undefined) return this.#add(version, attestation, from.peerId);
    if (other.hash === version.hash) return;
    this.#tell(message, from.peerId, []);
    this.#onDoubt(version, attestation);
  }

  /** Somebody saw another document at the origin under a number that is held here. */
  #onOtherHeld(stamp: Stamp | undefined): void {
    const held = stamp === undefined || !isPoolStamp(stamp) ? undefined : this.#around.under(stamp);
    if (held !== undefined) this.#compareWithLead(held);
  }

  #onDoubt(version: FeedVersion, { peerId }: Attestation): void {
    const { events, local } = this.#parts;
    if (this.#around.isLead()) {
      // The lead looks itself, for all.
      if (this.#auditing === '') this.audit(version, local.env.now());
      return;
    }
    // Where the lead itself says so, everybody was told the same.
    if (peerId === this.#around.leadId()) events.onWitness(this.#key, version.hash, 'conflict');
    else this.#compareWithLead(version);
  }

  #compareWithLead(version: FeedVersion): void {
    const now = this.#parts.local.env.now();
    if (now < this.#comparesFrom) return;
    this.#comparesFrom = now + COMPARE_PAUSE_MS;
    this.#around.askLead(version.stamp, (hash) => {
      this.#vouched = hash;
      if (hash !== version.hash && this.#around.under(version.stamp)?.hash === version.hash) this.#condemn(version, hash);
    });
  }

  /** Other bytes under the same validator, seen with own eyes: the lead decides, and everybody below is warned. */
  #contradict(version: FeedVersion, seen: FoundVersion, at: number): void {
    const { events, local, tools } = this.#parts;
    const attestation = attest(this.#key, seen, at, local.contact.peerId, tools);
    this.#liars.add(version.attestations[0]?.peerId ?? '');
    events.onWitness(this.#key, version.hash, 'conflict');
    this.#tell(this.#message(version, attestation, seen), '', []);
  }

  /** The lead has something else under that number: whoever signed this first is not believed any more. */
  #condemn(version: FeedVersion, hash: string): void {
    const { local, events, tools } = this.#parts;
    const liar = version.attestations[0]?.peerId;
    if (liar === undefined || liar === local.contact.peerId) return;
    this.#liars.add(liar);
    if (this.#liars.size > LIARS_MAX) this.#liars.delete(this.#liars.values().next().value as string);
    local.env.emit({ kind: 'feed-liar', key: this.#key, peerId: liar, hash: version.hash });
    events.onWitness(this.#key, version.hash, 'conflict');
    // Whoever holds it as well compares it too.
    const instead: FoundVersion = { ...version, hash };
    this.#tell(this.#message(version, attest(this.#key, instead, local.env.wallClock(), local.contact.peerId, tools), instead), '', []);
    this.#around.onFalse(version);
  }

  #add(version: FeedVersion, attestation: Attestation, from = ''): void {
    const { attestations } = version;
    if (attestations.length >= ATTESTATIONS_MAX || attestations.some(({ peerId }) => peerId === attestation.peerId)) return;
    this.#around.onAttested({ ...version, attestations: [...attestations, attestation] });
    this.#around.onSeenBy(version, attestation);
    this.#parts.events.onWitness(this.#key, version.hash, 'same');
    // The auditor itself tells some who may stand below a liar.
    this.#tell(this.#message(version, attestation, undefined), from, from === '' ? this.#around.others().slice(0, WITNESS_SAMPLES) : []);
  }

  #message(version: FeedVersion, attestation: Attestation, seen: FoundVersion | undefined): FeedWitness {
    const other = seen === undefined ? undefined : recordOf({ ...seen, attestations: [attestation] });
    return { type: 'feedWitness', key: this.#key, hash: bytesOfHex(version.hash), attestation: toWire(attestation), other, stamp: isPoolStamp(version.stamp) ? version.stamp : undefined };
  }

  #tell(message: FeedWitness, from: string, others: readonly Contact[]): void {
    const { env, contact } = this.#parts.local;
    this.#remember(`${message.attestation.signer} ${hexOfBytes(message.hash)} ${message.other === undefined ? '' : hexOfBytes(message.other.hash)}`);
    const told = new Set([from, contact.peerId]);
    for (const peer of [...this.#around.neighbours(), ...others]) {
      if (told.has(peer.peerId)) continue;
      told.add(peer.peerId);
      env.send(peer, message);
    }
  }

  #remember(name: string): void {
    this.#witnessed.add(name);
    if (this.#witnessed.size > WITNESSED_MAX) this.#witnessed.delete(this.#witnessed.values().next().value as string);
  }
}

/** The version with which a pool begins, when slots still change hands: one poller alone audits it, because the origin is to send it at most k times. */
function isFirst({ stamp }: FeedVersion): boolean {
  return stamp.seq === 1 && stamp.epoch <= EPOCH_SPREAD;
}
