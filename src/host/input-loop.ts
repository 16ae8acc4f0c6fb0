/**
 * Where the outside world becomes inputs of the protocol: one at a time, each with a clock that stands still.
 *
 * Whatever arrives while an input runs (a stream that hands over its buffer when it is resumed, a reset that closes it)
 * waits until that input is over, so protocol code is never re-entered. Timer slots share one setTimeout at the earliest
 * deadline. An exception in an input is a bug in this peer, not bad luck: the host stops with it.
 *
 * A process that stood still (a long collection of garbage, a starved or suspended machine) finds its timers overdue and the answers it waited for
 * unread, and Node looks at timers first: every neighbour would seem silent. So overdue timers are held for as long as the process stood still,
 * while what has arrived is handled. The clock is left alone: instants are compared with other clocks.
 */
import { performance } from 'node:perf_hooks';
import { assert } from '../core/assert.ts';
import type { Millis, TimerKind, Timers } from '../core/env.ts';

/** setTimeout takes 31 bits. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** Timers that are late by more than this say that the process stood still. */
const STALL_MS = 50;
/** Raising it forgives longer standstills, and makes the peer's own heartbeats come later after one. */
const HELD_MS_MAX = 1_000;

export class InputLoop implements Timers {
  readonly #deadlines = new Map<TimerKind, Millis>();
  readonly #waiting: (() => void)[] = [];
  readonly #onTimer: (kind: TimerKind) => void;
  readonly #onFailure: (error: unknown) => void;
  #now: Millis = performance.now();
  #running = false;
  #stopped = false;
  #timeout: NodeJS.Timeout | undefined;
  #timeoutAt: Millis = Infinity;
  #isHeld = false;

  constructor(onTimer: (kind: TimerKind) => void, onFailure: (error: unknown) => void) {
    this.#onTimer = onTimer;
    this.#onFailure = onFailure;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The instant of the running input, or the real one between inputs. */
  now(): Millis {
    return this.#running ? this.#now : performance.now();
  }

  /** Runs `input` now, or right after the one that is running. Nothing runs after `stop`. */
  run(input: () => void): void {
    if (this.#stopped) return;
    this.#waiting.push(input);
    if (this.#running) return;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#runOne(next);
    this.#schedule();
  }

  arm(kind: TimerKind, at: Millis): void {
    assert(Number.isFinite(at), 'a timer is armed at a finite instant');
    if (this.#stopped) return;
    // An instant that is past means now, and does not say that anything stood still.
    this.#deadlines.set(kind, Math.max(at, this.now()));
    if (!this.#running) this.#schedule();
  }

  disarm(kind: TimerKind): void {
    this.#deadlines.delete(kind);
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
    this.#deadlines.clear();
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #runOne(input: () => void): void {
    if (this.#stopped) return;
    this.#now = performance.now();
    this.#running = true;
    try {
      input();
    } catch (error) {
      this.stop();
      this.#onFailure(error);
    } finally {
      this.#running = false;
    }
  }

  /** Keeps the one timeout at the earliest deadline. A later deadline than the armed one costs nothing until it fires. */
  #schedule(): void {
    if (this.#stopped || this.#isHeld) return;
    let earliest = Infinity;
    for (const at of this.#deadlines.values()) if (at < earliest) earliest = at;
    if (earliest >= this.#timeoutAt) return;
    clearTimeout(this.#timeout);
    this.#timeoutAt = earliest;
    const delay = Math.min(Math.max(0, Math.ceil(earliest - performance.now())), TIMEOUT_MS_MAX);
    this.#timeout = setTimeout(() => this.#fire(), delay);
  }

  #fire(): void {
    const now = performance.now();
    const lateMs = now - this.#timeoutAt;
    if (lateMs > STALL_MS && !this.#isHeld) return this.#hold(lateMs);
    this.#isHeld = false;
    this.#timeout = undefined;
    this.#timeoutAt = Infinity;
    const due = [...this.#deadlines].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1] || a[0] - b[0]);
    for (const [kind, at] of due) {
      if (this.#deadlines.get(kind) !== at) continue; // an earlier timer of this round moved or cancelled it
      this.#deadlines.delete(kind);
      this.run(() => this.#onTimer(kind));
    }
    this.#schedule();
  }

  /** Once, so that a machine that is always late still gets to its timers. */
  #hold(lateMs: Millis): void {
    this.#isHeld = true;
    this.#timeout = setTimeout(() => this.#fire(), Math.min(lateMs, HELD_MS_MAX));
  }
}
