/**
 * "Do this at that time", many times over behind one timer slot.
 *
 * For what is rare and differs from case to case (retries, comparisons, deadlines of operations), where a table with columns
 * of its own would be more code than the closures cost.
 */
import { Deadlines } from '../../core/deadlines.ts';
import type { Millis } from '../../core/env.ts';
import type { Local } from '../local.ts';

export class Alarms {
  readonly #local: Local;
  readonly #kind: number;
  /** Both only while something waits: most peers of a simulated world wait for nothing. */
  #actions: Map<number, () => void> | undefined;
  #deadlines: Deadlines | undefined;
  #last = 0;

  constructor(local: Local, kind: number) {
    this.#local = local;
    this.#kind = kind;
  }

  /** Returns a handle for `cancel`. */
  in(delayMs: Millis, action: () => void): number {
    const id = ++this.#last;
    this.#actions ??= new Map<number, () => void>();
    this.#deadlines ??= new Deadlines();
    this.#actions.set(id, action);
    this.#deadlines.add(this.#local.env.now() + delayMs, id);
    this.#arm();
    return id;
  }

  cancel(id: number): void {
    this.#actions?.delete(id);
  }

  onTimer(): void {
    const now = this.#local.env.now();
    for (let id = this.#deadlines?.popDue(now); id !== undefined; id = this.#deadlines?.popDue(now)) {
      const action = this.#actions?.get(id);
      this.#actions?.delete(id);
      action?.();
    }
    if (this.#deadlines?.size === 0) this.#actions = this.#deadlines = undefined;
    this.#arm();
  }

  #arm(): void {
    const next = this.#deadlines?.next();
    if (next !== undefined) this.#local.env.arm(this.#kind, next);
  }
}
