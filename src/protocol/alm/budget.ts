/**
 * How long a plan may take. Protocol code has no clock, so whoever plans hands in a budget: so much work, which gives the
 * same tree on every machine; or a clock of the caller's, which keeps a time whatever the machine.
 */
export interface Budget {
  /** Told how many candidates for a move were looked at since the last call; false when it is time to end. */
  allows(work: number): boolean;
  /** So little time is left that even a first tree must be finished at once. Work is never too little for that. */
  isLate(): boolean;
}

/** A unit is one candidate for a move. */
export class WorkBudget implements Budget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  allows(work: number): boolean {
    this.#left -= work;
    return this.#left > 0;
  }

  isLate(): boolean {
    return false;
  }
}

/** The clock is read once in so many units of work: a reading costs as much as ten of them. */
const UNITS_PER_READING = 1_000;
/** Finishing a first tree takes a part of the time. */
const LATE_SHARE = 0.85;

export class ClockBudget implements Budget {
  readonly #nowMs: () => number;
  readonly #endMs: number;
  #work = 0;
  readonly #lateMs: number;
  #isOver = false;

  constructor(nowMs: () => number, budgetMs: number) {
    this.#nowMs = nowMs;
    this.#lateMs = nowMs() + LATE_SHARE * budgetMs;
    this.#endMs = nowMs() + budgetMs;
  }

  allows(work: number): boolean {
    this.#work += work;
    if (this.#work >= UNITS_PER_READING) {
      this.#work = 0;
      this.#isOver ||= this.#nowMs() >= this.#endMs;
    }
    return !this.#isOver;
  }

  isLate(): boolean {
    return this.#nowMs() >= this.#lateMs;
  }
}

export const UNLIMITED: Budget = { allows: () => true, isLate: () => false };
