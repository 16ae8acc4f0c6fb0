/**
 * What one peer has of one feed: the latest version, how far it has followed the pool's numbers, and when the origin was last known to have
 * nothing newer. The one place where a version becomes this peer's, wherever it comes from.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { LATELY } from './bounds.ts';
import type { FeedEvents, FeedShelf, FeedVersion, FoundVersion, Stamp } from './feed.ts';
import type { Judgement } from './order.ts';
import { isAfter, isPoolStamp, judge, nextAlone, poolStamp } from './order.ts';
import { bytesOfHex, NO_BYTES } from './record.ts';

export interface HoldingParts {
  readonly shelf: FeedShelf;
  readonly events: FeedEvents;
  /** Unix ms. */
  wallClock(): Millis;
}

export class Holding {
  readonly #key: Position;
  readonly #parts: HoldingParts;
  #latest: FeedVersion | undefined;
  /** The latest until then. */
  #before: FeedVersion | undefined;
  #have: Stamp | undefined;
  #freshAt = 0;

  constructor(key: Position, parts: HoldingParts) {
    this.#key = key;
    this.#parts = parts;
    this.#latest = parts.shelf.latest(key);
    this.#have = poolStamp(this.#latest?.stamp);
  }

  get latest(): FeedVersion | undefined {
    return this.#latest;
  }

  /** The last number of the pool that counts here; undefined: none yet. */
  get have(): Stamp | undefined {
    return this.#have;
  }

  /** Unix ms; 0 when it is not known. */
  get freshAt(): number {
    return this.#freshAt;
  }

  /** Of the latest body, as a base for differences. */
  get base(): Uint8Array {
    return this.#latest === undefined ? NO_BYTES : bytesOfHex(this.#latest.hash);
  }

  /** The latest version, unless a lead has numbered it and nothing after it: later numbers may have been given to what another lead fetched earlier. */
  get alone(): FeedVersion | undefined {
    const latest = this.#latest;
    return latest === undefined || (isPoolStamp(latest.stamp) && !isAfter(this.#have ?? latest.stamp, latest.stamp)) ? undefined : latest;
  }

  /** The same, or numbered by a lead before that epoch: others may have been given later numbers for older documents, and wait. */
  unnumberedIn(epoch: number): FeedVersion | undefined {
    return this.alone ?? (this.#latest !== undefined && this.#latest.stamp.epoch < epoch ? this.#latest : undefined);
  }

  judge(version: FeedVersion, again: boolean): Judgement {
    const latest = this.#latest;
    return judge(version, { latest, same: latest?.hash === version.hash ? latest : this.#parts.shelf.find(this.#key, version.hash) }, again);
  }

  /** `body` is needed only for one that is new here. */
  take(version: FeedVersion, body: Uint8Array | undefined, from: Contact | undefined, again: boolean): Judgement {
    const { shelf, events, wallClock } = this.#parts;
    const judgement = this.judge(version, again);
    this.passOver(version.stamp);
    if (judgement === 'store' && body !== undefined) {
      shelf.put(this.#key, version, body);
      this.#before = this.#latest;
      this.#latest = version;
    } else if (judgement === 'restamp' && this.#latest !== undefined) {
      const kept = body ?? shelf.body(version.hash);
      this.#latest = { ...this.#latest, stamp: version.stamp, attestations: version.attestations };
      if (kept !== undefined) shelf.put(this.#key, this.#latest, kept);
    }
    this.#freshAt = Math.max(this.#freshAt, Math.min(version.fetchedAt, wallClock()));
    if (judgement === 'store') events.onVersion(this.#key, version, from);
    return judgement;
  }

  /** The version under that number. */
  under(stamp: Stamp): FeedVersion | undefined {
    return this.#parts.shelf.under(this.#key, stamp);
  }

  /** What comes up to that number is not waited for. */
  passOver(stamp: Stamp): void {
    if (isAfter(stamp, this.#have)) this.#have = stamp;
  }

  /** What was taken is false: what was here before it is the latest, and everything from that number on is asked for again. */
  goBackBefore({ hash, stamp }: FeedVersion): void {
    if (this.#latest?.hash === hash) this.#latest = this.#before;
    this.askAgainFrom(stamp);
  }

  /** What is here stays; everything from that number on is asked for again. */
  askAgainFrom({ epoch, seq }: Stamp): void {
    this.#have = seq > 1 ? { epoch, seq: seq - 1 } : { epoch: epoch - 1, seq: Number.MAX_SAFE_INTEGER };
  }

  /** For this peer's own readers; the pool does not know it. */
  showAlone(version: Omit<FeedVersion, 'stamp'>, body: Uint8Array): void {
    const { shelf, events, wallClock } = this.#parts;
    if (this.#latest !== undefined && this.#latest.fetchedAt > version.fetchedAt) return;
    const shown: FeedVersion = { ...version, stamp: nextAlone(this.#latest?.stamp, wallClock()) };
    shelf.put(this.#key, shown, body);
    this.#before = this.#latest;
    this.#latest = shown;
    events.onVersion(this.#key, shown, undefined);
  }

  /** More signatures. */
  attest(version: FeedVersion): void {
    if (this.#latest?.hash === version.hash) this.#latest = version;
    this.#parts.shelf.update(this.#key, version);
  }

  /** False when that is no news. */
  learnFresh(at: number): boolean {
    const freshAt = Math.min(at, this.#parts.wallClock());
    if (freshAt <= this.#freshAt) return false;
    this.#freshAt = freshAt;
    this.#parts.events.onFresh(this.#key, freshAt);
    return true;
  }

  /** Here is something that was fetched later. */
  isOld({ fetchedAt }: FoundVersion): boolean {
    return this.#latest !== undefined && fetchedAt < this.#latest.fetchedAt;
  }

  /** Pollers see the same change one after the other, and origins with several machines go back and forth. */
  hadLately({ hash }: FoundVersion): boolean {
    const same = this.#parts.shelf.find(this.#key, hash);
    if (same === undefined || this.#have === undefined || !isPoolStamp(same.stamp)) return false;
    return same.stamp.epoch === this.#have.epoch && this.#have.seq - same.stamp.seq < LATELY;
  }
}
