/**
 * One peer: its parts, and the table that says which part handles what. The first file to read.
 *
 * Inputs arrive here (`onMessage`, `onTimer`, ...) and are handed to exactly one part; commands (`join`, `lookup`, `put`,
 * ...) are verbs that begin something and report through the handlers they were given. Nothing here waits.
 */
import { assert, must, unreachable } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Millis, Protocol, StreamId, TimerKind } from '../core/env.ts';
import type { Position } from '../core/position.ts';
import { helpersOp } from './alm/market/candidates.ts';
import { Market } from './alm/market/market.ts';
import { Casts } from './alm/session/casts.ts';
import { CAST_PURPOSE } from './alm/stream/bounds.ts';
import { Feeds } from './feed/feeds.ts';
import { Lagover } from './lagover/agent/lagover.ts';
import type { TreeOracle } from './lagover/agent/oracles.ts';
import { TreeOracles } from './lagover/agent/oracles.ts';
import { placesOp } from './lagover/agent/somo-directory.ts';
import type { Terms, Tree } from './lagover/agent/tree.ts';
import { Overlay } from './overlay/overlay.ts';
import type { NodeEnv, Standing } from './local.ts';
import { Local, TIMER } from './local.ts';
import type { ProtocolOptions } from './options.ts';
import { Requests } from './requests.ts';
import { Detector } from './ring/detector.ts';
import { Membership } from './ring/membership.ts';
import { Ring } from './ring/ring.ts';
import { Can } from './routing/can.ts';
import { Chord } from './routing/chord.ts';
import { LeafsetOnly } from './routing/leafset-only.ts';
import { Pastry } from './routing/pastry.ts';
import type { LookupResult } from './routing/router.ts';
import { Router } from './routing/router.ts';
import type { Strategy } from './routing/strategy.ts';
import { TableKeeper } from './routing/table-keeper.ts';
import { Somo } from './somo/somo.ts';
import type { FeedInput, FeedRegister } from './wire/feed-messages.ts';
import type { HelpInput } from './wire/help-messages.ts';
import type { LagAsk, LagInput, LagList, LagLook } from './wire/lagover-messages.ts';
import type { Message, TableEntry } from './wire/messages.ts';

type TreeMessage = LagInput | LagLook | LagList | LagAsk | FeedInput | FeedRegister | HelpInput;

export class Node implements Protocol<Message> {
  readonly local: Local;
  readonly membership: Membership;
  readonly router: Router;
  readonly overlay: Overlay;
  readonly #requests: Requests;
  readonly #detector: Detector;
  readonly #ring: Ring;
  readonly #tables: TableKeeper;
  /** Undefined when the metadata tree is off. */
  readonly #somo: Somo | undefined;
  /** Undefined as long as there is no latency-graded tree. */
  #lagover: Lagover | undefined = undefined;
  #oracles: TreeOracles | undefined = undefined;
  /** Undefined as long as this peer wants no feed and keeps no register. */
  #feeds: Feeds | undefined = undefined;
  /** Undefined as long as this peer neither helps multicast sessions nor leads one. */
  #market: Market | undefined = undefined;
  /** Undefined as long as it takes part in no multicast session. */
  #casts: Casts | undefined = undefined;

  constructor(env: NodeEnv, options: ProtocolOptions, self: Contact) {
    this.local = new Local(env, options, self);
    this.#requests = new Requests(this.local);
    this.membership = new Membership(this.local);
    this.#detector = new Detector(this.local, this.membership, this.#requests);
    this.router = new Router(this.local, this.membership, this.#detector, this.#requests, this.#strategy());
    this.#tables = new TableKeeper(this.local, this.membership, this.#requests, this.router);
    this.overlay = new Overlay(this.local, this.membership, this.#requests, this.router);
    this.#somo = options.somo === 'off' ? undefined : new Somo(this.local, this.membership, this.#requests, this.router, {
      onSilent: (peer) => this.onPeerUnreachable(peer),
      onMove: (moved, partner, neighbours) => this.#move(moved, partner, neighbours),
    });
    this.#somo?.ops.register(placesOp((number) => this.#lagover?.placeIn(number), () => env.now()));
    this.#somo?.ops.register(helpersOp((priority, rateBps) => this.#market?.own(priority, rateBps)));
    this.#ring = new Ring(this.local, this.membership, this.#detector, this.#requests, this.router, this.#tables);
  }

