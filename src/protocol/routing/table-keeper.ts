/**
 * Keeps a routing table fresh: every entry is asked now and then for the part of its own table that serves ours.
 *
 * One question does three things: it proves the entry alive, measures the way to it, and brings candidates, among which
 * the strategy prefers near ones. A strategy that knows what it lacks (`wanted`) has that looked up instead. Both sides
 * also tell which entries they found gone; whoever has one of these asks it next.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership, MembershipListener } from '../ring/membership.ts';
import type { TableReply, TableRequest } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Router } from './router.ts';
import { GoneList } from './gone-list.ts';
import type { Hop } from './strategy.ts';

/** Attempts before an entry is dropped. It is only forgotten, not declared dead: it was no neighbour. */
const ATTEMPTS = 2;
/** Entries of one reply; the wire allows as many. */
const REPLY_MAX = 128;
/** While the table is young questions come faster: the first so many, and then as many again. */
const NEW_PROBE_MS = 1_000;
const NEW_PROBES = 20;
const YOUNG_PROBE_MS = 4_000;
const YOUNG_PROBES = 40;
/** One question in so many is for somebody who may turn out near. */
const EXPLORE_TURNS = 3;
/** Entries in doubt come sooner; of more than so many the rest wait for their turn. */
const DOUBT_PROBE_MS = 2_000;
const DOUBTS_MAX = 8;
/** The longest a nearly empty table waits for its next probe. */
const PROBE_MAX_MS = 60_000;
const NONE: readonly never[] = [];

export class TableKeeper implements MembershipListener {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #requests: Requests;
  readonly #router: Router;
  readonly #gone = new GoneList();
  #doubted: readonly Position[] = NONE;
  #probes = 0;

  constructor(local: Local, membership: Membership, requests: Requests, router: Router) {
    this.#local = local;
    this.#membership = membership;
    this.#requests = requests;
    this.#router = router;
    membership.listen(this);
  }

  onPeerGone(peer: Contact): void {
    this.#gone.add(peer.position, this.#local.env.now());
  }

  /** On becoming a member: the successor's table is the best first one, because it shares our longest prefix. */
  start(knownTable: boolean): void {
    const successor = this.#membership.leafset.successor;
    if (successor && !knownTable) this.#ask(successor, WHOLE_TABLE);
    this.#arm();
  }

  stop(): void {
    this.#local.env.disarm(TIMER.table);
  }

  randomEntry(): Contact | undefined {
    return this.#router.strategy.randomEntry(this.#local.env.random)?.contact;
  }

  onTimer(): void {
    const { strategy } = this.#router;
    const doubted = this.#nextInDoubt();
    if (doubted) {
      this.#ask(doubted, 0, 1);
      this.#arm();
      return;
    }
    this.#probes++;
    const wanted = this.#probes % 2 === 0 ? strategy.wanted() : undefined;
    if (wanted) this.#lookUp(wanted);
    else {
      const adviser = (this.#probes % EXPLORE_TURNS === 0 ? strategy.nextToTry() : undefined) ?? strategy.nextToAsk();
      if (adviser) this.#ask(adviser.hop, adviser.part);
    }
    this.#arm();
  }

  onRequest(from: Contact, request: TableRequest): void {
    const { strategy } = this.#router;
    const told = strategy.part(request.part, request, from);
    const entries = told.length > REPLY_MAX ? told.slice(0, REPLY_MAX) : told;
    this.#local.env.send(from, { type: 'tableReply', op: request.op, vitals: this.#membership.vitals(), entries, gone: this.#gone.recent(this.#local.env.now()) });
    this.#doubt(request.gone);
    const { vitals, rttMs } = request;
    // The way is as long seen from here. It is the asker's word, so it counts as a promise until we ask it ourselves.
    if (vitals.zoneStart) strategy.learn(from, rttMs > 0 ? { ...vitals, atMostMs: rttMs } : vitals);
  }

  #doubt(gone: readonly Position[]): void {
    for (const position of gone) {
      if (this.#doubted.length >= DOUBTS_MAX || !this.#router.strategy.find(position)) continue;
      if (!this.#doubted.some((other) => other.hex === position.hex)) this.#doubted = this.#doubted.concat(position);
    }
    if (this.#doubted.length > 0) this.#arm();
  }

  #nextInDoubt(): Hop | undefined {
    while (this.#doubted.length > 0) {
      const [position, ...rest] = this.#doubted;
      this.#doubted = rest;
      const hop = position && this.#router.strategy.find(position);
      if (hop) return hop;
    }
    return undefined;
  }

  #ask(hop: Hop, part: number, attempts = ATTEMPTS): void {
    const peer = hop.contact;
    this.#requests.ask({
      to: peer,
      attempts,
      timeoutMs: this.#local.timeoutTo(hop.coordinate, hop.rttMs),
      message: (op) => ({
        type: 'tableRequest', op, part, vitals: this.#membership.vitals(), gone: this.#gone.recent(this.#local.env.now()),
        reach: this.#router.strategy.reach(part), rttMs: Math.ceil(hop.rttMs ?? 0),
      }),
      onReply: (reply, rttMs) => {
        if (reply.type === 'tableReply') this.#onReply(peer, reply, rttMs);
      },
      onSilent: () => {
        this.#router.strategy.forget(peer);
        this.#gone.add(peer.position, this.#local.env.now());
      },
    });
  }

  #onReply(peer: Contact, reply: TableReply, rttMs: Millis | undefined): void {
    const { strategy } = this.#router;
    const { coordinate, zoneStart } = reply.vitals;
    if (rttMs !== undefined) this.#local.learnRtt(coordinate, rttMs, strategy.find(peer.position)?.rttMs);
    strategy.learn(peer, { coordinate, zoneStart, rttMs });
    const now = this.#local.env.now();
    const { lead } = this.#local.position;
    this.#gone.remove(peer.position);
    this.#doubt(reply.gone);
    for (const entry of reply.entries) {
      if ((entry.contact.position.lead === lead && this.#local.isSelf(entry.contact)) || this.#membership.remembered.isHearsay(entry.contact, now)) continue;
      const { zoneStart, tellerRttMs } = entry;
      const isMeasured = rttMs !== undefined && tellerRttMs > 0;
      strategy.learn(entry.contact, isMeasured ? { zoneStart, atMostMs: rttMs + tellerRttMs, atLeastMs: Math.abs(rttMs - tellerRttMs) } : { zoneStart });
    }
  }

  #lookUp(position: Position): void {
    // The answer is learnt by the router, with the owner's zone.
    this.#router.lookup(position, () => undefined, () => undefined);
  }

  #arm(): void {
    const { env, options } = this.#local;
    const each = options.tableProbeMs / Math.max(1, this.#router.strategy.size);
    const calm = this.#probes < NEW_PROBES ? NEW_PROBE_MS : this.#probes < YOUNG_PROBES ? YOUNG_PROBE_MS : PROBE_MAX_MS;
    const pause = Math.min(each, this.#doubted.length > 0 ? DOUBT_PROBE_MS : calm);
    env.arm(TIMER.table, env.now() + pause * (0.8 + 0.4 * env.random.unit()));
  }
}
