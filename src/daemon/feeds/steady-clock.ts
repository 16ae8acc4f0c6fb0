/**
 * Unix time that never steps back and does not run off when somebody sets the clock: intervals stay intervals.
 *
 * It counts on from the wall clock of the start by the monotonic one. After a suspend the wall clock is ahead; it then
 * jumps forward with it, and says by how much, so that what fell due meanwhile can be spread out as after a restart.
 */
import { performance } from 'node:perf_hooks';

/** Differences below this are drift and corrections of the network's time. */
const JUMP_MS_MIN = 60_000;

export class SteadyClock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  #offset: number;

  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#offset = wall() - monotonic();
  }

  /** Unix ms, whole. */
  now(): number {
    return Math.round(this.#offset + this.#monotonic());
  }

  /** From a host-monotonic instant. */
  fromMonotonic(at: number): number {
    return Math.round(this.#offset + at);
  }

  toMonotonic(at: number): number {
    return at - this.#offset;
  }

  /** How far it jumped; 0 almost always. */
  catchUp(): number {
    const ahead = this.#wall() - this.now();
    if (ahead < JUMP_MS_MIN) return 0;
    this.#offset += ahead;
    return ahead;
  }
}