  // --- commands ---

  /** Joins the ring that any of these peers is in; with none, is a ring of one. */
  join(introducers: readonly Contact[]): void {
    this.#ring.join(introducers);
  }

  /** Enters a converged ring as a member, with neighbours and table entries known to be right: for simulations. */
  startWired(neighbours: readonly Contact[], table: readonly TableEntry[]): void {
    assert(this.local.standing === 'joining', 'a peer starts once');
    const at = this.local.env.now();
    for (const peer of neighbours) this.membership.leafset.insert(peer, at);
    for (const entry of table) this.router.strategy.learn(entry.contact, { zoneStart: entry.zoneStart });
    this.#ring.startAsMember();
  }

  /** A peer of the pool was discovered. */
  meet(peer: Contact): void {
    this.#ring.meet(peer);
  }

  /** Hands over what the successor lacks, says goodbye, and then runs `onLeft`. */
  leave(onLeft: () => void = () => undefined): void {
    this.#tables.stop();
    this.#somo?.stop();
    this.#feeds?.leaveAll();
    this.#market?.leaveAll();
    this.#casts?.leaveAll();
    this.#lagover?.leaveAll();
    this.overlay.replication.handOver(() => {
      this.#ring.leave();
      onLeft();
    });
  }

  /** Takes part in a latency-graded tree, as its source if that is this peer; false when it is in too many already. */
  joinTree(tree: Tree, terms: Terms, oracle: TreeOracle = 'random-delay'): boolean {
    return this.lagover.join(tree, terms, this.oracles.oracle(tree, oracle));
  }

  /** Finds the owner of `key`; exactly one handler runs. */
  lookup(key: Position, onDone: (result: LookupResult) => void, onFail: (reason: string) => void): number {
    return this.router.lookup(key, onDone, onFail);
  }

  // --- getters ---

  get standing(): Standing {
    return this.local.standing;
  }

  /** The metadata tree; it must not be off. */
  get somo(): Somo {
    return must(this.#somo, 'the metadata tree is on');
  }

  /** The latency-graded trees that it takes part in. */
  get lagover(): Lagover {
    return (this.#lagover ??= new Lagover(this.local, this.#requests));
  }

  /** How those trees find peers to meet. */
  get oracles(): TreeOracles {
    const { local, membership, router, lagover } = this;
    return (this.#oracles ??= new TreeOracles({
      local, requests: this.#requests, membership, router, lagover, randomNeighbour: () => this.#randomNeighbour(), somo: () => this.somo,
    }));
  }

