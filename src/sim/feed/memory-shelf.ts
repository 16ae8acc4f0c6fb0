/**
 * A shelf of feed versions in memory, for simulated peers: what was put stays as long as the object, as a disk would keep it.
 *
 * Bodies are counted by reference, so that versions with the same bytes share them.
 */
import type { Position } from '../../core/position.ts';
import type { FeedShelf, FeedVersion, Stamp } from '../../protocol/feed/feed.ts';
import { compareStamps } from '../../protocol/feed/feed.ts';

/** Makes something else of what a peer has, for those it serves. */
export type Poison = (version: FeedVersion, body: Uint8Array) => { readonly version: FeedVersion; readonly body: Uint8Array };

export class MemoryShelf implements FeedShelf {
  poison: Poison | undefined;
  readonly #versions = new Map<string, FeedVersion[]>();
  readonly #bodies = new Map<string, Uint8Array>();

  latest(key: Position): FeedVersion | undefined {
    return this.#of(key).at(-1);
  }

  after(key: Position, stamp: Stamp, max: number): readonly FeedVersion[] {
    return this.#of(key).filter((version) => compareStamps(version.stamp, stamp) > 0).slice(0, max).map((version) => this.#shown(version));
  }

  under(key: Position, stamp: Stamp): FeedVersion | undefined {
    const held = this.#of(key).find((version) => compareStamps(version.stamp, stamp) === 0);
    return held === undefined ? undefined : this.#shown(held);
  }

  find(key: Position, hash: string): FeedVersion | undefined {
    return this.#of(key).findLast((version) => version.hash === hash);
  }

  body(hash: string): Uint8Array | undefined {
    return this.#bodies.get(hash);
  }

  hasBody(hash: string): boolean {
    return this.#bodies.has(hash);
  }

  put(key: Position, version: FeedVersion, body: Uint8Array): void {
    const latest = this.#of(key).at(-1);
    const others = this.#of(key).filter((other) => compareStamps(other.stamp, version.stamp) !== 0 && (other !== latest || other.hash !== version.hash));
    this.#versions.set(key.hex, [...others, version].sort((a, b) => compareStamps(a.stamp, b.stamp)));
    this.#bodies.set(version.hash, body);
  }

  update(key: Position, version: FeedVersion): void {
    const place = this.#of(key).findLastIndex(({ hash }) => hash === version.hash);
    if (place >= 0) this.#versions.set(key.hex, this.#of(key).with(place, version).sort((a, b) => compareStamps(a.stamp, b.stamp)));
  }

  #shown(version: FeedVersion): FeedVersion {
    const body = this.#bodies.get(version.hash);
    if (this.poison === undefined || body === undefined) return version;
    const shown = this.poison(version, body);
    this.#bodies.set(shown.version.hash, shown.body);
    return shown.version;
  }

  all(key: Position): readonly FeedVersion[] {
    return this.#of(key);
  }

  #of(key: Position): FeedVersion[] {
    return this.#versions.get(key.hex) ?? [];
  }
}
