/**
 * All feeds of one peer in the pool, and the registers that it keeps for others: one timer for all of them.
 *
 * Messages about a feed that this peer does not take part in are answered at once, so that whoever believes otherwise goes elsewhere.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import { claimedNetworks } from '../../core/network.ts';
import type { Position } from '../../core/position.ts';
import type { Lagover } from '../lagover/agent/lagover.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import { Alarms } from '../overlay/alarms.ts';
import type { Requests } from '../requests.ts';
import type { FeedInput, FeedRegister } from '../wire/feed-messages.ts';
import { ACK, STAMPED } from '../wire/feed-messages.ts';
import { FEEDS_MAX } from './bounds.ts';
import type { Edges } from './edges.ts';
import { LOOK_MS, MOVES_MAX, STRANGERS_SOFT_MAX } from './edges.ts';
import type { FeedEvents, FeedPool, FeedPoolStatus, FeedShelf, FeedTerms, FeedTools, FoundVersion } from './feed.ts';
import type { DeliveryTally } from './intake.ts';
import { Intake } from './intake.ts';
import type { MemberParts } from './member.ts';
import { Member } from './member.ts';
import { Packing } from './packing.ts';
import { NO_BYTES } from './record.ts';
import { RegisterHost } from './register-host.ts';

/** What the relay needs of its host. */
export interface FeedServices {
  readonly shelf: FeedShelf;
  readonly tools: FeedTools;
  readonly events: FeedEvents;
}

export interface FeedsParts {
  readonly local: Local;
  readonly requests: Requests;
  lagover(): Lagover;
  owns(key: Position): boolean;
  ownsSince(): Millis;
  isRingNeighbour(peerId: string): boolean;
  successor(): Contact | undefined;
  predecessor(): Contact | undefined;
  lookup(key: Position, onDone: (owner: Contact) => void, onFail: () => void): void;
}

export class Feeds implements FeedPool {
  readonly host: RegisterHost;
  readonly #parts: FeedsParts;
  readonly #alarms: Alarms;
  readonly #members = new Map<string, Member>();
  #services: Omit<MemberParts, 'lagover' | 'registration' | 'local' | 'requests' | 'alarms' | 'isConnected'> | undefined;

  constructor(parts: FeedsParts) {
    const { local, requests } = parts;
    this.#parts = parts;
    this.#alarms = new Alarms(local, TIMER.feeds);
    this.host = new RegisterHost({
      local, requests, alarms: this.#alarms, pollers: local.options.pollers, owns: (key) => parts.owns(key), ownsSince: () => parts.ownsSince(),
      successor: () => parts.successor(), predecessor: () => parts.predecessor(), isRingNeighbour: (peerId) => parts.isRingNeighbour(peerId),
      networksOf: (peer) => this.#services?.tools.networksOf(peer) ?? claimedNetworks(peer),
      tellSelf: (answer) => this.#members.get(answer.key.hex)?.onRegistered(answer),
      holdsSelf: (key, epoch) => this.#members.get(key.hex)?.holds(epoch) ?? false,
    });
  }

  /** Whether an alarm is set for that. */
  #isLooking = false;

  /** Before the first subscription. */
  use(services: FeedServices): void {
    const { local, requests } = this.#parts;
    const { shelf, tools } = services;
    const packing = new Packing(shelf, tools);
    this.#services = { ...services, packing, intake: new Intake(local, requests, shelf, tools, packing) };
  }

  /** Undefined before `use`. */
  get tally(): Readonly<DeliveryTally> | undefined {
    return this.#services?.intake.tally;
  }

  // --- for the service of feeds ---

