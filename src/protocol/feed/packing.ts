/**
 * Compressed forms of bodies, made once for all children that have the same base, and kept
 * for a while: compressing costs more than all the rest of passing a version on.
 */
import type { FeedShelf, FeedTools } from './feed.ts';
import { PACKED_KEPT_BYTES_MAX } from './bounds.ts';

export class Packing {
  readonly #shelf: FeedShelf;
  readonly #tools: FeedTools;
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(shelf: FeedShelf, tools: FeedTools) {
    this.#shelf = shelf;
    this.#tools = tools;
  }

  /** Undefined when the body, or the base, is not on the shelf. `body`: one that is not on it yet. */
  form(hash: string, base: string, body?: Uint8Array): Uint8Array | undefined {
    const name = `${hash} ${base}`;
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, kept);
      return kept;
    }
    const content = body ?? this.#shelf.body(hash);
    const dictionary = base === '' ? undefined : this.#shelf.body(base);
    if (content === undefined || (base !== '' && dictionary === undefined)) return undefined;
    const packed = this.#tools.pack(content, dictionary);
    this.keep(hash, base, packed);
    return packed;
  }

  /** As it came: whoever stands below gets the same. */
  keep(hash: string, base: string, packed: Uint8Array): void {
    const name = `${hash} ${base}`;
    if (this.#kept.has(name)) return;
    this.#kept.set(name, packed);
    this.#bytes += packed.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= PACKED_KEPT_BYTES_MAX || oldest === name) break;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}
