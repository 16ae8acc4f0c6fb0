/**
 * Round trips between peers of a session that no stream joins yet: a plan is tried on its links before anybody is asked to
 * move ([0079]).
 *
 * The root asks one end of each link, and that end asks the other a few times, of which the shortest counts. The links of the present tree
 * are measured in the very same way: messages wait in other places than a stream, and what is compared has to be measured alike. Only the
 * root of a session may ask its members, and whoever would help answers any root. All of it is bounded in number and in time.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { Requests } from '../../requests.ts';
import type { CastMeasure } from '../../wire/cast-messages.ts';
import { BARRED_MS, EDGE_MS, MEASURE_MS, MEASURED_MAX, MEASURED_MS, MEASURED_PEERS_MAX, PING_GAP_MS, PING_MS, PINGS, SURVEY_MS, SURVEYS_MAX } from './bounds.ts';
import { pairOf } from './roster.ts';

export interface MeasuringParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
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
    const until = this.#parts.local.env.now() + SURVEY_MS;
    // Not all in one moment: answers would wait for one another.
    peers.forEach((peer, i) => this.#parts.alarms.in((i * PING_GAP_MS) / peers.length, () => this.#ping({ session, to: peer, until }, PINGS, Infinity, (rttMs) => {
      rtts[i] = Number.isFinite(rttMs) ? rttMs : 0;
      if (--open === 0) onDone(rtts);
    })));
  }

  /** One question after the other, with a pause between them: what is busy now is less so in a moment. */
  #ping(link: { readonly session: string; readonly to: Contact; readonly until: Millis }, times: number, least: Millis, onDone: (rttMs: Millis) => void): void {
    const { local, requests, alarms } = this.#parts;
    requests.ask({
      to: link.to, attempts: 1, timeoutMs: PING_MS,
      message: (op) => ({ type: 'castMeasure', op, session: link.session, peers: [] }),
      onReply: (_reply, rttMs = Infinity) => {
        const shortest = Math.min(least, rttMs);
        if (times === 1 || local.env.now() + PING_GAP_MS >= link.until) onDone(shortest);
        else alarms.in(PING_GAP_MS, () => this.#ping(link, times - 1, shortest, onDone));
      },
      onSilent: () => onDone(least),
    });
  }
}

/** The link to a peer's parent, measured like those of a plan. */
export class ParentGauge {
  readonly #surveyor: Surveyor;
  readonly #session: string;
  readonly #now: () => Millis;
  #measured: { readonly peerId: string; readonly rttMs: Millis; readonly at: Millis } | undefined;
  #isMeasuring = false;

  constructor(surveyor: Surveyor, session: string, now: () => Millis) {
    this.#surveyor = surveyor;
    this.#session = session;
    this.#now = now;
  }

  /** 0: not known yet. */
  rttMs(parent: Contact | undefined): Millis {
    return this.#measured !== undefined && this.#measured.peerId === parent?.peerId ? this.#measured.rttMs : 0;
  }

  /** Measures it if it is another one, or was measured long ago. Calls `onNew` if another one was measured for the first time. */
  look(parent: Contact | undefined, onNew: () => void): void {
    const isNew = this.#measured?.peerId !== parent?.peerId;
    if (parent === undefined || this.#isMeasuring || (!isNew && this.#now() < (this.#measured?.at ?? 0) + EDGE_MS)) return;
    this.#isMeasuring = true;
    this.#surveyor.survey(this.#session, [parent], ([rttMs = 0]) => {
      this.#isMeasuring = false;
      this.#measured = { peerId: parent.peerId, rttMs: rttMs > 0 || isNew ? rttMs : this.rttMs(parent), at: this.#now() };
      if (isNew) onNew();
    });
  }
}
