/**
 * Who is due when, behind one timer: thousands of feeds must not own a timer each.
 *
 * Instants are Unix ms of a clock that only moves forward (steady-clock.ts). Names that fall due are handed out one by one;
 * whoever takes one sets its next instant.
 */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export class DueList {
  readonly #at = new Map<string, number>();
  readonly #now: () => number;
  readonly #onDue: (name: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #stopped = false;

  constructor(now: () => number, onDue: (name: string) => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /** Undefined: not at all. */
  set(name: string, at: number | undefined): void {
    if (at === undefined) this.#at.delete(name);
    else {
      this.#at.set(name, at);
      if (at < this.#timerAt) this.#arm(at);
    }
  }

  at(name: string): number | undefined {
    return this.#at.get(name);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(at: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#fire(), Math.min(TIMEOUT_MS_MAX, Math.max(0, Math.ceil(at - this.#now()))));
  }

  #fire(): void {
    this.#timerAt = Infinity;
    const now = this.#now();
    const due = [...this.#at].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
    for (const [name] of due) this.#at.delete(name);
    for (const [name] of due) if (!this.#stopped) this.#onDue(name);
    let next = Infinity;
    for (const at of this.#at.values()) next = Math.min(next, at);
    if (next < Infinity && next < this.#timerAt) this.#arm(next);
  }
}
