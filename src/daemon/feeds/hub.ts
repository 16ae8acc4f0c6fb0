/**
 * A WebSub hub for the readers of this machine and its network: push instead of polls, also for feeds whose origin has
 * no hub, and behind any NAT (ecosystem 0.5, 3.3).
 *
 * A reader subscribes with the address of a feed as it knows it, local or original. Its intent is verified (the callback has to repeat
 * a challenge), the lease ends, and each new version of the feed is posted to the callback as readers get it, signed
 * when there is a secret. What fails is tried again with growing pauses; only the latest version counts, so a reader that was
 * away gets one delivery. Callbacks that are not near are refused (host/callbacks.ts).
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Store } from '../../core/env.ts';
import { GroveError } from '../../core/errors.ts';
import type { Call, CallAnswer } from '../../host/callbacks.ts';
import type { Subscription } from './hub-subscriptions.ts';
import { HubSubscriptions } from './hub-subscriptions.ts';

export interface HubDocument {
  /** Of the version, whoever renders it. */
  readonly hash: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

export interface HubOptions {
  readonly store: Store;
  /** The feed behind a topic; undefined when there is none here. */
  readonly feedOf: (topic: string) => string | undefined;
  /** As whoever knows it by that topic reads it. */
  readonly documentOf: (feed: string, topic: string) => HubDocument | undefined;
  /** Of this hub for such a reader, for the Link header. */
  readonly urlFor: (topic: string) => string;
  readonly call: (call: Call) => Promise<CallAnswer>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/** A subscription request, as the form came. */
export type HubForm = Readonly<Record<string, string | undefined>>;

export const LEASE_MS_MAX = 10 * 24 * 3_600_000;
const LEASE_MS_MIN = 5 * 60_000;
const SECRET_BYTES_MAX = 199;
const URL_LENGTH_MAX = 2_048;
const VERIFICATIONS_MAX = 32;
const DELIVERIES_MAX = 8;
/** Pauses before a delivery is tried again; after the last the version is given up, not the subscription. */
const PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 1_800_000];
const GONE = 410;

