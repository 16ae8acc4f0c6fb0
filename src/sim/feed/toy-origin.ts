/**
 * An origin in a simulation: a document that changes when it is told to, with validators,
 * and a count of how often it was asked.
 */
import type { FeedTools, FoundVersion } from '../../protocol/feed/feed.ts';

export interface OriginAnswer {
  readonly status: 200 | 304;
  readonly version: FoundVersion;
  readonly body: Uint8Array;
}

/** Items that the document shows; older ones are gone. */
const SHOWN = 20;

export class ToyOrigin {
  readonly #tools: FeedTools;
  readonly #itemBytes: number;
  readonly #items: string[] = [];
  readonly requests = { 200: 0, 304: 0 };
  /** Digests of all that it ever was, the first first. */
  readonly history: string[] = [];
  /** When each came, by the caller's clock. */
  readonly changedAt: number[] = [];
  #body = new Uint8Array(0);
  #hash = '';

  constructor(tools: FeedTools, itemBytes = 200) {
    this.#tools = tools;
    this.#itemBytes = itemBytes;
    for (let i = 0; i < SHOWN; i++) this.#items.push(this.#item(i));
    this.#render(0);
  }

  get hash(): string {
    return this.#hash;
  }

  get bytes(): number {
    return this.#body.length;
  }

  /** One more item. */
  change(now: number): void {
    this.#items.push(this.#item(this.#items.length));
    this.#render(now);
  }

  ask(etag: string, fetchedAt: number, askedBefore: number): OriginAnswer {
    const status = etag === this.#hash ? 304 : 200;
    this.requests[status]++;
    const shown = this.#items.length;
    const items = Array.from({ length: SHOWN }, (_, i) => (shown - i).toString(16).padStart(16, '0'));
    const version = { hash: this.#hash, size: this.#body.length, contentType: 'application/rss+xml', etag: this.#hash, lastModified: '', fetchedAt, askedBefore, items };
    return { status, version, body: this.#body };
  }

  #item(number: number): string {
    let text = '';
    // As good as random, and the same for the same number.
    for (let at = number * 7_919 + 1; text.length < this.#itemBytes; at = (Math.imul(at, 1_103_515_245) + 12_345) >>> 0) text += (at >>> 8).toString(36);
    return `<item>${number} ${text}</item>`;
  }

  #render(now: number): void {
    const text = `<rss>${this.#items.slice(-SHOWN).reverse().join('')}</rss>`;
    this.#body = Uint8Array.from(text, (unit) => unit.charCodeAt(0));
    this.#hash = this.#tools.hash(this.#body);
    this.history.push(this.#hash);
    this.changedAt.push(now);
  }
}
