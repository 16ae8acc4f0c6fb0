/**
 * Small documents of an origin beside its feeds: robots.txt, and the keys by which it signs.
 *
 * Each is asked for once in a while at most (a day, or what it states, an hour at least), however many feeds an origin has and however its answers look, and what came of it is kept over restarts: an origin
 * must not get a burst of questions about questions. Nothing depends on them: an origin that does not answer says nothing.
 */
import type { OriginClient } from '../../host/origin/origin-client.ts';
import type { FeedStore } from './feed-store.ts';

const DAY_MS = 24 * 3_600_000;
/** An answer that says it is good for less is still not asked for again sooner. */
const KEPT_MS_MIN = 3_600_000;
/** RFC 9309: the first 500 KiB count. */
const BYTES_MAX = 500 * 1024;

export interface OriginFileOptions<T> {
  readonly store: FeedStore;
  readonly client: OriginClient;
  /** Unix ms. */
  readonly now: () => number;
  /** Where it lies; also its name in the store. */
  readonly path: string;
  readonly accept: string;
  /** Of a document that is there. */
  readonly read: (text: string) => T;
  /** Of an origin that has none, or does not answer and never did. */
  readonly nothing: T;
}

export class OriginFiles<T> {
  readonly #o: OriginFileOptions<T>;
  readonly #asking = new Map<string, Promise<T>>();

  constructor(options: OriginFileOptions<T>) {
    this.#o = options;
  }

  /** As it is kept; undefined when it has to be asked for. */
  known(origin: string): T | undefined {
    const { store, path, now } = this.#o;
    const kept = store.originFile(origin, path);
    return kept !== undefined && now() < kept.until ? (kept.content as T) : undefined;
  }

  async get(origin: string, userAgent: string): Promise<T> {
    const known = this.known(origin);
    if (known !== undefined) return known;
    const asking = this.#asking.get(origin) ?? this.#ask(origin, userAgent).finally(() => this.#asking.delete(origin));
    this.#asking.set(origin, asking);
    return asking;
  }

  async #ask(origin: string, userAgent: string): Promise<T> {
    const { store, client, path, accept, read, nothing, now } = this.#o;
    const before = store.originFile(origin, path)?.content as T | undefined;
    const answer = await client.small(origin + path, userAgent, accept, BYTES_MAX);
    const isAnswered = answer !== undefined && answer.status < 500 && answer.status !== 429;
    // What it said last counts while it says nothing.
    const content = !isAnswered ? (before ?? nothing) : answer.status === 200 ? this.#read(answer.text, read, nothing) : nothing;
    const keptMs = isAnswered ? Math.min(DAY_MS, Math.max(KEPT_MS_MIN, answer.maxAgeMs ?? DAY_MS)) : KEPT_MS_MIN;
    store.putOriginFile(origin, path, content, now() + keptMs);
    return content;
  }

  #read(text: string, read: (text: string) => T, nothing: T): T {
    try {
      return read(text);
    } catch (error) {
      if (error instanceof SyntaxError) return nothing; // whatever it is, it is not what was asked for
      throw error;
    }
  }
}
