/**
 * Keeps a routing table fresh: every entry is asked now and then for the part of its own table that serves ours.
 *
 * One question does three things: it proves the entry alive, measures the way to it, and brings candidates, among which
 * the strategy prefers near ones. A strategy that knows what it lacks (`wanted`) has that looked up instead.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import { TIMER } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { TableReply, TableRequest } from '../wire/messages.ts';
import { WHOLE_TABLE } from '../wire/messages.ts';
import type { Router } from './router.ts';
import type { Hop } from './strategy.ts';

/** Attempts before an entry is dropped. It is only forgotten, not declared dead: it was no neighbour. */
const ATTEMPTS = 2;
/** Entries of one reply; the wire allows as many. */
const REPLY_MAX = 128;
/** While the table is young: probes come at this interval, for as many rounds. */
const YOUNG_PROBE_MS = 4_000;
const YOUNG_PROBES = 40;
/** The longest a nearly empty table waits for its next probe. */
const PROBE_MAX_MS = 60_000;

export class TableKeeper {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #requests: Requests;
  readonly #router: Router;
  #probes = 0;

  constructor(local: Local, membership: Membership, requests: Requests, router: Router) {
    this.#local = local;
    this.#membership = membership;
    this.#requests = requests;
    this.#router = router;
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
    this.#probes++;
    const wanted = this.#probes % 2 === 0 ? strategy.wanted() : undefined;
    if (wanted) this.#lookUp(wanted);
    else {
      const entry = this.#whomToAsk();
      if (entry) this.#ask(entry, strategy.partToAsk(entry.contact));
    }
    this.#arm();
  }

  /** In turn: somebody whose own entries are likely to be good for us; an entry never measured; one to prove itself alive. */
  #whomToAsk(): Hop | undefined {
    const { strategy } = this.#router;
    const turn = this.#probes % 4;
    const chosen = turn === 0 ? strategy.goodAdviser(this.#local.env.random) : turn === 2 ? undefined : strategy.unmeasured();
    return chosen ?? strategy.nextToProve();
  }

  onRequest(from: Contact, request: TableRequest): void {
    const { strategy } = this.#router;
    const entries = strategy.part(request.part).filter((entry) => entry.contact.peerId !== from.peerId).slice(0, REPLY_MAX);
    this.#local.env.send(from, { type: 'tableReply', op: request.op, vitals: this.#membership.vitals(), entries });
    if (request.vitals.zoneStart) strategy.learn(from, request.vitals.coordinate, request.vitals.zoneStart);
  }

  #ask(hop: Hop, part: number): void {
    const peer = hop.contact;
    this.#requests.ask({
      to: peer,
      attempts: ATTEMPTS,
      timeoutMs: this.#local.timeoutTo(hop.coordinate, hop.rttMs),
      message: (op) => ({ type: 'tableRequest', op, part, vitals: this.#membership.vitals() }),
      onReply: (reply, rttMs) => {
        if (reply.type === 'tableReply') this.#onReply(peer, reply, rttMs);
      },
      onSilent: () => this.#router.strategy.forget(peer),
    });
  }

  #onReply(peer: Contact, reply: TableReply, rttMs: Millis | undefined): void {
    const { strategy } = this.#router;
    if (rttMs !== undefined) this.#local.learnRtt(reply.vitals.coordinate, rttMs);
    strategy.learn(peer, reply.vitals.coordinate, reply.vitals.zoneStart, rttMs);
    const now = this.#local.env.now();
    for (const entry of reply.entries) {
      if (this.#local.isSelf(entry.contact) || this.#membership.remembered.isHearsay(entry.contact, now)) continue;
      strategy.learn(entry.contact, entry.coordinate, entry.zoneStart);
    }
  }

  #lookUp(position: Position): void {
    // The answer is learnt by the router, with the owner's zone.
    this.#router.lookup(position, () => undefined, () => undefined);
  }

  #arm(): void {
    const { env, options } = this.#local;
    const each = options.tableProbeMs / Math.max(1, this.#router.strategy.size);
    const pause = this.#probes < YOUNG_PROBES ? Math.min(YOUNG_PROBE_MS, each) : Math.min(PROBE_MAX_MS, each);
    env.arm(TIMER.table, env.now() + pause * (0.8 + 0.4 * env.random.unit()));
  }
}
