/**
 * Multicast sessions as promises and streams of bytes: what the API, the commands and the library use.
 *
 * A stream goes in as whatever can be iterated and comes out the same way, with back-pressure in both directions: the source is read
 * only while the session has room, and a reader that does not read is served no further. Sessions end with the stay in the pool.
 */
import { assert } from '../core/assert.ts';
import { GroveError } from '../core/errors.ts';
import type { Contact } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import { positionOfPeer } from '../host/identity.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../protocol/alm/instance.ts';
import type { Objective } from '../protocol/alm/plan.ts';
import { AWAY_MS_MAX, DEGREE_MAX, NAME_BYTES_MAX } from '../protocol/alm/session/bounds.ts';
import type { Outcome } from '../protocol/alm/session/casts.ts';
import type { OwnSession } from '../protocol/alm/session/own-session.ts';
import type { CastRecord } from '../protocol/alm/session/record.ts';
import type { CastView, InvitationView } from '../protocol/alm/session/views.ts';
import { FROM } from '../protocol/alm/stream/frames.ts';
import { CastQueue } from './cast-queue.ts';
import { decodeTicket, encodeTicket } from './cast-ticket.ts';
import type { Deferred } from './deferred.ts';
import { deferred } from './deferred.ts';
import { positionOfKey } from './key.ts';
import type { Framing, Piece } from './message-cutter.ts';
import { MessageCutter } from './message-cutter.ts';
import type { PoolView } from './pool-view.ts';
import type { Session } from './session.ts';

export interface CastWish {
  readonly priority?: number | undefined;
  /** Bit/s; left out: as fast as everybody takes it. */
  readonly rateBps?: number | undefined;
  readonly objective?: Objective | undefined;
  readonly contentType?: string | undefined;
  /** How messages are told apart in the bytes; left out: there are none. */
  readonly messages?: Framing | undefined;
  /** One message of so many is a key point, the first one, too. */
  readonly keyEvery?: number | undefined;
  /** A member that vanished may come back for what it missed for so long; 0: nobody is waited for. */
  readonly awayMs?: number | undefined;
  /** Only who is invited here may join; left out: everybody of the pool. */
  readonly invitedOnly?: boolean | undefined;
  /** Peers that this one serves itself at most. */
  readonly degree?: number | undefined;
}

export interface CastJoinWish {
  /** Links that this peer offers, the one to its parent included. */
  readonly degree?: number | undefined;
  readonly from?: 'now' | 'key' | 'start' | undefined;
}

/** Of a reader that may come back after its peer was away. */
export interface CastFollowWish extends CastJoinWish {
  /** What it got at its first time, and the number of the chunk that it needs next. */
  readonly ticket?: string | undefined;
  readonly next?: number | undefined;
}

export interface CastFeedWish {
  /** The stream begins when so many members are served. */
  readonly members?: number | undefined;
  /** ... or after so long with those that there are. */
  readonly waitMs?: number | undefined;
}

export interface CastSummary {
  readonly name: string;
  readonly bytes: number;
  readonly chunks: number;
  /** Members that have everything. */
  readonly finished: readonly { readonly peerId: string; readonly name: string }[];
  /** Members that were let go or left, and why. */
  readonly gone: readonly { readonly peerId: string; readonly name: string; readonly why: string }[];
  readonly reason: string;
}

/** Links of a peer that says nothing and has not measured its uplink. */
const DEGREE_DEFAULT = 4;
const RATE_MAX_BPS = 1e11;
const WAIT_MS = 60_000;
/** A session whose source never comes is closed. */
const UNFED_MS = 60_000;
const BYTES = 'application/octet-stream';

interface Source {
  readonly own: OwnSession;
  room: Deferred<void> | undefined;
  news: Deferred<void> | undefined;
  isFed: boolean;
  readonly cutter: MessageCutter;
  readonly over: Deferred<{ readonly reason: string; readonly isFailure: boolean }>;
  readonly idle: NodeJS.Timeout;
  /** Kept when the session is over. */
  last: CastView | undefined;
}

export class CastService {
  readonly #session: Session;
  readonly #pool: PoolView;
  readonly #degreeBound: number;
  readonly #sources = new Map<string, Source>();
  readonly #queues = new Set<CastQueue>();
  /** Why sessions that are no more ended, latest last. */
  readonly #ended = new Map<string, string>();

