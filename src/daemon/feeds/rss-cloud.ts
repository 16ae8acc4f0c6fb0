/**
 * rssCloud as a subscriber: sources without a WebSub hub that name a `<cloud>` tell this peer that something is new (ecosystem 3.3). WordPress
 * has it built in.
 *
 * The cloud is asked to notify an unguessable address and shows that it means it by asking that address to repeat a challenge. It then
 * posts no more than the feed's URL, so a ping is a hint to ask the site, once. A registration is good for 25 hours and renewed every 23,
 * at a new address. Silence of a cloud that missed an update counts for nothing for a day, as with hubs.
 */
import { randomBytes } from 'node:crypto';
import type { Store } from '../../core/env.ts';
import { DueList } from './due-list.ts';
import type { CallbackReply, WebsubOptions } from './websub-subscriber.ts';

interface Registration {
  /** Where it is asked for, `http://HOST:PORT/PATH`. */
  readonly cloud: string;
  readonly topic: string;
  readonly token: string;
  /** The address before this one: pings to it are taken until the new one is confirmed. */
  readonly previous: string;
  /** Confirmed by a challenge, and good until then; 0 before. */
  readonly until: number;
  readonly dueAt: number;
  readonly failures: number;
  readonly distrustedUntil: number;
}

const PREFIX = 'rss-cloud/';
const HOUR_MS = 3_600_000;
const LEASE_MS = 25 * HOUR_MS;
const RENEW_MS = 23 * HOUR_MS;
const RETRY_MS_MAX = 24 * HOUR_MS;
const DISTRUST_MS = 24 * HOUR_MS;
const TOKEN_BYTES = 24;
const URL_LENGTH_MAX = 2_048;
const CHALLENGE_LENGTH_MAX = 512;
const NOT_HERE: CallbackReply = { status: 404, text: '' };

export class RssCloud {
  readonly #o: WebsubOptions;
  readonly #store: Store;
  readonly #registrations = new Map<string, Registration>();
  readonly #byToken = new Map<string, string>();
  readonly #due: DueList;
  #stopped = false;

  constructor(options: WebsubOptions) {
    this.#o = options;
    this.#store = options.store;
    this.#due = new DueList(options.now, (feed) => void this.#ask(feed));
    for (const name of options.store.names(PREFIX)) {
      const bytes = options.store.read(name);
      if (bytes !== undefined) this.#keep(name.slice(PREFIX.length), JSON.parse(new TextDecoder().decode(bytes)) as Registration);
    }
  }

  /** The document names that cloud. Idempotent. */
  follow(feed: string, cloud: string, topic: string): void {
    const known = this.#registrations.get(feed);
    if (cloud.length > URL_LENGTH_MAX || topic.length > URL_LENGTH_MAX) return this.drop(feed);
    if (known?.cloud === cloud && known.topic === topic) return;
    this.drop(feed);
    this.#keep(feed, { cloud, topic, token: '', previous: '', until: 0, dueAt: this.#o.now(), failures: 0, distrustedUntil: 0 });
  }

  /** There is no way to end a registration but to let it run out; what comes until then is answered with 410. */
  drop(feed: string): void {
    const known = this.#registrations.get(feed);
    if (known === undefined) return;
    this.#registrations.delete(feed);
    for (const token of [known.token, known.previous]) this.#byToken.delete(token);
    this.#due.set(feed, undefined);
    this.#store.remove(PREFIX + feed);
    if (known.until > 0) this.#o.onChange(feed);
  }

  relied(feed: string): boolean {
    const known = this.#registrations.get(feed);
    const now = this.#o.now();
    return known !== undefined && known.until > now && known.distrustedUntil <= now;
  }

  missed(feed: string): void {
    const known = this.#registrations.get(feed);
    if (known === undefined || !this.relied(feed)) return;
    this.#keep(feed, { ...known, distrustedUntil: this.#o.now() + DISTRUST_MS });
    this.#o.onChange(feed);
  }

  stop(): void {
    this.#stopped = true;
    this.#due.stop();
  }

  owns(token: string): boolean {
    return this.#byToken.has(token);
  }

  /** GET: the cloud asks for its challenge back. */
  verify(token: string, query: URLSearchParams): CallbackReply {
    const feed = this.#byToken.get(token);
    const known = feed === undefined ? undefined : this.#registrations.get(feed);
    const challenge = query.get('challenge') ?? '';
    if (feed === undefined || known?.token !== token || query.get('url') !== known.topic || challenge === '' || challenge.length > CHALLENGE_LENGTH_MAX) return NOT_HERE;
    const now = this.#o.now();
    const wasRelied = this.relied(feed);
    this.#byToken.delete(known.previous);
    this.#keep(feed, { ...known, previous: '', until: now + LEASE_MS, failures: 0, dueAt: now + RENEW_MS - HOUR_MS * this.#o.random() });
    if (!wasRelied) this.#o.onChange(feed);
    return { status: 200, text: challenge };
  }

  /** POST: a ping. It has no signature; that it knows the address is all there is. */
  deliver(token: string, body: Uint8Array): CallbackReply {
    const feed = this.#byToken.get(token);
    const known = feed === undefined ? undefined : this.#registrations.get(feed);
    if (feed === undefined || known === undefined) return { status: 410, text: '' };
    const url = new URLSearchParams(Buffer.from(body.subarray(0, 2 * URL_LENGTH_MAX)).toString('utf8')).get('url');
    if (known.until > this.#o.now() && url === known.topic) this.#o.onPush(feed);
    return { status: 200, text: '' };
  }

  async #ask(feed: string): Promise<void> {
    const known = this.#registrations.get(feed);
    if (known === undefined || this.#stopped) return;
    const now = this.#o.now();
    // Until the challenge comes the address that was confirmed last stays good.
    const isConfirmed = known.previous === '' && known.until > 0;
    const wait = Math.min(RETRY_MS_MAX, HOUR_MS * 2 ** Math.min(known.failures, 10));
    if (!isConfirmed) this.#byToken.delete(known.token);
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    this.#keep(feed, { ...known, token, previous: isConfirmed ? known.token : known.previous, failures: known.failures + 1, dueAt: now + wait * (0.5 + 0.5 * this.#o.random()) });
    const { protocol, hostname, port, pathname } = new URL(`${this.#o.callbackBase}/websub/${token}`);
    const form = new URLSearchParams({
      notifyProcedure: '', protocol: 'http-post', domain: hostname, port: port !== '' ? port : protocol === 'https:' ? '443' : '80', path: pathname, url1: known.topic,
    });
    await this.#o.post(known.cloud, form).catch(() => undefined);
  }

  #keep(feed: string, registration: Registration): void {
    this.#registrations.set(feed, registration);
    for (const token of [registration.token, registration.previous]) if (token !== '') this.#byToken.set(token, feed);
    this.#store.write(PREFIX + feed, new TextEncoder().encode(JSON.stringify(registration)));
    this.#due.set(feed, registration.dueAt);
  }
}
