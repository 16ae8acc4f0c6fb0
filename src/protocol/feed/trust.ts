/**
 * Who may be believed about one feed: audits of versions that others found, what auditors tell one another, and who was found lying.
 *
 * An audit is a whole fetch by this peer's host; what it gives arrives as any poll's result. The same bytes: this peer attests them too. Other bytes
 * where the lead numbered others than we were told, or bytes that contradict what we were told: a conflict. docs/decisions/0055-trust-in-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { FeedWitness } from '../wire/feed-messages.ts';
import { attest, isAttested } from './attestation.ts';
import { auditDelay, isAuditor, verdictOf } from './audit.ts';
import { LIARS_MAX, LIARS_TOLD_MAX, WITNESSED_MAX } from './bounds.ts';
import type { Attestation, FeedEvents, FeedShelf, FeedTools, FeedVersion, FoundVersion } from './feed.ts';
import { ATTESTATIONS_MAX } from './feed.ts';
import { bytesOfHex, foundOf, fromWire, hexOfBytes, recordOf, toWire } from './record.ts';

export interface TrustParts {
  readonly local: Local;
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly events: FeedEvents;
}

export interface TrustSurrounding {
  readonly isLead: boolean;
  /** Told of what this peer learns: its parent and children, and the lead. */
  neighbours(): readonly Contact[];
  readonly subscribers: number;
  readonly gapMs: Millis;
  /** Its attestations have grown. */
  onAttested(version: FeedVersion): void;
  /** That version, held here, is false, and so is whoever signed it first. */
  onFalse(version: FeedVersion): void;
  /** Whether the lead has other bytes under the number of a version that is held here: answered by `onFalse`. */
  compare(seen: FoundVersion, attestation: Attestation): void;
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
    const { random, now } = { random: this.#parts.local.env.random, now: this.#parts.local.env.now() };
    if (isAuditor(this.#around.subscribers, random.unit())) this.audit(version, now + auditDelay(this.#around.gapMs, random.unit()));
  }

  audit(version: FeedVersion, at: Millis): void {
    this.#auditing = version.hash;
    this.#parts.events.onAudit(this.#key, version, at);
  }

  /** What this peer's own fetch says about what is held here. */
  onSeen(seen: FoundVersion): void {
    const { shelf, local, tools } = this.#parts;
    const version = shelf.find(this.#key, this.#auditing);
    if (version === undefined) return;
    const verdict = verdictOf(version, seen);
    this.#auditing = '';
    const at = local.env.wallClock();
    const attestation = attest(this.#key, seen, at, local.contact.peerId, tools);
    if (verdict === 'same') {
      this.#add(version, attest(this.#key, version, at, local.contact.peerId, tools));
      return;
    }
    if (verdict === 'conflict') this.#tell({ type: 'feedWitness', key: this.#key, hash: bytesOfHex(version.hash), attestation: toWire(attestation), other: recordOf({ ...seen, attestations: [attestation] }) }, '');
    if (verdict === 'conflict') this.#suspect(version);
    this.#around.compare(seen, attestation);
  }

  /** `isNear`: from the parent, from a child, or at the lead from anybody. */
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
    this.#around.compare(other, attestation);
  }

  /** It is proven, here: whoever signed it first is not believed any more. */
  condemn(version: FeedVersion): void {
    const liar = version.attestations[0]?.peerId;
    if (liar === undefined || liar === this.#parts.local.contact.peerId || this.#liars.has(liar)) return;
    this.#liars.add(liar);
    if (this.#liars.size > LIARS_MAX) this.#liars.delete(this.#liars.values().next().value as string);
    this.#parts.local.env.emit({ kind: 'feed-liar', key: this.#key, peerId: liar, hash: version.hash });
  }

  /** Shown as disputed, until it is clear who is right: the lead looks itself. */
  #suspect(version: FeedVersion): void {
    this.#parts.events.onWitness(this.#key, version.hash, 'conflict');
    if (this.#around.isLead && this.#auditing === '') this.audit(version, this.#parts.local.env.now());
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
