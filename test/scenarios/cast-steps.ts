/** What scenarios of multicast sessions are made of: a session that opens, members that join and read, a source that sends. */
import assert from 'node:assert/strict';
import type { Position } from '../../src/core/position.ts';
import { positionFromLead } from '../../src/core/position.ts';
import type { CastRecord } from '../../src/protocol/alm/session/record.ts';
import type { OwnSession } from '../../src/protocol/alm/session/own-session.ts';
import type { Chunk } from '../../src/protocol/alm/stream/frames.ts';
import { FROM } from '../../src/protocol/alm/stream/frames.ts';
import type { Cluster } from './cluster.ts';

export const KEY = positionFromLead(987_654_321);
export const WITHIN_MS = 30_000;
export const NO_BANDWIDTH = { upBps: 0, downBps: 0 };

/** What one reader got: numbers of chunks in order, their bytes, and the end. */
export class Sink {
  readonly seqs: number[] = [];
  bytes = 0;
  end: { readonly reason: string; readonly isFailure: boolean } | undefined;
  refusal: string | undefined;
  readonly #takes: (chunk: Chunk) => boolean;

  constructor(takes: (chunk: Chunk) => boolean = () => true) {
    this.#takes = takes;
  }

  onChunk(chunk: Chunk): boolean {
    this.seqs.push(chunk.seq);
    this.bytes += chunk.bytes.length;
    // The payload says which chunk it is: what is handed on is what was taken in.
    assert.equal(new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset).getUint32(0), chunk.seq);
    return this.#takes(chunk);
  }

  onEnd(reason: string, isFailure: boolean): void {
    this.end = { reason, isFailure };
  }

  /** Every chunk once, in order, up to the end. */
  hasAll(count: number): boolean {
    return this.end?.isFailure === false && this.seqs.length === count && this.seqs.every((seq, i) => seq === i);
  }
}

export interface Stream {
  readonly own: OwnSession;
  offered: number;
  over: string | undefined;
}

/** A session by its name and the place of its record. */
export interface Film {
  readonly key: Position;
  readonly name: string;
  readonly priority: number;
}

const FILM: Film = { key: KEY, name: 'film', priority: 1 };

export async function opened(cluster: Cluster, root: number, degree: number, rateBps = 0, { hasKeys = false, film = FILM, awayMs = 0 }: { readonly hasKeys?: boolean; readonly film?: Film; readonly awayMs?: number } = {}): Promise<Stream> {
  let stream: Stream | undefined;
  let problem: string | undefined;
  const events = { onRoom: () => undefined, onNews: () => undefined, onOver: (reason: string) => void (stream !== undefined && (stream.over = reason)) };
  cluster.input(root, (node) => node.casts.open({ ...film, rateBps, objective: 'height', contentType: '', degree, hasKeys, awayMs, ...NO_BANDWIDTH }, events, (outcome) => {
    if (outcome.ok) stream = { own: outcome.value, offered: 0, over: undefined };
    else problem = outcome.reason;
  }));
  assert.ok(await cluster.until(() => stream !== undefined, WITHIN_MS), `it opens: ${problem}, ${cluster.replay}`);
  return stream as unknown as Stream;
}

export function joined(cluster: Cluster, peer: number, degree: number, sink = new Sink(), { key, name } = FILM): Sink {
  cluster.input(peer, (node) => node.casts.join({ key, name, degree, from: FROM.now, ...NO_BANDWIDTH }, (outcome) => {
    if (outcome.ok) node.casts.read(outcome.value, sink, FROM.now);
    else sink.refusal = outcome.reason;
  }));
  return sink;
}

/** A reader whose peer was started again: it names the session, and the chunk that it needs next. */
export function returned(cluster: Cluster, peer: number, degree: number, record: CastRecord, sink: Sink): void {
  const { key, name } = FILM;
  const from = (sink.seqs.at(-1) ?? -1) + 1;
  cluster.input(peer, (node) => node.casts.join({ key, name, degree, from, record, ...NO_BANDWIDTH }, (outcome) => {
    if (outcome.ok) node.casts.read(outcome.value, sink, from);
    else sink.refusal = outcome.reason;
  }));
}

/** Offers so many chunks more, as fast as they are taken; false when that does not come to an end. */
export async function sent(cluster: Cluster, root: number, stream: Stream, count: number, bytes = 1_000, withinMs = WITHIN_MS): Promise<boolean> {
  const until = stream.offered + count;
  return cluster.until(() => {
    let isTaken = true;
    for (let burst = 0; burst < 64 && isTaken && stream.offered < until; burst++) {
      const body = new Uint8Array(bytes);
      new DataView(body.buffer).setUint32(0, stream.offered);
      cluster.input(root, () => {
        isTaken = stream.own.offer({ bytes: body, isKey: stream.offered % 10 === 0, hasMore: false });
      });
      if (isTaken) stream.offered++;
    }
    return stream.offered >= until;
  }, withinMs);
}

export const others = (cluster: Cluster): number[] => cluster.alive().filter((peer) => peer !== 0);

/** A member with children. */
export function interior(cluster: Cluster, stream: Stream): number {
  const ids = new Map(cluster.alive().map((peer) => [cluster.node(peer).local.contact.peerId, peer]));
  const found = stream.own.manager.view().tree.find(({ depth, children }) => depth >= 1 && children > 0);
  return ids.get(found?.peerId ?? '') ?? -1;
}

export async function everybodyStarts(cluster: Cluster, stream: Stream, count: number): Promise<void> {
  assert.ok(await cluster.until(() => stream.own.manager.startedCount === count, WITHIN_MS), `all ${count} are served, ${stream.own.manager.startedCount} are, ${cluster.replay}`);
}
