/**
 * Who may be believed about one feed: audits of versions that others found, what auditors tell one another, and who was found lying.
 *
 * An audit is a whole fetch by this peer's host; what it gives arrives as any poll's result. The same bytes: this peer attests them too. Other bytes are shown to the lead: if
 * it has them under a number under which this peer was given something else, whoever signed that has lied. docs/decisions/0055-trust-in-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { FeedWitness } from '../wire/feed-messages.ts';
import { attest, isAttested } from './attestation.ts';
import { auditDelay, isAuditor, verdictOf } from './audit.ts';
import { LIARS_MAX, LIARS_TOLD_MAX, READ_MAX, WITNESSED_MAX } from './bounds.ts';
import type { Attestation, FeedEvents, FeedShelf, FeedTools, FeedVersion, FoundVersion } from './feed.ts';
import { ATTESTATIONS_MAX, compareStamps } from './feed.ts';
import { bytesOfHex, foundOf, fromWire, hexOfBytes, recordOf, toWire } from './record.ts';

export interface TrustParts {
  readonly local: Local;
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly events: FeedEvents;
}

export interface TrustSurrounding {
  isLead(): boolean;
  /** Told of what this peer learns: its parent and children, and the lead. */
  neighbours(): readonly Contact[];
  subscribers(): number;
  gapMs(): Millis;
  /** Its attestations have grown. */
  onAttested(version: FeedVersion): void;
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
  /** What was passed on: signer and digests. */
  readonly #witnessed = new Set<string>();

  constructor(key: Position, parts: TrustParts, around: TrustSurrounding) {
    this.#key = key;
    this.#parts = parts;
    this.#around = around;
  }

  isLiar(peerId: string): boolean {
    return this.#liars.has(peerId);
  }

  /** For the register. */
  get liars(): string[] {
    return [...this.#liars].slice(-LIARS_TOLD_MAX);
  }

  /** A version came from others. */
  onCame(version: FeedVersion): void {
    const { random } = this.#parts.local.env;
    if (isAuditor(this.#around.subscribers(), random.unit())) this.audit(version, this.#parts.local.env.now() + auditDelay(this.#around.gapMs(), random.unit()));
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
    if (verdict === 'conflict') {
      const attestation = attest(this.#key, seen, at, local.contact.peerId, tools);
      this.#tell({ type: 'feedWitness', key: this.#key, hash: bytesOfHex(version.hash), attestation: toWire(attestation), other: recordOf({ ...seen, attestations: [attestation] }) }, '');
      this.#suspect(version);
    }
    if (body !== undefined) this.#around.compare(seen, body);
  }

  /** The lead's own version of a document: what is held here under its number must be the same. */
  onNumbered({ stamp, hash }: FeedVersion): void {
    const { shelf } = this.#parts;
    const held = shelf.after(this.#key, { epoch: stamp.epoch, seq: stamp.seq - 1 }, READ_MAX).find((version) => compareStamps(version.stamp, stamp) === 0);
    if (held === undefined || held.hash === hash) return;
    this.#condemn(held);
  }

  /** What an auditor says. */
  onWitness(from: Contact, message: FeedWitness): void {
    const { shelf, tools } = this.#parts;
    const version = shelf.find(this.#key, hexOfBytes(message.hash));
    const attestation = fromWire(message.attestation);
    const other = message.other === undefined ? undefined : foundOf(message.other);
    if (version === undefined || (message.other !== undefined && other === undefined) || this.isLiar(attestation.peerId)) return;
    const name = `${attestation.peerId} ${version.hash} ${other?.hash ?? ''}`;
    if (this.#witnessed.has(name) || !isAttested(this.#key, other ?? version, attestation, tools)) return;
    this.#witnessed.add(name);
    if (this.#witnessed.size > WITNESSED_MAX) this.#witnessed.delete(this.#witnessed.values().next().value as string);
    if (other === undefined) return this.#add(version, attestation, from.peerId);
    if (other.hash === version.hash) return;
    this.#tell(message, from.peerId);
    this.#suspect(version);
  }

  /** It is proven, here: whoever signed it first is not believed any more. */
  #condemn(version: FeedVersion): void {
    const { local, events } = this.#parts;
    const liar = version.attestations[0]?.peerId;
    if (liar === undefined || liar === local.contact.peerId) return;
    this.#liars.add(liar);
    if (this.#liars.size > LIARS_MAX) this.#liars.delete(this.#liars.values().next().value as string);
    local.env.emit({ kind: 'feed-liar', key: this.#key, peerId: liar, hash: version.hash });
    events.onWitness(this.#key, version.hash, 'conflict');
    this.#around.onFalse(version);
  }

  /** Shown as disputed, until it is clear who is right: the lead looks itself, and whoever was told so by an auditor looks once. */
  #suspect(version: FeedVersion): void {
    this.#parts.events.onWitness(this.#key, version.hash, 'conflict');
    if (this.#around.isLead() && this.#auditing === '') this.audit(version, this.#parts.local.env.now());
  }

  #add(version: FeedVersion, attestation: Attestation, from = ''): void {
    const { attestations } = version;
    if (attestations.length >= ATTESTATIONS_MAX || attestations.some(({ peerId }) => peerId === attestation.peerId)) return;
    this.#around.onAttested({ ...version, attestations: [...attestations, attestation] });
    this.#parts.events.onWitness(this.#key, version.hash, 'same');
    this.#tell({ type: 'feedWitness', key: this.#key, hash: bytesOfHex(version.hash), attestation: toWire(attestation), other: undefined }, from);
  }

  #tell(message: FeedWitness, from: string): void {
    for (const peer of this.#around.neighbours()) if (peer.peerId !== from) this.#parts.local.env.send(peer, message);
  }
}