  subscribe(terms: FeedTerms): void {
    const { local, requests, lookup } = this.#parts;
    if (this.#services === undefined || this.#members.has(terms.key.hex) || this.#members.size >= FEEDS_MAX) return;
    const alarms = this.#alarms;
    if (!this.#isLooking && this.#members.size > 0) {
      this.#isLooking = true;
      alarms.in(LOOK_MS, () => this.#shareEdges());
    }
    this.#members.set(terms.key.hex, new Member(terms, {
      ...this.#services, local, requests, alarms, lagover: this.#parts.lagover(), isConnected: (peerId) => this.#parts.isRingNeighbour(peerId) || this.#parts.lagover().isNeighbour(peerId),
      registration: { local, requests, alarms, lookup: (key, onDone, onFail) => lookup(key, onDone, onFail), answerSelf: (message) => this.host.answer(local.contact, message) },
    }));
  }

  change(terms: FeedTerms): void {
    this.#members.get(terms.key.hex)?.change(terms);
  }

  unsubscribe(key: Position): void {
    this.#members.get(key.hex)?.leave();
    this.#members.delete(key.hex);
  }

  found(key: Position, version: FoundVersion, body: Uint8Array): void {
    this.#members.get(key.hex)?.found(version, body);
  }

  confirmed(key: Position, hash: string, checkedAt: number): void {
    this.#members.get(key.hex)?.confirmed(hash, checkedAt);
  }

  status(key: Position): FeedPoolStatus | undefined {
    return this.#members.get(key.hex)?.status;
  }

  // --- edges ---

  /** Now and then: what is shared least first. */
  #shareEdges(): void {
    const edgesOf = this.#parts.lagover().edges();
    const { isRingNeighbour } = this.#parts;
    const strangers = [...edgesOf.keys()].filter((peerId) => !isRingNeighbour(peerId)).length;
    if (strangers > STRANGERS_SOFT_MAX) {
      const edges: Edges = { isOnRing: (peerId) => isRingNeighbour(peerId), treesWith: (peerId) => edgesOf.get(peerId) ?? 0 };
      const sharedBy = ({ edge: { parent } }: Member): number => (parent === undefined ? Infinity : edges.treesWith(parent.peerId));
      const members = [...this.#members.values()].filter(({ edge }) => edge.parent !== undefined).sort((a, b) => sharedBy(a) - sharedBy(b));
      let moves = 0;
      for (const member of members) {
        if (moves >= MOVES_MAX) break;
        if (member.edge.share(edges)) moves++;
      }
    }
    this.#isLooking = this.#members.size > 1;
    if (this.#isLooking) this.#alarms.in(LOOK_MS * (0.5 + this.#parts.local.env.random.unit()), () => this.#shareEdges());
  }

  leaveAll(): void {
    for (const member of [...this.#members.values()]) this.unsubscribe(member.key);
  }

  // --- inputs ---

  onMessage(from: Contact, message: FeedInput | FeedRegister): void {
    if (message.type === 'feedRegister') return this.host.onMessage(from, message);
    const member = this.#members.get(message.key.hex);
    if (member === undefined) this.#onStrangeFeed(from, message);
    else member.onMessage(from, message);
  }

  onTimer(): void {
    this.#alarms.onTimer();
  }

  /** A connection could not be made, or broke: a reason to ask, and no proof. */
  onPeerUnreachable(peer: Contact): void {
    this.host.onPeerUnreachable(peer);
    for (const member of [...this.#members.values()]) member.onPeerUnreachable(peer);
  }

  /** This peer does not want that feed, or no more. */
  #onStrangeFeed(from: Contact, message: FeedInput): void {
    const { env } = this.#parts.local;
    switch (message.type) {
      case 'feedHold': return env.send(from, { type: 'feedHeld', op: message.op, holds: false, epoch: 0, signers: [] });
      case 'feedFound': return env.send(from, { type: 'feedStamped', op: message.op, outcome: STAMPED.notLead, record: undefined, before: undefined });
      case 'feedPush': return env.send(from, { type: 'feedAck', op: message.op, key: message.key, hash: message.record.hash, outcome: ACK.refused, have: undefined });
      case 'feedAsk': return env.send(from, { type: 'feedAnswer', op: message.op, serves: false, latest: undefined, freshAt: 0, hash: NO_BYTES });
      case 'feedPull': return env.send(from, { type: 'feedPiece', op: message.op, known: false, total: 0, piece: NO_BYTES });
      case 'feedAck':
      case 'feedFresh':
      case 'feedWitness':
      case 'feedNews':
      case 'feedRegistered':
    }
  }
}
