/**
 * Slow links where there are none: on loopback a peer's byte streams come as fast as the machine goes, and a test of what a slow peer
 * does to others needs one that is slow. Bytes wait where they would wait for a slow link: in the streams below the protocol.
 */
import type { StreamId, Streams } from '../src/core/env.ts';
import type { Testnet } from '../src/daemon/testnet.ts';

const BITS = 8;

/** A peer's byte streams, which can be made to come in no faster than a rate: as long as it has had its share, none of them is read. */
export class Throttle implements Streams {
  readonly #streams: Streams;
  readonly #own = new Set<StreamId>();
  readonly #pausedAbove = new Set<StreamId>();
  #isShut = false;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** Returns what ends it. */
  limit(net: Testnet, peer: number, rateBps: number): () => void {
    const node = net.node(peer);
    const startAt = performance.now();
    let taken = 0;
    let isOver = false;
    const look = (): void => this.#shut(!isOver && taken > (rateBps / BITS / 1_000) * (performance.now() - startAt));
    const onData = node.onStreamData.bind(node);
    node.onStreamData = (stream, bytes) => {
      onData(stream, bytes);
      taken += bytes.length;
      look();
    };
    const timer = setInterval(() => net.host(peer).input(look), 20);
    return () => {
      clearInterval(timer);
      isOver = true;
      net.host(peer).input(look);
    };
  }

  open(...[to, purpose]: Parameters<Streams['open']>): StreamId {
    const id = this.#streams.open(to, purpose);
    this.#own.add(id);
    if (this.#isShut) this.#streams.pause(id);
    return id;
  }

  write(id: StreamId, bytes: Uint8Array): boolean {
    return this.#streams.write(id, bytes);
  }

  end(id: StreamId): void {
    this.#streams.end(id);
  }

  reset(id: StreamId): void {
    this.#own.delete(id);
    this.#streams.reset(id);
  }

  pause(id: StreamId): void {
    this.#pausedAbove.add(id);
    this.#streams.pause(id);
  }

  resume(id: StreamId): void {
    this.#pausedAbove.delete(id);
    if (!this.#isShut) this.#streams.resume(id);
  }

  #shut(isShut: boolean): void {
    if (isShut === this.#isShut) return;
    this.#isShut = isShut;
    for (const id of this.#own) {
      if (isShut) this.#streams.pause(id);
      else if (!this.#pausedAbove.has(id)) this.#streams.resume(id);
    }
  }
}