interface Pending {
  readonly subscription: Subscription;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #subscriptions: HubSubscriptions;
  readonly #stopped = new AbortController();
  /** Deliveries that are due or wait for another try, by callback and topic. */
  readonly #pending = new Map<string, Pending>();
  readonly #underWay = new Set<string>();
  #verifying = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#subscriptions = new HubSubscriptions(options.store);
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** What came while this peer was off. */
  start(): void {
    for (const feed of new Set(this.#subscriptions.all().map((one) => one.feed))) this.announce(feed);
  }

  stop(): void {
    this.#stopped.abort();
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }

  /** Takes a request of a reader and returns the status to answer with. Throws GroveError with the reason of a refusal. */
  async request(form: HubForm): Promise<202 | 204> {
    const mode = form['hub.mode'];
    if (mode !== 'subscribe' && mode !== 'unsubscribe') throw new GroveError('usage', 'hub.mode is subscribe or unsubscribe.');
    const subscription = this.#subscriptionOf(form);
    if (this.#verifying >= VERIFICATIONS_MAX) throw new GroveError('quota', 'Too many subscriptions are being verified: try again in a minute.');
    const verifying = this.#verify(mode, subscription);
    // PubSubHubbub 0.3, which FreshRSS still speaks: verify before the answer.
    const isSync = (form['hub.verify'] ?? '').split(',')[0]?.trim() === 'sync';
    if (!isSync) {
      verifying.catch((error: unknown) => this.#options.log(`hub: ${subscription.callback}: ${(error as Error).message}`));
      return 202;
    }
    await verifying;
    return 204;
  }

  /** A feed has a new version. */
  announce(feed: string): void {
    for (const subscription of this.#subscriptions.of(feed, this.#options.now())) {
      const document = this.#options.documentOf(feed, subscription.topic);
      if (document === undefined || subscription.delivered === document.hash) continue;
      const name = nameOf(subscription);
      const waiting = this.#pending.get(name);
      // One that waits to be tried again, or is under way, will see the new version by itself.
      if (waiting === undefined) this.#pending.set(name, { subscription, failures: 0, timer: undefined });
    }
    this.#deliver();
  }

  #subscriptionOf(form: HubForm): Subscription {
    const { 'hub.topic': topic = '', 'hub.callback': callback = '', 'hub.secret': secret = '', 'hub.lease_seconds': lease, 'hub.signature': algorithm = 'sha256' } = form;
    if (!isCallback(callback)) throw new GroveError('usage', 'hub.callback is the http or https address of the reader, without a login.');
    if (topic.length > URL_LENGTH_MAX) throw new GroveError('usage', 'hub.topic is too long.');
    if (Buffer.byteLength(secret) > SECRET_BYTES_MAX) throw new GroveError('usage', 'hub.secret has less than 200 bytes.');
    if (algorithm !== 'sha256' && algorithm !== 'sha1') throw new GroveError('usage', 'hub.signature is sha256 or sha1.');
    const feed = this.#options.feedOf(topic);
    if (feed === undefined) throw new GroveError('not-found', 'This hub knows no such topic: subscribe to the local URL of a feed that `grove feed list` shows.');
    const seconds = lease === undefined || lease === '' ? Number.NaN : Number(lease);
    const leaseMs = Number.isFinite(seconds) ? Math.min(LEASE_MS_MAX, Math.max(LEASE_MS_MIN, seconds * 1_000)) : LEASE_MS_MAX;
    const known = this.#subscriptions.get(topic, callback);
    const delivered = known?.delivered ?? this.#options.documentOf(feed, topic)?.hash ?? '';
    return { topic, callback, feed, secret, algorithm, leaseEndsAt: this.#options.now() + leaseMs, delivered };
  }

  /** The reader has to repeat what only it was told. Nothing changes unless it does. */
  async #verify(mode: 'subscribe' | 'unsubscribe', subscription: Subscription): Promise<void> {
    const { callback, topic, leaseEndsAt } = subscription;
    const challenge = randomBytes(24).toString('base64url');
    const url = new URL(callback);
    const leaseS = Math.round((leaseEndsAt - this.#options.now()) / 1_000);
    const query = { 'hub.mode': mode, 'hub.topic': topic, 'hub.challenge': challenge, ...(mode === 'subscribe' ? { 'hub.lease_seconds': String(leaseS) } : {}) };
    for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
    this.#verifying++;
    try {
      const answer = await this.#options.call({ method: 'GET', url: url.href, headers: {}, signal: this.#stopped.signal });
      if (answer.status < 200 || answer.status > 299 || answer.body.trim() !== challenge) throw new Error(`the callback did not repeat the challenge (status ${answer.status})`);
    } catch (error) {
      throw new GroveError('refused', `The callback could not be verified: ${(error as Error).message}.`, { cause: error });
    } finally {
      this.#verifying--;
    }
    if (mode === 'unsubscribe') this.#subscriptions.remove(subscription);
    else if (!this.#subscriptions.put(subscription, this.#options.now())) throw new GroveError('quota', 'This hub has no room for a further subscription.');
  }

  #deliver(): void {
    for (const [name, pending] of this.#pending) {
      if (this.#underWay.size >= DELIVERIES_MAX || this.#stopped.signal.aborted) return;
      if (pending.timer !== undefined || this.#underWay.has(name)) continue;
      this.#underWay.add(name);
      void this.#attempt(name, pending).finally(() => {
        this.#underWay.delete(name);
        this.#deliver();
      });
    }
  }

  async #attempt(name: string, pending: Pending): Promise<void> {
    const subscription = this.#subscriptions.get(pending.subscription.topic, pending.subscription.callback);
    const document = subscription === undefined ? undefined : this.#options.documentOf(subscription.feed, subscription.topic);
    if (subscription === undefined || document === undefined || document.hash === subscription.delivered) return void this.#pending.delete(name);
    const status = await this.#post(subscription, document);
    if (status === GONE) {
      this.#subscriptions.remove(subscription);
      return void this.#pending.delete(name);
    }
    if (status >= 200 && status <= 299) {
      const kept = this.#subscriptions.get(subscription.topic, subscription.callback);
      if (kept !== undefined) this.#subscriptions.put({ ...kept, delivered: document.hash }, this.#options.now());
      pending.failures = 0; // and once more, in case there is a newer version by now
      return;
    }
    this.#retryLater(name, pending, status);
  }

  async #post({ topic, callback, secret, algorithm }: Subscription, { body, contentType }: HubDocument): Promise<number> {
    const signature = secret === '' ? {} : { 'X-Hub-Signature': `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}` };
    const headers = { 'Content-Type': contentType, Link: `<${this.#options.urlFor(topic)}>; rel="hub", <${topic.replace(/[<>"\s]/g, encodeURIComponent)}>; rel="self"`, ...signature };
    return this.#options.call({ method: 'POST', url: callback, headers, body, signal: this.#stopped.signal }).then((answer) => answer.status, () => 0);
  }

  #retryLater(name: string, pending: Pending, status: number): void {
    const pause = PAUSES_MS[pending.failures++];
    if (pause === undefined || this.#stopped.signal.aborted) {
      if (!this.#stopped.signal.aborted) this.#options.log(`hub: ${pending.subscription.callback} did not take a version (status ${status}); the next one is tried again`);
      return void this.#pending.delete(name);
    }
    pending.timer = setTimeout(() => {
      pending.timer = undefined;
      this.#deliver();
    }, pause);
    pending.timer.unref();
  }
}

function nameOf({ topic, callback }: Subscription): string {
  return `${callback}\n${topic}`;
}

function isCallback(text: string): boolean {
  const url = text.length <= URL_LENGTH_MAX ? URL.parse(text) : null;
  return url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '' && url.hash === '';
}
