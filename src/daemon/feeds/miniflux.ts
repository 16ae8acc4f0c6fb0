/**
 * Miniflux knows no pushes and asks a feed once an hour by default. It can be told to ask now, with a token of its own API, and is told
 * whenever a new version is here: news then reaches it as soon as it reaches this peer (ecosystem 3.1).
 *
 * Only feeds that Miniflux reads from this peer are named; one that it reads from the site would be asked for there. What
 * fails is said once and not tried again: it asks by itself after a while.
 */
export interface MinifluxOptions {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly token: string;
  /** The feed here that Miniflux reads under that address; undefined when it is none of ours. */
  readonly feedOf: (address: string) => string | undefined;
  readonly log: (line: string) => void;
}

/** The subscriptions of Miniflux are asked for again after so long, and at most so often for a feed that is not among them. */
const LIST_MS = 3_600_000;
const LIST_AGAIN_MS = 60_000;
const TIMEOUT_MS = 20_000;
const LIST_BYTES_MAX = 64 * 1024 * 1024;
/** Feeds that wait to be named; what is more can wait until it is asked for. */
const DUE_MAX = 1_024;

interface MinifluxFeed {
  readonly id: number;
  readonly feed_url: string;
}

export class Miniflux {
  readonly #o: MinifluxOptions;
  readonly #stopped = new AbortController();
  readonly #due = new Set<string>();
  /** Numbers that Miniflux has for a feed of ours: several users may read it. */
  #numbers: ReadonlyMap<string, readonly number[]> = new Map();
  #listedAt = -Infinity;
  #isTelling = false;
  #lastFault = '';

  constructor(options: MinifluxOptions) {
    this.#o = options;
  }

  /** There is a new version of that feed. */
  announce(feed: string): void {
    if (this.#due.size < DUE_MAX) this.#due.add(feed);
    void this.#tellAll();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** One after the other: a reader that has just been told of hundreds has enough to do. */
  async #tellAll(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (const feed of this.#due) {
      this.#due.delete(feed);
      if (this.#stopped.signal.aborted) break;
      await this.#tell(feed).then(() => this.#onFault(''), (error: unknown) => this.#onFault((error as Error).message));
    }
    this.#isTelling = false;
  }

  async #tell(feed: string): Promise<void> {
    const age = performance.now() - this.#listedAt;
    if (age > LIST_MS || (age > LIST_AGAIN_MS && !this.#numbers.has(feed))) await this.#list();
    for (const number of this.#numbers.get(feed) ?? []) {
      const { status } = await this.#ask('PUT', `/v1/feeds/${number}/refresh`);
      if (status === 404) this.#listedAt = -Infinity;
      else if (status !== 204) throw new Error(`it answers ${status} when a feed is to be refreshed`);
    }
  }

  async #list(): Promise<void> {
    const response = await this.#ask('GET', '/v1/feeds');
    if (response.status !== 200) throw new Error(response.status === 401 ? 'it does not take the token' : `it answers ${response.status} when its feeds are asked for`);
    const numbers = new Map<string, number[]>();
    for (const { id, feed_url: address } of JSON.parse(await boundedText(response)) as readonly MinifluxFeed[]) {
      const feed = Number.isSafeInteger(id) && typeof address === 'string' ? this.#o.feedOf(address) : undefined;
      if (feed !== undefined) numbers.set(feed, [...(numbers.get(feed) ?? []), id]);
    }
    this.#numbers = numbers;
    this.#listedAt = performance.now();
  }

  async #ask(method: 'GET' | 'PUT', path: string): Promise<Response> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    return fetch(`${this.#o.url}${path}`, { method, headers: { 'X-Auth-Token': this.#o.token }, redirect: 'error', signal });
  }

  /** The same fault again is no news; that it is gone is said by nothing more being said. */
  #onFault(fault: string): void {
    if (fault !== '' && fault !== this.#lastFault && !this.#stopped.signal.aborted) this.#o.log(`Miniflux at ${this.#o.url} could not be told of news: ${fault}`);
    this.#lastFault = fault;
  }
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).length;
    if (bytes > LIST_BYTES_MAX) throw new Error(`its list of feeds has more than ${LIST_BYTES_MAX} bytes`);
    parts.push(part as Uint8Array);
  }
  return Buffer.concat(parts).toString('utf8');
}