  constructor(session: Session, pool: PoolView, degreeBound: number) {
    this.#session = session;
    this.#pool = pool;
    this.#degreeBound = degreeBound;
  }

  // --- opening ---

  async open(name: string, wish: CastWish, signal?: AbortSignal): Promise<CastView> {
    const { priority = PRIORITY_HIGHEST, rateBps = 0, objective = 'height', contentType = BYTES, messages, keyEvery = 0, awayMs, invitedOnly } = wish;
    const key = keyOfCast(name);
    if (!Number.isInteger(priority) || priority < PRIORITY_HIGHEST || priority > PRIORITY_LOWEST) throw new GroveError('usage', `A priority is 1, 2 or 3, not ${priority}.`);
    if (!(rateBps >= 0 && rateBps <= RATE_MAX_BPS)) throw new GroveError('usage', 'A rate is a positive number of bits a second.');
    if (awayMs !== undefined && !(awayMs >= 0 && awayMs <= AWAY_MS_MAX)) throw new GroveError('usage', `Whoever vanished is waited for from 0 to ${AWAY_MS_MAX / 1_000} s.`);
    if (!Number.isSafeInteger(keyEvery) || keyEvery < 0) throw new GroveError('usage', 'Key points are every so manieth message: a whole number from 1.');
    if (keyEvery > 0 && messages === undefined) throw new GroveError('usage', 'Key points are counted in messages: say how these are told apart, by lines or by their sizes.');
    const { node, operations } = this.#session;
    const waiting: { source?: Source } = {};
    const over = deferred<{ readonly reason: string; readonly isFailure: boolean }>();
    const events = {
      onRoom: () => waiting.source?.room?.resolve(),
      onNews: () => waiting.source?.news?.resolve(),
      onOver: (reason: string, isFailure: boolean) => {
        if (waiting.source !== undefined) waiting.source.last = node.casts.view(waiting.source.own.record.session);
        over.resolve({ reason, isFailure });
      },
    };
    const terms = { key, name, priority, rateBps, objective, contentType, hasKeys: keyEvery > 0, awayMs, invitedOnly, ...this.#bandwidth(), degree: this.#degree(wish.degree, rateBps) };
    const own = await operations.run<OwnSession>(signal, (settle, fail) => node.casts.open(terms, events, settled(name, settle, fail)));
    const idle = setTimeout(() => this.#session.host.input(() => own.close('its source never came', true)), UNFED_MS);
    const source: Source = { own, room: undefined, news: undefined, isFed: false, cutter: new MessageCutter(messages, keyEvery), over, idle, last: undefined };
    waiting.source = source;
    this.#sources.set(name, source);
    void over.promise.then(({ reason }) => this.#onOver(name, source, reason));
    return this.show(name);
  }

  /** Sends everything that `body` gives, and waits until everybody has it. */
  async feed(name: string, body: AsyncIterable<Uint8Array>, wish: CastFeedWish, signal?: AbortSignal): Promise<CastSummary> {
    const source = this.#source(name);
    if (source.isFed) throw new GroveError('in-use', `The session ${JSON.stringify(name)} has a source already.`);
    source.isFed = true;
    clearTimeout(source.idle);
    const close = (reason: string): void => this.#session.host.input(() => source.own.close(reason, true));
    try {
      await this.#membersOf(source, wish, signal);
      for await (const piece of body) {
        await this.#offer(source, source.cutter.cut(piece));
        signal?.throwIfAborted();
      }
      await this.#offer(source, source.cutter.end());
    } catch (error) {
      close('its source broke off');
      throw error;
    }
    this.#session.host.input(() => source.own.finish());
    const gone = (): void => close('its source went before everybody had everything');
    signal?.addEventListener('abort', gone, { once: true });
    const { reason, isFailure } = await source.over.promise;
    signal?.removeEventListener('abort', gone);
    if (source.last === undefined) throw new GroveError('stopped', `${sentence(reason)}.`);
    const { bytes, chunks, gone: left, finished } = source.last;
    if (isFailure) throw new GroveError('timeout', `${sentence(reason)}: ${finished.length} members have everything.`);
    return { name, bytes, chunks, finished, gone: left, reason };
  }

  async close(name: string): Promise<void> {
    const source = this.#source(name);
    this.#session.host.input(() => source.own.close('it was closed', true));
    await source.over.promise;
  }

  // --- reading ---

  /** Becomes a member and gives the stream's bytes. Throws GroveError when there is no such session or it does not take this peer. */
  async read(name: string, wish: CastJoinWish, signal: AbortSignal): Promise<{ readonly contentType: string; readonly bytes: AsyncIterable<Uint8Array> }> {
    const { session, queue } = await this.#reading(name, wish, FROM[wish.from ?? 'now'], undefined, signal);
    const contentType = this.#session.node.casts.view(session)?.contentType ?? BYTES;
    return { contentType: contentType === '' ? BYTES : contentType, bytes: queue.bytes(signal) };
  }

  /** The same as numbered pieces, with a ticket for who comes back and goes on where it was. */
  async follow(name: string, wish: CastFollowWish, signal: AbortSignal): Promise<{ readonly ticket: string; readonly pieces: AsyncIterable<Uint8Array> }> {
    const before = wish.ticket === undefined ? undefined : decodeTicket(wish.ticket);
    const { session, queue } = await this.#reading(name, wish, wish.next ?? FROM[wish.from ?? 'now'], before, signal);
    const record = this.#session.node.casts.record(session);
    return { ticket: record === undefined ? (wish.ticket ?? '') : encodeTicket(record), pieces: queue.pieces(signal) };
  }

  async #reading(name: string, { degree }: CastJoinWish, from: number, record: CastRecord | undefined, signal: AbortSignal): Promise<{ readonly session: string; readonly queue: CastQueue }> {
    const { node, host, operations } = this.#session;
    const terms = { key: keyOfCast(name), name, degree: (rateBps: number) => this.#degree(degree, rateBps), from, record, ...this.#bandwidth() };
    const session = await operations.run<string>(signal, (settle, fail) => node.casts.join(terms, settled(name, settle, fail)));
    const queue = new CastQueue(name, (call) => host.input(call));
    this.#queues.add(queue);
    host.input(() => {
      const reader = node.casts.read(session, queue, from);
      if (reader === undefined) {
        this.#queues.delete(queue);
        return queue.onEnd('it has too many readers here, or has just ended', true);
      }
      queue.start(reader, () => {
        this.#queues.delete(queue);
        node.casts.onReaders(session);
      });
    });
    return { session, queue };
  }

  // --- looking ---

  list(): { readonly casts: readonly CastView[]; readonly invitations: readonly InvitationView[] } {
    const { casts } = this.#session.node;
    return { casts: casts.views(), invitations: casts.invitations };
  }

  show(name: string): CastView {
    const { casts } = this.#session.node;
    const session = casts.sessionAt(keyOfCast(name));
    const view = session === undefined ? undefined : casts.view(session);
    if (view !== undefined) return view;
    const reason = this.#ended.get(name);
    throw new GroveError('not-found', reason === undefined ? `This peer takes part in no session named ${JSON.stringify(name)}: \`grove cast list\` shows those it knows.` : `The session ${JSON.stringify(name)} is over: ${reason}.`);
  }

  /** Asks a peer, by name or identity, to join. */
  async invite(name: string, peer: string, signal?: AbortSignal): Promise<{ readonly peerId: string; readonly name: string }> {
    const { session } = this.show(name);
    const contact = await this.#contactOf(peer, signal);
    const { node, operations } = this.#session;
    await operations.run<undefined>(signal, (settle, fail) => node.casts.invite(session, contact, settled(name, settle, fail)));
    return { peerId: contact.peerId, name: contact.name };
  }

  /** The stay in the pool ends. */
  stop(): void {
    for (const queue of this.#queues) queue.cut();
    for (const source of this.#sources.values()) {
      clearTimeout(source.idle);
      source.room?.resolve();
      source.news?.resolve();
      source.over.resolve({ reason: 'the peer is stopping', isFailure: true });
    }
  }

  // --- small things ---

  #source(name: string): Source {
    const source = this.#sources.get(name);
    if (source === undefined) throw new GroveError('not-found', `No session named ${JSON.stringify(name)} is open here.`);
    return source;
  }

  #onOver(name: string, source: Source, reason: string): void {
    clearTimeout(source.idle);
    source.room?.resolve();
    source.news?.resolve();
    this.#sources.delete(name);
    this.#noteEnd(name, reason);
  }

  #noteEnd(name: string, reason: string): void {
    this.#ended.delete(name);
    this.#ended.set(name, reason);
    for (const oldest of this.#ended.keys()) if (this.#ended.size > 64) this.#ended.delete(oldest);
  }

  /** All that is there goes in at once, as far as there is room: small messages leave together. */
  async #offer(source: Source, pieces: readonly Piece[]): Promise<void> {
    for (let taken = 0; taken < pieces.length;) {
      source.room = deferred<void>();
      this.#session.host.input(() => {
        while (taken < pieces.length && source.own.offer(pieces[taken] as Piece, taken + 1 < pieces.length)) taken++;
      });
      if (taken < pieces.length) await source.room.promise;
    }
  }

  async #membersOf(source: Source, { members = 1, waitMs = WAIT_MS }: CastFeedWish, signal: AbortSignal | undefined): Promise<void> {
    const end = Date.now() + waitMs;
    const { manager } = source.own;
    while (manager.startedCount < members && Date.now() < end) {
      signal?.throwIfAborted();
      const news = deferred<void>();
      source.news = news;
      const timer = setTimeout(() => news.resolve(), Math.min(500, end - Date.now()));
      await news.promise;
      clearTimeout(timer);
    }
    if (members > 0 && manager.startedCount === 0) throw new GroveError('timeout', `Nobody has joined the session within ${waitMs / 1_000} s: run \`grove cast join\` on other peers, or give --wait 0.`);
  }

  #bandwidth(): { readonly upBps: number; readonly downBps: number } {
    return this.#session.ownBandwidth();
  }

  /** As said; or as the machine offers; or as its uplink carries. A machine that nobody can dial serves nobody. */
  #degree(wished: number | undefined, rateBps: number): number {
    if (wished !== undefined) {
      if (!Number.isInteger(wished) || wished < 1 || wished > DEGREE_MAX) throw new GroveError('usage', `A degree is a whole number from 1 to ${DEGREE_MAX}.`);
      return wished;
    }
    if (this.#session.host.status().hidden) return 1;
    if (this.#degreeBound > 0) return Math.min(DEGREE_MAX, this.#degreeBound);
    const { upBps } = this.#bandwidth();
    return rateBps > 0 && upBps > 0 ? Math.min(DEGREE_MAX, 1 + Math.floor(upBps / rateBps)) : DEGREE_DEFAULT;
  }

  async #contactOf(peer: string, signal: AbortSignal | undefined): Promise<Contact> {
    const position = positionOfPeer(peer) ?? (await this.#positionByName(peer, signal));
    const { owner } = await this.#session.operations.lookup(position, signal);
    if (owner.position.hex !== position.hex) throw new GroveError('not-found', `No machine of the pool is ${JSON.stringify(peer)} now: \`grove snapshot\` lists them.`);
    return owner;
  }

  async #positionByName(name: string, signal: AbortSignal | undefined): Promise<Position> {
    const { rows = [] } = await this.#pool.snapshot({}, signal);
    const id = rows.find((row) => row['name'] === name)?.['peer'];
    const position = typeof id === 'string' ? positionOfPeer(id) : undefined;
    if (position === undefined) throw new GroveError('not-found', `No machine in the pool is named ${JSON.stringify(name)}: \`grove snapshot\` lists them.`);
    return position;
  }
}

/** Sessions have keys of their own, apart from those of people's objects. */
function keyOfCast(name: string): Position {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > NAME_BYTES_MAX) throw new GroveError('usage', `The name of a session has 1 to ${NAME_BYTES_MAX} bytes.`);
  return positionOfKey(`#cast\n${name}`);
}

function settled<T>(name: string, settle: (value: T) => void, fail: (error: GroveError) => void): (outcome: Outcome<T>) => void {
  return (outcome) => {
    if (outcome.ok) settle(outcome.value);
    else fail(new GroveError(outcome.isSilence === true ? 'timeout' : 'refused', `The session ${JSON.stringify(name)}: ${outcome.reason}.`));
  };
}

function sentence(reason: string): string {
  assert(reason !== '', 'an end has a reason');
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`;
}
