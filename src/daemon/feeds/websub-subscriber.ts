/**
 * WebSub as a subscriber: a source that can push tells this peer when there is something new (ecosystem 3.3).
 *
 * A push is taken as a signed hint: the document is then fetched from the origin, once, conditionally. Hubs rewrite documents
 * and send parts of them, and what a pool shares must be the origin's bytes. Each subscription has an unguessable address and
 * a secret of its own, both new with every renewal; a delivery without the right signature is answered like a good one and
 * ignored. Subscriptions are durable. A hub that turns out to have missed an update is not relied on for a day.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Store } from '../../core/env.ts';
import { DueList } from './due-list.ts';

export interface WebsubOptions {
  readonly store: Store;
  /** Where the world reaches this peer's listener, without a slash at the end. */
  readonly callbackBase: string;
  /** Unix ms. */
  readonly now: () => number;
  readonly random: () => number;
  /** Posts a form to a hub; the status, or undefined when nobody answered. */
  readonly post: (url: string, form: URLSearchParams) => Promise<number | undefined>;
  readonly onPush: (feed: string) => void;
  /** It began or ceased to be relied on. */
  readonly onChange: (feed: string) => void;
}

interface Address {
  readonly token: string;
  readonly secret: string;
  /** Unix ms: deliveries to it are taken until then. */
  readonly until: number;
}

interface Subscription {
  readonly hub: string;
  readonly topic: string;
  /** Verified by the hub; undefined before. */
  readonly active: Address | undefined;
  /** Asked for and not yet verified. */
  readonly pending: Address | undefined;
  /** When to ask (again). */
  readonly dueAt: number;
  readonly failures: number;
  /** Not relied on before. */
  readonly distrustedUntil: number;
}

const PREFIX = 'websub/';
const LEASE_S = 10 * 24 * 3_600;
const LEASE_S_MAX = 30 * 24 * 3_600;
const VERIFY_MS = 10 * 60_000;
const RETRY_MS = 3_600_000;
const RETRY_MS_MAX = 24 * 3_600_000;
const RENEW_SHARE = 0.8;
const DISTRUST_MS = 24 * 3_600_000;
const TOKEN_BYTES = 24;
const LEAVING_MAX = 1_024;
const URL_LENGTH_MAX = 2_048;
const ALGORITHMS = ['sha1', 'sha256', 'sha384', 'sha512'];

export interface CallbackReply {
  readonly status: number;
  readonly text: string;
}

export class WebsubSubscriber {
  readonly #o: WebsubOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #byToken = new Map<string, string>();
  /** Addresses that were given up lately: their hubs may ask whether that is meant. */
  readonly #leaving = new Set<string>();
  readonly #due: DueList;
  #stopped = false;

  constructor(options: WebsubOptions) {
    this.#o = options;
    this.#due = new DueList(options.now, (feed) => void this.#ask(feed));
    for (const name of options.store.names(PREFIX)) this.#recall(name.slice(PREFIX.length));
  }

