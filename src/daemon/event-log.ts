/**
 * The latest facts of this peer, numbered, for whoever watches: a bounded ring buffer and its readers.
 *
 * A reader names the last event it saw and gets everything after it, then whatever happens. One that is too slow, or was
 * away too long, gets an event `gap` that says how many it missed; so does one that names a number which this log has not
 * reached, because the peer has been started anew since. Memory stays bounded whatever readers do. Values of objects are
 * not in here, only their sizes.
 */
import type { Fact } from '../protocol/facts.ts';
import type { HostFact } from '../host/facts.ts';
import type { FeedFact } from './feeds/facts.ts';

export interface LoggedEvent {
  /** Grows by one for each event; begins at 1 with each start of the peer. */
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly event: string;
  readonly [detail: string]: unknown;
}

const EVENTS_MAX = 4_096;

export class EventLog {
  readonly #events: LoggedEvent[] = [];
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Set<(event: LoggedEvent) => void>();
  #lastId = 0;
  #ended = false;

  constructor(max = EVENTS_MAX) {
    this.#max = max;
  }

  get lastId(): number {
    return this.#lastId;
  }

  add(fact: Fact | HostFact | FeedFact): void {
    const { kind, ...details } = fact;
    this.#lastId++;
    const event = { id: this.#lastId, at: new Date().toISOString(), event: kind, ...(plain(details) as object) };
    this.#events.push(event);
    if (this.#events.length > this.#max) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
    this.#wake();
  }

  /** Tells each event at once, to whoever counts them. Returns what ends that. */
  listen(listener: (event: LoggedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Events after number `since` (default: only new ones), for as long as the peer runs or until `signal`. */
  async *after(since = this.#lastId, signal?: AbortSignal): AsyncGenerator<LoggedEvent, void, undefined> {
    let seen = since;
    if (seen > this.#lastId) {
      seen = 0;
      yield { id: 0, at: new Date().toISOString(), event: 'gap', reason: 'The peer has been started since: events count from 1 again.' };
    }
    while (signal?.aborted !== true) {
      const oldest = this.#events[0]?.id ?? this.#lastId + 1;
      if (seen + 1 < oldest) {
        yield { id: oldest - 1, at: new Date().toISOString(), event: 'gap', count: oldest - 1 - seen, reason: 'These events are no longer kept.' };
        seen = oldest - 1;
      }
      const next = this.#events[seen + 1 - (this.#events[0]?.id ?? 0)];
      if (next !== undefined && next.id === seen + 1) {
        seen = next.id;
        yield next;
      } else if (seen >= this.#lastId) {
        if (this.#ended) return;
        await this.#news(signal);
      }
    }
  }

  /** Lets every reader finish. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A fact's details as JSON values: positions as digits, peers by identity and name, bytes by their number. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  if (typeof record['hex'] === 'string' && typeof record['lead'] === 'number') return record['hex'];
  if (typeof record['peerId'] === 'string' && 'position' in record) return { peerId: record['peerId'], name: record['name'] };
  return Object.fromEntries(Object.entries(record).map(([name, inner]) => [name, plain(inner)]));
}
