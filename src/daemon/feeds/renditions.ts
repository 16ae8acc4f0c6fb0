/**
 * Rendered documents that are kept for the next reader, with the tag that names their bytes. Readers ask far more often
 * than feeds change, and each answer, also a 304, needs the tag.
 *
 * The tag is strong: a hash of the bytes that are sent, so that it is the same after a restart and in every peer that is
 * reached under the same address. Compressed bytes are other bytes and have a tag of their own. What is kept is bounded by bytes;
 * what was asked for longest ago goes first.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { LocalLinks, Rendered } from './render.ts';
import { render } from './render.ts';

export interface Rendition extends Rendered {
  /** With its quotes, as in HTTP. */
  readonly etag: string;
}

/** What of a version decides how it is rendered. */
export interface Source {
  /** Of the body. */
  readonly hash: string;
  readonly body: Uint8Array;
  readonly contentType: string;
}

const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** Of the tag: 128 bits of the hash. */
const TAG_DIGITS = 32;
const GZIP_MARK = '-gzip"';
const compress = promisify(gzip);

interface Kept {
  readonly rendition: Rendition;
  zipped: Promise<Uint8Array> | undefined;
  bytes: number;
}

export class Renditions {
  readonly #kept = new Map<string, Kept>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = KEPT_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Without `links` the bytes stay as they are. */
  of(source: Source, links: LocalLinks | undefined): Rendition {
    return this.#keep(source, links).rendition;
  }

  /** The same, compressed. */
  async zipped(source: Source, links: LocalLinks | undefined): Promise<Uint8Array> {
    const kept = this.#keep(source, links);
    kept.zipped ??= compress(kept.rendition.body, { level: constants.Z_DEFAULT_COMPRESSION }).then((bytes) => {
      kept.bytes += bytes.length;
      if (this.#kept.get(nameOf(source, links)) === kept) this.#grow(bytes.length);
      return bytes;
    });
    return kept.zipped;
  }

  #keep(source: Source, links: LocalLinks | undefined): Kept {
    const name = nameOf(source, links);
    const known = this.#kept.get(name);
    this.#kept.delete(name);
    const kept = known ?? this.#make(source, links);
    this.#kept.set(name, kept);
    if (known === undefined) this.#grow(kept.bytes);
    return kept;
  }

  #make({ body, contentType }: Source, links: LocalLinks | undefined): Kept {
    const rendered = render(body, charsetOf(contentType), links);
    return { rendition: { ...rendered, etag: tagOf(rendered.body) }, zipped: undefined, bytes: rendered.body.length };
  }

  /** The newest stays, however large it is. */
  #grow(bytes: number): void {
    this.#bytes += bytes;
    for (const [name, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#bytesMax || this.#kept.size === 1) return;
      this.#kept.delete(name);
      this.#bytes -= freed;
    }
  }
}

export function tagOf(body: Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('hex').slice(0, TAG_DIGITS)}"`;
}

export function zippedTag(etag: string): string {
  return etag.replace(/"$/, GZIP_MARK);
}

/** The tag of the uncompressed bytes, of a tag that a client sends; what is not one of ours stays as it is. */
export function plainTag(etag: string): string {
  const strong = etag.trim().replace(/^W\//, '');
  return strong.endsWith(GZIP_MARK) ? `${strong.slice(0, -GZIP_MARK.length)}"` : strong;
}

export function charsetOf(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1];
}

function nameOf({ hash, contentType }: Source, links: LocalLinks | undefined): string {
  return `${hash} ${links?.self ?? ''} ${links?.hub ?? ''} ${contentType}`;
}
