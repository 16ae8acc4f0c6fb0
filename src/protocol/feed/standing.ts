/**
 * What the register last said about one feed, as its subscriber keeps it: who polls, who leads,
 * whose signatures count, and when this peer's own turns are.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { FeedRegistered } from '../wire/feed-messages.ts';
import type { FeedRole } from './feed.ts';
import { SIGNERS_KNOWN_MAX } from './bounds.ts';
import { SIGNERS_MAX } from './register.ts';
import type { Rhythm } from './stagger.ts';
import { gapOf, intervalOf, nextTurn } from './stagger.ts';

export class FeedStanding {
  epoch = 0;
  lead: Contact | undefined;
  subscribers = 1;
  /** Of this peer; -1: none. */
  slot = -1;
  samples: Contact[] = [];
  /** Some subscribers; unlike `samples` they are not used up. */
  others: readonly Contact[] = [];
  #pollers: readonly Contact[] = [];
  #rank = 0;
  #slotUntil: Millis = 0;
  #anchor: Millis = 0;
  #rhythm: Rhythm = { pollers: 1, strictestMs: 0, floorMs: 0 };
  readonly #signers = new Set<string>();
  /** Signers by the register's last answer. */
  #named: ReadonlySet<string> = new Set();

  /** `askedAt`: the lease of a slot counts from there. */
  learn(answer: FeedRegistered, self: Contact, askedAt: Millis, now: Millis): void {
    this.subscribers = Math.max(1, answer.subscribers);
    this.samples = [...answer.samples];
    this.others = answer.samples;
    // A register that is new itself knows nobody: what was known before counts until it does.
    if (answer.epoch === 0) return;
    const own = answer.pollers.find(({ contact }) => contact.peerId === self.peerId);
    this.epoch = answer.epoch;
    this.lead = answer.pollers.find(({ slot }) => slot === 0)?.contact;
    this.slot = own === undefined || answer.leaseMs <= 0 ? -1 : own.slot;
    this.#slotUntil = this.slot < 0 ? 0 : askedAt + answer.leaseMs;
    this.#pollers = answer.pollers.map(({ contact }) => contact);
    this.#rank = own === undefined ? 0 : answer.pollers.indexOf(own);
    const anchor = (askedAt + now) / 2 - answer.anchorAgeMs;
    this.#rhythm = { pollers: answer.pollers.length, strictestMs: answer.strictestMs, floorMs: answer.floorMs };
    // Answers come late, never early: of those that mean the same turns the earliest is the truest.
    if (!(anchor > this.#anchor && anchor - this.#anchor < this.gapMs / 2)) this.#anchor = anchor;
    this.#named = new Set(answer.signers);
    for (const signer of [...answer.signers, ...this.#pollers.map(({ peerId }) => peerId)]) this.believe(signer);
  }

  /** Somebody to meet: connected already if there is such a one, else the nearest on the ring. */
  takeSample(isConnected: (peerId: string) => boolean): Contact | undefined {
    const place = this.samples.findLastIndex(({ peerId }) => isConnected(peerId));
    return place < 0 ? this.samples.pop() : this.samples.splice(place, 1)[0];
  }

  /** Its slot has not been renewed in time. */
  isLapsed(now: Millis): boolean {
    return this.slot >= 0 && now >= this.#slotUntil;
  }

  lose(): void {
    this.slot = -1;
  }

  get pollers(): readonly Contact[] {
    return this.#pollers;
  }

  isPoller(peerId: string): boolean {
    return this.#pollers.some((poller) => poller.peerId === peerId);
  }

  isSigner(peerId: string): boolean {
    return this.#signers.has(peerId);
  }

  /** The last that were heard of come last; as many as a register keeps. */
  get signers(): string[] {
    return [...this.#signers].slice(-SIGNERS_MAX);
  }

  /** Those of them that the register did not name: it is new. */
  get unnamed(): string[] {
    return this.signers.filter((peerId) => !this.#named.has(peerId));
  }

  /** The register has room for further ones. */
  get isRoomToName(): boolean {
    return this.#named.size < SIGNERS_MAX;
  }

  /** Of all subscribers; 0: not known. */
  get strictestMs(): Millis {
    return this.#rhythm.strictestMs;
  }

  /** Of each poller. */
  get intervalMs(): Millis {
    return intervalOf(this.#rhythm);
  }

  get gapMs(): Millis {
    return gapOf(this.#rhythm);
  }

  role(parent: Contact | undefined, now: Millis): FeedRole {
    if (this.lead === undefined) return { kind: 'seeking' };
    if (this.slot < 0) return { kind: 'consumer', parent };
    return {
      kind: 'poller', slot: this.slot, intervalMs: intervalOf(this.#rhythm), gapMs: gapOf(this.#rhythm), nextAt: nextTurn(this.#anchor, this.#rank, this.#rhythm, now),
      subscribers: this.slot === 0 ? this.subscribers : 0, parent,
    };
  }

  /** It is known to have told the truth, or the register says that it polls or polled. */
  believe(peerId: string): void {
    this.#signers.delete(peerId);
    this.#signers.add(peerId);
    if (this.#signers.size > SIGNERS_KNOWN_MAX) this.#signers.delete(this.#signers.values().next().value as string);
  }
}