  /** What was discovered: `hubs` in order of preference. Idempotent. */
  follow(feed: string, hubs: readonly string[], topic: string): void {
    const usable = hubs.filter((url) => /^https?:\/\//i.test(url) && url.length <= URL_LENGTH_MAX);
    const hub = usable.find((url) => url.startsWith('https:')) ?? usable[0];
    const known = this.#subscriptions.get(feed);
    if (hub === undefined || topic.length > URL_LENGTH_MAX) return this.drop(feed);
    if (known !== undefined && known.hub === hub && known.topic === topic) return;
    if (known !== undefined) this.drop(feed);
    this.#keep(feed, { hub, topic, active: undefined, pending: undefined, dueAt: this.#o.now(), failures: 0, distrustedUntil: 0 });
  }

  /** Ends a subscription; the hub is told, and if it asks back, agreed with. */
  drop(feed: string): void {
    const known = this.#subscriptions.get(feed);
    if (known === undefined) return;
    this.#subscriptions.delete(feed);
    this.#due.set(feed, undefined);
    this.#o.store.remove(PREFIX + feed);
    for (const { token } of [known.active, known.pending].filter((one) => one !== undefined)) this.#byToken.delete(token);
    if (known.active === undefined) return;
    this.#leaving.add(known.active.token);
    for (const token of this.#leaving) if (this.#leaving.size > LEAVING_MAX) this.#leaving.delete(token);
    void this.#o.post(known.hub, this.#form('unsubscribe', known, known.active)).catch(() => undefined);
    this.#o.onChange(feed);
  }

  /** Whether silence of the hub means that there is nothing new. */
  relied(feed: string): boolean {
    const known = this.#subscriptions.get(feed);
    const now = this.#o.now();
    return known?.active !== undefined && known.active.until > now && known.distrustedUntil <= now;
  }

  /** A poll found what the hub did not tell. */
  missed(feed: string): void {
    const known = this.#subscriptions.get(feed);
    if (known === undefined || !this.relied(feed)) return;
    this.#keep(feed, { ...known, distrustedUntil: this.#o.now() + DISTRUST_MS });
    this.#o.onChange(feed);
  }

  stop(): void {
    this.#stopped = true;
    this.#due.stop();
  }

  // --- what hubs call ---

  /** GET: the hub asks whether this is meant. Only what is pending is agreed to. */
  verify(token: string, query: URLSearchParams): CallbackReply {
    const feed = this.#byToken.get(token);
    const known = feed === undefined ? undefined : this.#subscriptions.get(feed);
    const mode = query.get('hub.mode');
    const challenge = query.get('hub.challenge') ?? '';
    if (feed === undefined || known === undefined) return mode === 'unsubscribe' && challenge !== '' && this.#leaving.delete(token) ? { status: 200, text: challenge } : NOT_HERE;
    if (query.get('hub.topic') !== known.topic) return NOT_HERE;
    if (mode === 'denied') return this.#denied(feed, known);
    const { pending } = known;
    if (mode !== 'subscribe' || pending?.token !== token || challenge === '') return NOT_HERE;
    const seconds = Math.min(LEASE_S_MAX, Math.max(60, Number(query.get('hub.lease_seconds')) || LEASE_S));
    const now = this.#o.now();
    if (known.active !== undefined) this.#byToken.delete(known.active.token);
    const wasRelied = this.relied(feed);
    this.#keep(feed, {
      ...known, active: { ...pending, until: now + seconds * 1_000 }, pending: undefined, failures: 0, dueAt: now + seconds * 1_000 * (RENEW_SHARE - 0.1 * this.#o.random()),
    });
    if (!wasRelied) this.#o.onChange(feed);
    return { status: 200, text: challenge };
  }

  /** POST: a delivery. Always thanked for, so that a forger learns nothing. */
  deliver(token: string, signature: string, body: Uint8Array): CallbackReply {
    const feed = this.#byToken.get(token);
    const known = feed === undefined ? undefined : this.#subscriptions.get(feed);
    const address = [known?.active, known?.pending].find((one) => one?.token === token);
    if (feed === undefined || address === undefined) return { status: 410, text: '' };
    if (address.until > this.#o.now() && isSignedWith(address.secret, signature, body)) this.#o.onPush(feed);
    return { status: 202, text: '' };
  }

  #denied(feed: string, known: Subscription): CallbackReply {
    this.#keep(feed, { ...known, active: undefined, pending: undefined, failures: known.failures + 1, dueAt: this.#o.now() + RETRY_MS_MAX });
    this.#o.onChange(feed);
    return { status: 200, text: '' };
  }

  // --- asking ---

  async #ask(feed: string): Promise<void> {
    const known = this.#subscriptions.get(feed);
    if (known === undefined || this.#stopped) return;
    const now = this.#o.now();
    const pending: Address = { token: randomBytes(TOKEN_BYTES).toString('base64url'), secret: randomBytes(TOKEN_BYTES).toString('hex'), until: now + VERIFY_MS };
    const wait = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(known.failures, 10));
    // Durable before the hub can call back; unless it does, it is asked again after a while.
    const asking = { ...known, pending, failures: known.failures + 1, dueAt: now + wait * (0.5 + 0.5 * this.#o.random()) };
    if (known.pending !== undefined) this.#byToken.delete(known.pending.token);
    this.#keep(feed, asking);
    await this.#o.post(known.hub, this.#form('subscribe', known, pending)).catch(() => undefined);
  }

  #form(mode: 'subscribe' | 'unsubscribe', { topic }: Subscription, { token, secret }: Address): URLSearchParams {
    const form = new URLSearchParams({ 'hub.mode': mode, 'hub.topic': topic, 'hub.callback': `${this.#o.callbackBase}/websub/${token}` });
    if (mode === 'subscribe') {
      form.set('hub.secret', secret);
      form.set('hub.lease_seconds', String(LEASE_S));
    }
    return form;
  }

  // --- keeping ---

  #keep(feed: string, subscription: Subscription): void {
    this.#subscriptions.set(feed, subscription);
    for (const address of [subscription.active, subscription.pending]) if (address !== undefined) this.#byToken.set(address.token, feed);
    this.#o.store.write(PREFIX + feed, new TextEncoder().encode(JSON.stringify(subscription)));
    this.#due.set(feed, subscription.dueAt);
  }

  #recall(feed: string): void {
    const bytes = this.#o.store.read(PREFIX + feed);
    if (bytes === undefined) return;
    const known = JSON.parse(new TextDecoder().decode(bytes)) as Subscription;
    this.#subscriptions.set(feed, known);
    for (const address of [known.active, known.pending]) if (address !== undefined) this.#byToken.set(address.token, feed);
    this.#due.set(feed, known.dueAt);
  }
}

const NOT_HERE: CallbackReply = { status: 404, text: '' };

/** `method=hex`, as X-Hub-Signature has it; the method must be one that WebSub names. */
export function isSignedWith(secret: string, signature: string, body: Uint8Array): boolean {
  const [, method = '', hex = ''] = /^\s*(sha\d+)\s*=\s*([0-9a-f]+)\s*$/i.exec(signature) ?? [];
  if (!ALGORITHMS.includes(method.toLowerCase())) return false;
  const right = createHmac(method.toLowerCase(), secret).update(body).digest();
  const given = Buffer.from(hex, 'hex');
  return given.length === right.length && timingSafeEqual(given, right);
}
