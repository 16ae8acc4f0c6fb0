/**
 * Measures this machine's bandwidth with its leafset now and then ([0075]), within a budget of bytes.
 *
 * Soon after entering a pool once, because a machine of unknown bandwidth is of no use to any tree; afterwards as the budget
 * allows, each neighbour again every two hours. What others measure towards here is noted too, and costs this side nothing.
 */
import { performance } from 'node:perf_hooks';
import { BandwidthBook } from '../protocol/measure/bandwidth-book.ts';
import type { Host } from '../host/host.ts';
import type { Node } from '../protocol/node.ts';

/** What may be sent for measurements on average, and saved up. One measurement costs at most `COST_BYTES`. */
const BYTES_PER_SECOND = 150;
const COST_BYTES = 720_000;
const SAVED_BYTES_MAX = COST_BYTES;
/** The first ones come soon, at a time of each peer's own. */
const FIRST_MS = 5_000;
const LOOK_MS = 20_000;

export class BandwidthWatch {
  readonly book = new BandwidthBook();
  readonly #node: Node;
  readonly #host: Pick<Host<never, never>, 'measureBandwidth' | 'onBandwidth' | 'counters'>;
  #timer: NodeJS.Timeout | undefined;
  #budget = SAVED_BYTES_MAX;
  #budgetAt = performance.now();

  constructor(node: Node, host: Pick<Host<never, never>, 'measureBandwidth' | 'onBandwidth' | 'counters'>, isMetered: boolean) {
    this.#node = node;
    this.#host = host;
    host.onBandwidth((peerId, rate) => this.book.record(peerId, 'incoming', rate, performance.now()));
    if (!isMetered) this.#look(FIRST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(afterMs: number): void {
    this.#timer = setTimeout(() => {
      void this.#measure().finally(() => {
        if (this.#timer !== undefined) this.#look(LOOK_MS);
      });
    }, afterMs * (0.5 + Math.random()));
    this.#timer.unref();
  }

  async #measure(): Promise<void> {
    const now = performance.now();
    this.#budget = Math.min(SAVED_BYTES_MAX, this.#budget + ((now - this.#budgetAt) / 1_000) * BYTES_PER_SECOND);
    this.#budgetAt = now;
    if (this.#budget < COST_BYTES) return;
    const { leafset } = this.#node.membership;
    const peerId = this.book.due(leafset.contacts().map((contact) => contact.peerId), now);
    const contact = peerId === undefined ? undefined : leafset.findById(peerId)?.contact;
    if (contact === undefined) return;
    this.book.tried(contact.peerId, now);
    const before = this.#host.counters.probeBytesSent;
    const rate = await this.#host.measureBandwidth(contact);
    const spent = this.#host.counters.probeBytesSent - before;
    this.#budget -= spent;
    if (spent === 0) this.book.refused(contact.peerId, performance.now());
    if (rate !== undefined) this.book.record(contact.peerId, 'outgoing', rate, performance.now());
  }
}
