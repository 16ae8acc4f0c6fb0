/**
 * The lead's part: it alone gives versions their numbers, to what pollers send it and to what it finds itself.
 *
 * A new lead first waits for what those know who come to it. A document that was had lately is not new, unless it is seen twice in a row and
 * nobody has seen the latest in between: then the origin is back there.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { FeedFound, FeedStamped } from '../wire/feed-messages.ts';
import { STAMPED } from '../wire/feed-messages.ts';
import { LEAD_SETTLE_MS } from './bounds.ts';
import type { Attestation, FeedVersion, FoundVersion, Stamp } from './feed.ts';
import type { Holding } from './holding.ts';
import type { Intake } from './intake.ts';
import { isPoolStamp, nextStamp } from './order.ts';
import { foundOf, fromWire, hexOfBytes, recordOf } from './record.ts';
import { EPOCH_SPREAD } from './register.ts';
import type { FeedStanding } from './standing.ts';

const REPORTS_OF_REVERT = 2;
/** Ages of finds do not count their way to the lead: of two that were fetched within so long it is not known which came first. */
const CLOSE_MS = 500;

export interface NumberingParts {
  readonly local: Local;
  readonly intake: Intake;
  readonly holding: Holding;
  readonly standing: FeedStanding;
  isLead(): boolean;
  /** The true ones; undefined when the first is not. */
  attested(found: FoundVersion, attestations: readonly Attestation[]): Attestation[] | undefined;
  /** Its own finds come first. */
  offerOwn(): void;
  /** Puts it on the shelf and sends it on. */
  take(version: FeedVersion, body: Uint8Array, from: Contact | undefined): void;
}

export class Numbering {
  readonly #key: Position;
  readonly #parts: NumberingParts;
  #leadSince: Millis = Infinity;
  #isPulling = false;
  /** What the origin seems to have gone back to, and who said so. */
  #revert: { readonly hash: string; readonly reports: Set<string> } | undefined;

  constructor(key: Position, parts: NumberingParts) {
    this.#key = key;
    this.#parts = parts;
  }

  /** This peer leads from now on, or no more. */
  begin(isLead: boolean): void {
    this.#leadSince = isLead ? this.#parts.local.env.now() : Infinity;
    this.#revert = undefined;
  }

  /** Somebody saw that the latest version is still there. */
  onConfirmed(): void {
    this.#revert = undefined;
  }

  get isSettled(): boolean {
    return this.#parts.standing.epoch <= EPOCH_SPREAD || this.#parts.local.env.now() >= this.#leadSince + LEAD_SETTLE_MS;
  }

  /** Of this peer's own finding; undefined when it is nothing new. */
  numberOwn(found: FoundVersion, body: Uint8Array, attestation: Attestation): FeedVersion | undefined {
    return this.#isNews(found, `${found.fetchedAt}`) ? this.#number(found, body, [attestation], undefined) : undefined;
  }

  /** A poller found something and says so. */
  onFound(from: Contact, message: FeedFound): void {
    const { local, standing, holding, intake, isLead, attested, offerOwn } = this.#parts;
    const { op, record } = message;
    const reply = (outcome: number, version?: FeedVersion, before?: Stamp): void => local.env.send(from, { type: 'feedStamped', op, outcome, record: version && recordOf(version), before } satisfies FeedStamped);
    if (!isLead()) return reply(STAMPED.notLead);
    if (!this.isSettled || this.#isPulling) return reply(STAMPED.pulling);
    offerOwn();
    const found = this.#inOwnTime(foundOf(record), message.ageMs);
    if (found === undefined || record.attestations[0]?.signer !== from.peerId) return reply(STAMPED.refused);
    const { latest } = holding;
    if (latest?.hash === found.hash && isPoolStamp(latest.stamp)) return reply(STAMPED.stamped, latest, before(latest));
    if (!standing.isPoller(from.peerId)) return reply(STAMPED.notLead);
    // Copies of one report are one, whatever their way took.
    const report = `${from.peerId} ${record.fetchedAt}`;
    if (!this.#isNews(found, report) || (this.#isClose(found, message) && !this.#isBackAt(found, report))) return reply(STAMPED.known);
    const attestations = attested(found, record.attestations.map(fromWire));
    if (attestations === undefined) return reply(STAMPED.refused);
    const taken = intake.take({ from, key: this.#key, version: found, base: message.base, packed: message.packed }, (body) => {
      this.#isPulling = false;
      if (body !== undefined && isLead() && holding.latest?.hash !== found.hash) this.#number(found, body, attestations, from);
    });
    this.#isPulling = taken.kind === 'pulling';
    if (taken.kind !== 'body') return reply({ plain: STAMPED.plain, pulling: STAMPED.pulling, busy: STAMPED.pulling, false: STAMPED.refused }[taken.kind]);
    const { have } = holding;
    reply(STAMPED.stamped, this.#number(found, taken.body, attestations, from), have);
  }

  #isNews(found: FoundVersion, report: string): boolean {
    const { holding, standing } = this.#parts;
    const isLatest = holding.unnumberedIn(standing.epoch)?.hash === found.hash;
    return !holding.isOld(found) && (isLatest || !holding.hadLately(found) || this.#isBackAt(found, report));
  }

  #number(found: FoundVersion, body: Uint8Array, attestations: Attestation[], from: Contact | undefined): FeedVersion {
    const version: FeedVersion = { ...found, stamp: nextStamp(this.#parts.holding.have, this.#parts.standing.epoch), attestations };
    this.#parts.take(version, body, from);
    return version;
  }

  /** Fetched at about the time of the latest version, by a poller that did not have that: it may have been there before. If it is still there at the next turn, it is new. */
  #isClose({ fetchedAt }: FoundVersion, { base }: FeedFound): boolean {
    const { latest } = this.#parts.holding;
    return latest !== undefined && isPoolStamp(latest.stamp) && fetchedAt - latest.fetchedAt < CLOSE_MS && hexOfBytes(base) !== latest.hash;
  }

  #isBackAt({ hash }: FoundVersion, report: string): boolean {
    if (this.#revert?.hash !== hash) this.#revert = { hash, reports: new Set() };
    this.#revert.reports.add(report);
    return this.#revert.reports.size >= REPORTS_OF_REVERT;
  }

  /** All times of an epoch are the lead's, or pollers whose clocks are behind would be taken for late. */
  #inOwnTime(found: FoundVersion | undefined, ageMs: Millis): FoundVersion | undefined {
    if (found === undefined || ageMs < 0) return undefined;
    const fetchedAt = Math.max(0, this.#parts.local.env.wallClock() - ageMs);
    return { ...found, fetchedAt, askedBefore: found.askedBefore === 0 ? 0 : Math.max(0, found.askedBefore + fetchedAt - found.fetchedAt) };
  }
}

function before({ stamp }: FeedVersion): Stamp | undefined {
  return stamp.seq > 1 ? { epoch: stamp.epoch, seq: stamp.seq - 1 } : undefined;
}
