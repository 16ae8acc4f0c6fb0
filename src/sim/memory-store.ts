/**
 * A peer's durable bytes, kept in memory by the world: they outlive the peer's crashes, as a file would.
 *
 * Bytes are copied in and out, because a file does not change when the caller goes on writing into its buffer.
 */
import type { Store } from '../core/env.ts';

export class MemoryStore implements Store {
  /** Made at the first write: most simulated peers never store anything. */
  #entries: Map<string, Uint8Array> | undefined;

  read(name: string): Uint8Array | undefined {
    return this.#entries?.get(name)?.slice();
  }

  write(name: string, bytes: Uint8Array): void {
    this.#entries ??= new Map<string, Uint8Array>();
    this.#entries.set(name, bytes.slice());
  }

  remove(name: string): void {
    this.#entries?.delete(name);
  }

  names(prefix: string): string[] {
    if (this.#entries === undefined) return [];
    return [...this.#entries.keys()].filter((name) => name.startsWith(prefix)).sort();
  }
}