  /** The feeds that it shares with the pool; before it can want any, `use` gives it what that needs. */
  get feeds(): Feeds {
    return (this.#feeds ??= this.#newFeeds());
  }

  /** The market for helpers of multicast sessions. */
  get market(): Market {
    return (this.#market ??= new Market({ local: this.local, requests: this.#requests, somo: this.#somo }));
  }

  /** The multicast sessions that it takes part in. */
  get casts(): Casts {
    return (this.#casts ??= new Casts({ local: this.local, requests: this.#requests, overlay: this.overlay, market: this.market }));
  }

  #newFeeds(): Feeds {
    const feeds = new Feeds({
      local: this.local, requests: this.#requests, lagover: () => this.lagover, owns: (key) => this.membership.owns(key),
      ownsSince: () => (this.membership.leafset.predecessor === undefined ? -Infinity : this.membership.zoneSince), isRingNeighbour: (peerId) => this.membership.leafset.findById(peerId) !== undefined,
      successor: () => this.membership.leafset.successor?.contact, predecessor: () => this.membership.leafset.predecessor?.contact,
      lookup: (key, onDone, onFail) => void this.router.lookup(key, ({ owner }) => onDone(owner), onFail),
    });
    const onRingChanged = (): void => feeds.host.heirs.onRingChanged();
    this.membership.listen({ onZoneChanged: () => feeds.host.onZoneChanged(), onPeerAlive: onRingChanged, onPeerGone: onRingChanged });
    return feeds;
  }

  get zoneStart(): Position | undefined {
    return this.membership.zoneStart;
  }

  // --- inputs ---

  onMessage(from: Contact, message: Message, at: Millis): void {
    if (this.local.standing === 'left') return;
    // Before anything else says that its sender stands elsewhere now: its place has changed hands, and nobody's zone.
    if (message.type === 'moved') return this.membership.replace(from, message.position, message.to);
    this.membership.touch(from, at);
    if (this.#somo?.promotion.isWaiting === true) this.#somo.promotion.onHeard(from);
    switch (message.type) {
      case 'heartbeat': return this.#ring.onHeartbeat(from, message, at);
      case 'probe': return this.#detector.onProbe(from, message, at);
      case 'leave': return this.#ring.onLeave(from, message);
      case 'route': return this.router.onRoute(from, message);
      case 'routeReply': return this.router.onReply(from, message);
      case 'tableRequest': return this.#tables.onRequest(from, message);
      case 'hopAck': return this.#onReply(message.hop, from, message, at);
      case 'probeReply':
      case 'tableReply':
      case 'writeReply':
      case 'getReply':
      case 'replicateReply':
      case 'swapAnswer':
      case 'swapDone':
      case 'somoAck':
      case 'somoUp':
      case 'lagLocked':
      case 'lagAck':
      case 'lagReportReply':
      case 'lagNamed':
      case 'lagListed':
      case 'lagSamples':
      case 'feedHeld':
      case 'feedStamped':
      case 'feedAnswer':
      case 'feedPiece':
      case 'helpAnswer':
      case 'castReply':
      case 'castMeasured':
      case 'syncReply': return this.#onReply(message.op, from, message, at);
      case 'put':
      case 'setField':
      case 'get': return this.overlay.onMessage(from, message);
      case 'replicate': return this.overlay.replication.onReplicate(from, message);
      case 'sync': return this.overlay.replication.onSync(from, message);
      case 'somoReport':
      case 'somoBreak':
      case 'somoCall':
      case 'somoDown':
      case 'somoNews': return this.#somo?.onMessage(from, message);
      case 'swapAsk': return this.#somo?.promotion.onAsk(from, message);
      case 'swapGo': return this.#somo?.promotion.onGo(from, message);
      case 'castJoin':
      case 'castOrder':
      case 'castReport':
      case 'castInvite': return this.casts.onMessage(from, message);
      case 'castMeasure': return this.casts.onMeasure(from, message);
      default: return this.#onTreeMessage(from, message, at);
    }
  }

  onTimer(kind: TimerKind): void {
    if (kind === TIMER.requests) this.#onRequestsTimer();
    else if (kind === TIMER.lookups) this.router.onTimer();
    else if (kind === TIMER.table) this.#tables.onTimer();
    else if (kind === TIMER.operations) this.overlay.onTimer();
    else if (kind === TIMER.somo) this.#somo?.onTimer();
    else if (kind === TIMER.lagover) this.#lagover?.onTimer();
    else if (kind === TIMER.feeds) this.#onFeedsTimer();
    else if (kind === TIMER.market) this.#market?.onTimer();
    else if (kind === TIMER.casts) this.#casts?.onTimer();
    else if (kind === TIMER.descents) this.#somo?.onDescentTimer();
    else this.#ring.onTimer(kind);
  }

  onPeerUnreachable(peer: Contact): void {
    if (this.membership.leafset.find(peer)) this.#detector.suspect(peer, undefined, false);
    else this.router.strategy.forget(peer);
    this.#lagover?.onPeerUnreachable(peer);
    this.#feeds?.onPeerUnreachable(peer);
  }

  /** Streams are for multicast sessions, and for nothing else yet. */
  onStreamOpened(from: Contact, stream: StreamId, purpose: number): void {
    if (purpose === CAST_PURPOSE && this.local.standing !== 'left') this.casts.onStreamOpened(from, stream);
    else this.local.env.streams.reset(stream);
  }

  onStreamData(stream: StreamId, bytes: Uint8Array): void {
    this.#casts?.onStreamData(stream, bytes);
  }

  onStreamWritable(stream: StreamId): void {
    this.#casts?.onStreamWritable(stream);
  }

  onStreamClosed(stream: StreamId): void {
    this.#casts?.onStreamClosed(stream);
  }

  /** Of latency-graded trees, of feeds, and of the market for helpers. */
  #onTreeMessage(from: Contact, message: TreeMessage, at: Millis): void {
    switch (message.type) {
      case 'lagMeet':
      case 'lagClaim':
      case 'lagLock':
      case 'lagUnlock':
      case 'lagMove':
      case 'lagRelease':
      case 'lagReport':
      case 'lagWay':
      case 'lagBye':
      case 'lagAudit': return this.lagover.onMessage(from, message);
      case 'lagLook':
      case 'lagList':
      case 'lagAsk': return this.oracles.onMessage(from, message);
      case 'lagAnswer':
        if (!this.#requests.onReply(message.op, from, message, at)) this.lagover.onMessage(from, message);
        return this.#lagover?.settle();
      case 'feedRegistered':
      case 'feedAck': {
        if (message.type === 'feedRegistered' && message.copy) this.feeds.host.heirs.onCopy(from, message);
        else if (!this.#requests.onReply(message.op, from, message, at)) this.#feeds?.onMessage(from, message);
        return this.#lagover?.settle();
      }
      case 'feedRegister':
      case 'feedHold':
      case 'feedFound':
      case 'feedPush':
      case 'feedFresh':
      case 'feedAsk':
      case 'feedPull':
      case 'feedWitness':
      case 'feedNews': {
        this.feeds.onMessage(from, message);
        return this.#lagover?.settle();
      }
      case 'helpAsk':
      case 'helpRelease':
      case 'helpLost': return this.market.onMessage(from, message);
      default: return unreachable(message);
    }
  }

  /** Takes another's place, which takes ours ([0061]). */
  #move(self: Contact, partner: Contact, neighbours: readonly Contact[]): void {
    const { env, position: before } = this.local;
    const { zoneStart, leafset } = this.membership;
    for (const peer of leafset.contacts()) if (peer.peerId !== partner.peerId) env.send(peer, { type: 'moved', position: before, to: partner });
    this.local.contact = self;
    env.emit({ kind: 'self-moved', contact: self, before });
    if (zoneStart) this.overlay.replication.handOverZone(zoneStart, before, partner);
    this.router.relocate(this.#strategy());
    this.membership.relocate([...neighbours, partner]);
    this.#ring.onRelocated();
  }

  #onReply(op: number, from: Contact, message: Message, at: Millis): void {
    // A reply nobody waits for is late or a repetition: harmless.
    this.#requests.onReply(op, from, message, at);
    this.#lagover?.settle();
  }

  /** One of those that the ring and the routing table know, with equal chances for either kind. */
  #randomNeighbour(): Contact | undefined {
    const { random } = this.local.env;
    const near = this.membership.leafset.contacts();
    const far = random.below(2) === 0 ? this.#tables.randomEntry() : undefined;
    return far ?? (near.length === 0 ? undefined : near[random.below(near.length)]);
  }

  #onFeedsTimer(): void {
    this.#feeds?.onTimer();
    this.#lagover?.settle();
  }

  #onRequestsTimer(): void {
    this.#requests.onTimer();
    this.#lagover?.settle();
  }

  #strategy(): Strategy {
    const { options, position } = this.local;
    switch (options.strategy) {
      case 'leafset': return new LeafsetOnly();
      case 'chord': return new Chord(position);
      case 'pastry': return new Pastry(position, this.membership.leafset);
      case 'can': return new Can(position, options.dimensions, () => this.membership.zoneStart);
      default: return unreachable(options.strategy);
    }
  }
}
