/**
 * All multicast sessions that one peer takes part in: those whose root it is, those it is a member of, those it helps, and the
 * invitations that it got. One timer, and one place where data streams and messages find their session.
 */
import { assert } from '../../../core/assert.ts';
import type { Contact } from '../../../core/contact.ts';
import type { Millis, StreamId } from '../../../core/env.ts';
import { WireError } from '../../../core/errors.ts';
import type { Position } from '../../../core/position.ts';
import type { Local } from '../../local.ts';
import { TIMER } from '../../local.ts';
import { Alarms } from '../../overlay/alarms.ts';
import type { Overlay } from '../../overlay/overlay.ts';
import type { Requests } from '../../requests.ts';
import type { CastInput, CastMeasure, CastOrder } from '../../wire/cast-messages.ts';
import type { HelperMarket } from '../market/helper-market.ts';
import type { Objective } from '../plan.ts';
import { ROOT_WINDOW_BYTES_MAX, ROOT_WINDOW_TIMES, STRANGER_MS, STRANGERS_MAX, TICK_MS, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, WINDOW_MS } from '../stream/bounds.ts';
import { BYE, encodeFrame, FrameReader, FROM } from '../stream/frames.ts';
import type { Frame } from '../stream/frames.ts';
import type { CastReader, Reader } from '../stream/reader.ts';
import type { RelayTally } from '../stream/relay.ts';
import { newTally, Relay } from '../stream/relay.ts';
import { ATTEMPTS, AWAY_MS, INVITATIONS_MAX, MEMBERS_MAX, REASON_BYTES_MAX, RECORD_LEASE_MS, SESSIONS_MAX } from './bounds.ts';
import { Surveyor } from './measuring.ts';
import type { SourceEvents } from './own-session.ts';
import { OwnSession } from './own-session.ts';
import { Participant } from './participant.ts';
import type { CastRecord } from './record.ts';
import { decodeRecord, encodeRecord } from './record.ts';
import { TaskManager } from './task-manager.ts';
import type { CastView, InvitationView } from './views.ts';

export interface OpenTerms {
  readonly key: Position;
  readonly name: string;
  readonly priority: number;
  /** Bit/s that the stream keeps to; 0: as fast as everybody takes it. */
  readonly rateBps: number;
  readonly objective: Objective;
  readonly contentType: string;
  /** Some chunks are key points; left out: none is. */
  readonly hasKeys?: boolean;
  /** What a member misses that vanished is kept for so long, and the session lasts as long. */
  readonly awayMs?: Millis | undefined;
  /** Only who was invited by this peer may join; left out: everybody of the pool. */
  readonly invitedOnly?: boolean | undefined;
  /** Children that this peer serves at most; and what it can send and receive, 0 where that is not known. */
  readonly degree: number;
  readonly upBps: number;
  readonly downBps: number;
}

export interface JoinTerms {
  readonly key: Position;
  readonly name: string;
  /** Links that it offers, the one to its parent included; or how that follows from the session's rate. */
  readonly degree: number | ((rateBps: number) => number);
  readonly upBps: number;
  readonly downBps: number;
  /** Where to begin: a value of FROM, or the chunk that is needed next. */
  readonly from: number;
  /** The session that it was a member of before; left out: the one that is found under the name. */
  readonly record?: CastRecord | undefined;
}

/** `isSilence`: nobody has said no, and it may be tried again. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string; readonly isSilence?: boolean };

export interface CastsParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly overlay: Overlay;
  /** Who helps, and how many links this machine has for sessions. */
  readonly market: HelperMarket;
}

interface Stranger {
  readonly from: Contact;
  readonly stream: StreamId;
  readonly reader: FrameReader;
  wish: Extract<Frame, { readonly kind: 'subscribe' }> | undefined;
  readonly since: Millis;
}

const BITS = 8;
const NO_KEYS = 'its source names no key points, so it can be joined from now or from the start';

