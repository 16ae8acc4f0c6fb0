/**
 * Whether this process hears what it is told in time.
 *
 * A peer that knows nothing new of the pool asks the origin itself. On a machine that is too busy to read its messages silence proves nothing: the word is
 * there and waits, or the sender is on the same machine and waits as well. Such a peer would ask because of load, and hundreds of them at once.
 */
import { performance } from 'node:perf_hooks';

const TICK_MS = 500;
/** A tick that comes later than that was held up. */
const STALL_MS = 200;
/** So long after the last one what was held up has been caught up with. */
const QUIET_MS = 5_000;

export class LoopWatch {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #tickAt: number;
  #stalledAt = -Infinity;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#tickAt = now();
    this.#timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** For so long silence proves nothing; 0: it does. */
  get busyForMs(): number {
    return Math.max(0, this.#stalledAt + QUIET_MS - this.#now());
  }

  tick(): void {
    const now = this.#now();
    if (now - this.#tickAt > TICK_MS + STALL_MS) this.#stalledAt = now;
    this.#tickAt = now;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
