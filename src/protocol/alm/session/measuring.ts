/**
 * Round trips between peers of a session that no stream joins yet: a plan is tried on its links before anybody is asked to
 * move ([0079]).
 *
 * The root asks one end of each link, and that end asks the other a few times, of which the shortest counts. Only the
 * root of a session may ask its members, and whoever would help answers any root. All of it is bounded in number and in time.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { CastMeasure } from '../../wire/cast-messages.ts';
import { BARRED_MS, MEASURE_MS, MEASURED_MAX, MEASURED_MS, MEASURED_PEERS_MAX, PING_MS, PINGS, SURVEYS_MAX } from './bounds.ts';
import { pairOf } from './roster.ts';

export interface MeasuringParts {
  readonly local: Local;
  readonly requests: Requests;
}

/** A link of a plan; `from` is asked. */
export interface UntriedLink {
  readonly from: Contact;
  readonly to: Contact;
}

/** What a root has learnt of links, latest last. */
export class Measurements {
  readonly #parts: MeasuringParts;
  readonly #session: string;
  readonly #surveyor: Surveyor;
  readonly #rtts = new Map<string, { readonly rttMs: Millis; readonly until: Millis }>();

  constructor(session: string, parts: MeasuringParts) {
    this.#session = session;
    this.#parts = parts;
    this.#surveyor = new Surveyor(parts);
  }

  /** Infinity: tried without an answer. */
  rttMs(a: string, b: string): Millis | undefined {
    const known = this.#rtts.get(pairOf(a, b));
    return known !== undefined && known.until > this.#parts.local.env.now() ? known.rttMs : undefined;
  }

  /** Calls `onDone` once, with whether anything was learnt. Of more links than one peer may be asked for the first count. */
  measure(links: readonly UntriedLink[], onDone: (hasLearnt: boolean) => void): void {
    const byPeer = new Map<string, UntriedLink[]>();
    for (const link of links) {
      const { peerId } = link.from;
      const own = byPeer.get(peerId) ?? [];
      if (own.length < MEASURED_PEERS_MAX) byPeer.set(peerId, [...own, link]);
    }
    let open = byPeer.size;
    if (open === 0) return onDone(false);
    let hasLearnt = false;
    for (const own of byPeer.values()) this.#askOne(own, (rtts) => {
      own.forEach(({ from, to }, i) => {
        const rtt = rtts[i];
        if (rtt === undefined) return;
        hasLearnt = true;
        this.#note(pairOf(from.peerId, to.peerId), rtt > 0 ? rtt : Infinity);
      });
      if (--open === 0) onDone(hasLearnt);
    });
  }

  #askOne(links: readonly UntriedLink[], onDone: (rtts: readonly Millis[]) => void): void {
    const from = (links[0] as UntriedLink).from;
    const peers = links.map(({ to }) => to);
    const { local, requests } = this.#parts;
    if (local.isSelf(from)) return this.#surveyor.survey(this.#session, peers, onDone);
    requests.ask({
      to: from, attempts: 1, timeoutMs: MEASURE_MS,
      message: (op) => ({ type: 'castMeasure', op, session: this.#session, peers }),
      onReply: (reply) => onDone(reply.type === 'castMeasured' && reply.rtts.length === peers.length ? reply.rtts.map((rtt) => (rtt >= 0 ? rtt : 0)) : []),
      onSilent: () => onDone([]),
    });
  }

  #note(pair: string, rttMs: Millis): void {
    this.#rtts.delete(pair);
    this.#rtts.set(pair, { rttMs, until: this.#parts.local.env.now() + (rttMs === Infinity ? BARRED_MS : MEASURED_MS) });
    if (this.#rtts.size > MEASURED_MAX) this.#rtts.delete(this.#rtts.keys().next().value as string);
  }
}

/** The end that is asked. */
export class Surveyor {
  readonly #parts: MeasuringParts;
  #open = 0;

  constructor(parts: MeasuringParts) {
    this.#parts = parts;
  }

  /** `mayAsk`: whoever asks leads a session that this peer takes part in, or could help. Nothing is measured otherwise, or if it is too busy. */
  onMeasure(from: Contact, { op, session, peers }: CastMeasure, mayAsk: boolean): void {
    const answer = (rtts: readonly Millis[]): void => this.#parts.local.env.send(from, { type: 'castMeasured', op, rtts: rtts.map(Math.fround) });
    if (peers.length === 0 || !mayAsk || this.#open >= SURVEYS_MAX) return answer([]);
    this.#open++;
    this.survey(session, peers, (rtts) => {
      this.#open--;
      answer(rtts);
    });
  }

  /** Round trips to these, in their order; 0 where no answer came. */
  survey(session: string, peers: readonly Contact[], onDone: (rtts: readonly Millis[]) => void): void {
    const rtts = peers.map(() => 0);
    let open = peers.length;
    if (open === 0) return onDone(rtts);
    peers.forEach((peer, i) => this.#ping(session, peer, PINGS, Infinity, (rttMs) => {
      rtts[i] = Number.isFinite(rttMs) ? rttMs : 0;
      if (--open === 0) onDone(rtts);
    }));
  }

  #ping(session: string, to: Contact, times: number, least: Millis, onDone: (rttMs: Millis) => void): void {
    if (times === 0) return onDone(least);
    this.#parts.requests.ask({
      to, attempts: 1, timeoutMs: PING_MS,
      message: (op) => ({ type: 'castMeasure', op, session, peers: [] }),
      onReply: (_reply, rttMs = Infinity) => this.#ping(session, to, times - 1, Math.min(least, rttMs), onDone),
      onSilent: () => onDone(least),
    });
  }
}