export class Casts {
  readonly #parts: CastsParts;
  readonly #alarms: Alarms;
  readonly #surveyor: Surveyor;
  /** By session. */
  readonly #own = new Map<string, OwnSession>();
  readonly #taken = new Map<string, Participant>();
  /** Bytes that were sent for sessions that are helped, as far as the market knows. */
  readonly #counted = new Map<string, number>();
  /** Of sessions that are over. */
  readonly #past = newTally();
  readonly #records = new Map<string, CastRecord>();
  #invitations: InvitationView[] = [];
  readonly #strangers = new Map<StreamId, Stranger>();
  #isTicking = false;

  constructor(parts: CastsParts) {
    this.#parts = parts;
    this.#alarms = new Alarms(parts.local, TIMER.casts);
    this.#surveyor = new Surveyor({ ...parts, alarms: this.#alarms });
    parts.market.watchOwn((session) => {
      this.#own.get(session)?.manager.onOwnLinks();
      this.#taken.get(session)?.reportSoon();
    });
  }

  // --- commands ---

  /** Opens a session with this peer at its root. */
  open(terms: OpenTerms, events: SourceEvents, done: (outcome: Outcome<OwnSession>) => void): void {
    if (this.#isFull) return done({ ok: false, reason: `a peer takes part in ${SESSIONS_MAX} sessions at most` });
    this.#parts.overlay.get(terms.key, (outcome) => {
      if (!outcome.ok && outcome.code !== 'missing') return done({ ok: false, reason: `whether its name is free could not be found out: ${outcome.reason}` });
      const found = outcome.ok ? decodeRecord(outcome.object) : undefined;
      if (found !== undefined && this.#ownByKey(terms.key) !== undefined) return done({ ok: false, reason: 'it is open here already' });
      if (found !== undefined && found.root.peerId !== this.#self.peerId) return done({ ok: false, reason: `a session of this name is open at ${found.root.name}` });
      this.#open(terms, events, done);
    });
  }

  /** Becomes a member of the session under that name, if it is none yet. */
  join(terms: JoinTerms, done: (outcome: Outcome<string>) => void): void {
    const known = terms.record;
    const here = known === undefined ? (this.#ownByKey(terms.key)?.record ?? this.#recordByKey(terms.key)) : this.#records.get(known.session);
    const helping = here !== undefined && this.#taken.get(here.session)?.isHelper === true;
    if (here !== undefined && !helping) return done(lacksKeys(here, terms.from) ? { ok: false, reason: NO_KEYS } : { ok: true, value: here.session });
    if (this.#isFull) return done({ ok: false, reason: `a peer takes part in ${SESSIONS_MAX} sessions at most` });
    if (known !== undefined) return this.#ask(known, terms, done);
    this.#parts.overlay.get(terms.key, (outcome) => {
      if (!outcome.ok && outcome.code !== 'missing') return done({ ok: false, reason: `whether it is open could not be found out: ${outcome.reason}` });
      const record = outcome.ok ? decodeRecord(outcome.object) : undefined;
      if (record === undefined) return done({ ok: false, reason: 'nobody has a session of this name open' });
      this.#ask(record, terms, done);
    });
  }

  /** Undefined: no such session, or too many readers. */
  read(session: string, reader: CastReader, from: number): Reader | undefined {
    const participant = this.#taken.get(session);
    const relay = this.#own.get(session)?.relay ?? participant?.relay;
    const added = relay?.read(this.#watched(session, reader), from);
    if (added !== undefined) participant?.noteRead();
    return added;
  }

  /** A reader went away. */
  onReaders(session: string): void {
    this.#taken.get(session)?.onReaders();
  }

  leave(session: string, reason: string): void {
    this.#taken.get(session)?.leave(reason);
  }

  /** Asks a peer to join; whether somebody there reads it is up to them. */
  invite(session: string, to: Contact, done: (outcome: Outcome<undefined>) => void): void {
    const record = this.#own.get(session)?.record ?? this.#records.get(session);
    if (record === undefined) return done({ ok: false, reason: 'there is no such session here' });
    if (this.#own.get(session)?.manager.noteInvited(to.peerId) === false) return done({ ok: false, reason: `${MEMBERS_MAX} peers were invited already` });
    const { name, key } = record;
    this.#parts.requests.ask({
      to, attempts: ATTEMPTS, timeoutMs: this.#parts.local.timeoutTo(undefined),
      message: (op) => ({ type: 'castInvite', op, session, name, key }),
      onReply: (reply) => done(reply.type === 'castReply' && reply.ok ? { ok: true, value: undefined } : { ok: false, reason: reply.type === 'castReply' ? reply.reason : 'it gave another answer' }),
      onSilent: () => done({ ok: false, reason: 'it does not answer' }),
    });
  }

  leaveAll(): void {
    for (const own of [...this.#own.values()]) own.close('its root has left the pool', true);
    for (const participant of [...this.#taken.values()]) participant.leave('it has left the pool', true);
  }

  // --- what it is ---

  get isIdle(): boolean {
    return this.#own.size === 0 && this.#taken.size === 0;
  }

  get invitations(): readonly InvitationView[] {
    return this.#invitations;
  }

  own(session: string): OwnSession | undefined {
    return this.#own.get(session);
  }

  /** All sessions together, over or not, since this peer came to the pool. */
  get totals(): Readonly<RelayTally> {
    const sum = { ...this.#past };
    for (const { relay } of [...this.#own.values(), ...this.#taken.values()]) addTally(sum, relay.tally);
    return sum;
  }

  views(): CastView[] {
    return [...this.#records.keys()].flatMap((session) => this.view(session) ?? []);
  }

  /** The session under that key, if this peer takes part in it. */
  sessionAt(key: Position): string | undefined {
    return (this.#ownByKey(key)?.record ?? this.#recordByKey(key))?.session;
  }

  /** What is known of a session that this peer takes part in. */
  record(session: string): CastRecord | undefined {
    return this.#records.get(session);
  }

  view(session: string): CastView | undefined {
    const record = this.#own.get(session)?.record ?? this.#records.get(session);
    const own = this.#own.get(session);
    const participant = this.#taken.get(session);
    const relay = own?.relay ?? participant?.relay;
    if (record === undefined || relay === undefined) return undefined;
    const { name, priority, rateBps, contentType, root } = record;
    const { chunks, bytes, sentBytes, refilled, repeated } = relay.tally;
    const { ms: latencyMs, highMs: latencyHighMs } = participant?.latency ?? { ms: 0, highMs: 0 };
    const { parent } = relay;
    const nothing = { tree: [], heightMs: 0, withoutHelpersMs: 0, help: [], amcastHeightMs: null, starBoundMs: 0, replans: 0, moved: 0, gone: [], finished: [], awaited: [] };
    return {
      name, session, role: own !== undefined ? 'root' : participant?.isHelper === true ? 'helper' : 'member', root: { peerId: root.peerId, name: root.name }, priority, rateBps, contentType,
      parent: parent === undefined ? null : { peerId: parent.peerId, name: parent.name }, children: relay.children, chunks, bytes, sentBytes, refilled, repeated, latencyMs, latencyHighMs,
      isComplete: relay.isComplete, ...(own?.manager.view() ?? nothing),
    };
  }

  // --- inputs ---

  onMessage(from: Contact, message: CastInput): void {
    const { env } = this.#parts.local;
    const problem = this.#answer(from, message);
    env.send(from, { type: 'castReply', op: message.op, ok: problem === '', reason: problem.slice(0, REASON_BYTES_MAX) });
  }

  onMeasure(from: Contact, message: CastMeasure): void {
    const mayAsk = this.#parts.market.isWilling || this.#taken.get(message.session)?.root.peerId === from.peerId;
    this.#surveyor.onMeasure(from, message, mayAsk);
  }

  onTimer(): void {
    this.#alarms.onTimer();
  }

  onStreamOpened(from: Contact, stream: StreamId): void {
    const { env } = this.#parts.local;
    if (this.#strangers.size >= STRANGERS_MAX) return env.streams.reset(stream);
    this.#strangers.set(stream, { from, stream, reader: new FrameReader(), wish: undefined, since: env.now() });
    this.#tickSoon();
  }

  onStreamData(stream: StreamId, bytes: Uint8Array): void {
    const stranger = this.#strangers.get(stream);
    if (stranger !== undefined) return this.#onStranger(stranger, bytes);
    this.#relayOf(stream)?.onData(stream, bytes);
  }

  onStreamWritable(stream: StreamId): void {
    this.#relayOf(stream)?.onWritable(stream);
  }

  onStreamClosed(stream: StreamId): void {
    if (this.#strangers.delete(stream)) return;
    this.#relayOf(stream)?.onClosed(stream);
  }

  // --- messages ---

  /** Empty, or why not. */
  #answer(from: Contact, message: CastInput): string {
    switch (message.type) {
      case 'castJoin': return this.#own.get(message.session) === undefined ? 'the session is over' : (this.#own.get(message.session)?.manager.onJoin(from, message) ?? '');
      case 'castReport': return this.#own.get(message.session)?.manager.onReport(from, message) === true ? '' : 'this peer is no member of the session any more';
      case 'castOrder': return this.#onOrder(from, message);
      case 'castInvite': {
        this.#forgetInvitation(message.session);
        this.#invitations.push({ name: message.name, session: message.session, from: { peerId: from.peerId, name: from.name } });
        if (this.#invitations.length > INVITATIONS_MAX) this.#invitations.shift();
        this.#parts.local.env.emit({ kind: 'cast-invited', name: message.name, session: message.session, from });
        return '';
      }
    }
  }

  #onOrder(from: Contact, message: CastOrder): string {
    const known = this.#taken.get(message.session);
    const links = message.children.length + 1;
    if (known !== undefined && known.root.peerId !== from.peerId) return 'another peer is the root of this session';
    if (known !== undefined) {
      if (!known.isHelper) this.#parts.market.useOwn(message.session, links, message.needed);
      return known.onOrder(message);
    }
    if (message.dismissal !== '') return '';
    if (this.#parts.market.granted(message.session) < links) return 'it is no member, and has not agreed to help';
    const { session, name, key, rateBps } = message;
    return this.#take({ key, session, name, rateBps, priority: 0, hasKeys: false, contentType: '', root: from }, FROM.start, true).onOrder(message);
  }

  // --- sessions ---

  #open(terms: OpenTerms, events: SourceEvents, done: (outcome: Outcome<OwnSession>) => void): void {
    const { local, requests, overlay } = this.#parts;
    const session = `${terms.key.hex.slice(0, 16)}-${local.env.random.u32().toString(16)}`;
    const { key, name, priority, rateBps, hasKeys = false, contentType } = terms;
    const record = { key, session, name, priority, rateBps, hasKeys, contentType };
    const refusal = this.#parts.market.takeOwn(session, terms.priority, terms.degree);
    if (refusal !== undefined) return done({ ok: false, reason: refusal });
    const { value, fields } = encodeRecord({ ...record, root: this.#self });
    overlay.put(terms.key, value, { leaseMs: RECORD_LEASE_MS, fields }, (outcome) => {
      if (!outcome.ok) {
        this.#parts.market.giveBackOwn(session);
        return done({ ok: false, reason: `its name could not be stored: ${outcome.reason}` });
      }
      const relay: Relay = new Relay({
        session, streams: local.env.streams, now: () => local.env.now(), rateBps: terms.rateBps, windowBytes: Math.min(ROOT_WINDOW_BYTES_MAX, ROOT_WINDOW_TIMES * windowBytes(terms.rateBps)), from: FROM.start, isSource: true,
        events: {
          onStarted: () => undefined, onParentLost: () => undefined, onBroken: () => undefined,
          onChildSlow: (peerId, takenBps) => manager.onOwnChildSlow(peerId, takenBps),
          onChildLost: (peerId) => manager.onOwnChildLost(peerId),
          onRoom: () => events.onRoom(),
        },
      });
      const manager: TaskManager = new TaskManager({ ...terms, awayMs: terms.awayMs ?? AWAY_MS, invitedOnly: terms.invitedOnly ?? false, session }, {
        local, requests, alarms: this.#alarms, market: this.#parts.market, relay,
        onNews: () => {
          this.#admit();
          this.#own.get(session)?.onNews();
        },
      });
      const own = new OwnSession({ local, alarms: this.#alarms, overlay, record, manager, relay, events, onOver: (reason) => this.#onOver(session, terms.name, reason) });
      this.#own.set(session, own);
      this.#records.set(session, own.record);
      this.#tickSoon();
      done({ ok: true, value: own });
    });
  }

  #ask(record: CastRecord, terms: JoinTerms, done: (outcome: Outcome<string>) => void): void {
    const { local, requests } = this.#parts;
    const { session, root } = record;
    if (root.peerId === this.#self.peerId) return done({ ok: false, reason: 'it was open here once, and is no more' });
    const { upBps, downBps, from } = terms;
    if (lacksKeys(record, from)) return done({ ok: false, reason: NO_KEYS });
    const degree = typeof terms.degree === 'number' ? terms.degree : terms.degree(record.rateBps);
    const refusal = this.#parts.market.takeOwn(session, record.priority, degree);
    if (refusal !== undefined) return done({ ok: false, reason: refusal });
    // Before the answer: the first order may overtake it.
    const participant = this.#taken.get(session) ?? this.#take(record, terms.from, false);
    participant.becomeMember();
    const refused = (reason: string, isSilence = false): void => {
      participant.abandon(reason);
      done({ ok: false, reason, isSilence });
    };
    requests.ask({
      to: root, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({ type: 'castJoin', op, session, degree, coordinate: local.coordinate, upBps, downBps }),
      onReply: (reply) => {
        if (reply.type === 'castReply' && reply.ok) done({ ok: true, value: session });
        else refused(reply.type === 'castReply' ? reply.reason : 'its root gave another answer');
      },
      onSilent: () => refused('its root does not answer', true),
    });
  }

  #take(record: CastRecord, from: number, isHelper: boolean): Participant {
    const { local, requests } = this.#parts;
    const { session, name, rateBps, root } = record;
    const participant: Participant = new Participant({
      local, requests, alarms: this.#alarms, session, name, root, isHelper, surveyor: this.#surveyor,
      links: () => (participant.isHelper ? this.#parts.market.granted(session) : this.#parts.market.availableToOwn(session)),
      newRelay: (events) => new Relay({ session, streams: local.env.streams, now: () => local.env.now(), events, rateBps, windowBytes: windowBytes(rateBps), from, isSource: false }),
      onOver: (reason) => {
        if (this.#taken.get(session) === participant) this.#onOver(session, name, reason);
      },
      onPlace: () => this.#admit(),
    });
    this.#taken.set(session, participant);
    this.#records.set(session, record);
    this.#tickSoon();
    return participant;
  }

  #onOver(session: string, name: string, reason: string): void {
    this.#countHelp(session);
    this.#counted.delete(session);
    for (const one of [this.#own.get(session), this.#taken.get(session)]) if (one !== undefined) addTally(this.#past, one.relay.tally);
    this.#own.delete(session);
    this.#taken.delete(session);
    this.#records.delete(session);
    this.#forgetInvitation(session);
    this.#parts.market.giveBackOwn(session);
    this.#parts.local.env.emit({ kind: 'cast-over', name, reason });
  }

  #forgetInvitation(session: string): void {
    this.#invitations = this.#invitations.filter((one) => one.session !== session);
  }

  /** A reader that ends is one less here. */
  #watched(session: string, reader: CastReader): CastReader {
    return {
      onChunk: (chunk) => reader.onChunk(chunk),
      onEnd: (reason, isFailure) => {
        reader.onEnd(reason, isFailure);
        this.#alarms.in(0, () => this.onReaders(session));
      },
    };
  }

  // --- streams ---

  #relayOf(stream: StreamId): Relay | undefined {
    for (const { relay } of this.#taken.values()) if (relay.owns(stream)) return relay;
    for (const { relay } of this.#own.values()) if (relay.owns(stream)) return relay;
    return undefined;
  }

  #onStranger(stranger: Stranger, bytes: Uint8Array): void {
    try {
      stranger.reader.push(bytes);
      if (stranger.wish !== undefined) return;
      const frame = stranger.reader.next();
      if (frame === undefined) return;
      if (frame.kind !== 'subscribe') throw new WireError('a stream begins with a wish');
      stranger.wish = frame;
      this.#tryAdmit(stranger);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#strangers.delete(stranger.stream);
      this.#parts.local.env.streams.reset(stranger.stream);
    }
  }

  #tryAdmit(stranger: Stranger): void {
    const { wish, from, stream, reader } = stranger;
    if (wish === undefined) return;
    const relay = this.#own.get(wish.session)?.relay ?? this.#taken.get(wish.session)?.relay;
    if (relay?.accept(from, stream, wish, reader) === true) this.#strangers.delete(stream);
  }

  #admit(): void {
    for (const stranger of [...this.#strangers.values()]) this.#tryAdmit(stranger);
  }

  // --- time ---

  #tickSoon(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#alarms.in(TICK_MS, () => this.#tick());
  }

  /** What was sent for a session that is helped since this was asked last. */
  #countHelp(session: string): void {
    const participant = this.#taken.get(session);
    if (participant?.isHelper !== true) return;
    const { sentBytes } = participant.relay.tally;
    this.#parts.market.spent(sentBytes - (this.#counted.get(session) ?? 0));
    this.#counted.set(session, sentBytes);
  }

  #tick(): void {
    this.#isTicking = false;
    for (const session of this.#taken.keys()) this.#countHelp(session);
    const { env } = this.#parts.local;
    this.#admit();
    for (const { stream, since } of [...this.#strangers.values()]) {
      if (env.now() - since < STRANGER_MS) continue;
      this.#strangers.delete(stream);
      env.streams.write(stream, encodeFrame({ kind: 'bye', code: BYE.stranger }));
      env.streams.end(stream);
    }
    for (const own of [...this.#own.values()]) own.onTick();
    for (const participant of [...this.#taken.values()]) participant.onTick();
    if (!this.isIdle || this.#strangers.size > 0) this.#tickSoon();
  }

  // --- small things ---

  get #self(): Contact {
    return this.#parts.local.contact;
  }

  get #isFull(): boolean {
    return this.#own.size + this.#taken.size >= SESSIONS_MAX;
  }

  #ownByKey(key: Position): OwnSession | undefined {
    return [...this.#own.values()].find(({ record }) => record.key.hex === key.hex);
  }

  #recordByKey(key: Position): CastRecord | undefined {
    return [...this.#records.values()].find((record) => record.key.hex === key.hex);
  }
}

/** Whoever waits for a key point there would wait for ever. */
function lacksKeys({ hasKeys }: CastRecord, from: number): boolean {
  return from === FROM.key && !hasKeys;
}

function addTally(sum: RelayTally, tally: RelayTally): void {
  for (const name of Object.keys(tally) as (keyof RelayTally)[]) sum[name] += tally[name];
}

/** So much of the stream as comes in a few seconds. */
function windowBytes(rateBps: number): number {
  assert(rateBps >= 0, 'a rate is no debt');
  if (rateBps === 0) return WINDOW_BYTES_DEFAULT;
  return Math.round(Math.min(WINDOW_BYTES_MAX, Math.max(WINDOW_BYTES_MIN, (rateBps / BITS) * (WINDOW_MS / 1_000))));
}
