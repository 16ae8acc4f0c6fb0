/**
 * Peers that come and go at given rates; churn as it was recorded is in churn-trace.ts.
 *
 * Churn knows members, numbers 0, 1, 2 ... in the order of their first arrival, and calls back when one arrives or
 * departs; what that means (spawn, respawn, leave, crash) is the caller's. With a world's peers spawned in `arrive`,
 * and nowhere else, a member's number is its peer index. Only the next event of each member is scheduled at a time.
 */
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import { exponential } from './exponential.ts';
import type { Schedule } from './schedule.ts';

export interface ChurnHandlers {
  /** `returning`: the member was here before. */
  arrive(member: number, returning: boolean): void;
  /** `graceful`: it says goodbye; otherwise it is killed. */
  depart(member: number, graceful: boolean): void;
}

export interface ChurnRates {
  /** Members online, on average; exactly so with `who: 'fresh'`. */
  readonly online: number;
  readonly meanSessionMs: Millis;
  /** How long a member stays away, on average. Only for `who: 'returning'`. */
  readonly meanDowntimeMs?: Millis;
  /** Who replaces a member that departs: a fresh identity at once, or the same one after its downtime. */
  readonly who: 'fresh' | 'returning';
  /** Share of departures that are announced. */
  readonly gracefulShare: number;
  /** Members online at the start arrive over so long, evenly. 0: all at once. */
  readonly rampMs?: Millis;
}

/** Stops the churn it came from: nobody arrives or departs any more. */
export interface Churn {
  stop(): void;
  /** Members online now. */
  readonly online: number;
}

/** Session and downtime lengths are exponential, so the population is in its steady state from the start. */
export function startChurn(schedule: Schedule, rates: ChurnRates, handlers: ChurnHandlers, random: Random): Churn {
  assert(rates.online >= 0 && rates.meanSessionMs > 0, 'churn needs members and a session length');
  assert(rates.gracefulShare >= 0 && rates.gracefulShare <= 1, 'a share lies between 0 and 1');
  return new RateChurn(schedule, rates, handlers, random);
}

class RateChurn implements Churn {
  online = 0;
  readonly #schedule: Schedule;
  readonly #rates: ChurnRates;
  readonly #handlers: ChurnHandlers;
  readonly #random: Random;
  #members = 0;
  #stopped = false;

  constructor(schedule: Schedule, rates: ChurnRates, handlers: ChurnHandlers, random: Random) {
    this.#schedule = schedule;
    this.#rates = rates;
    this.#handlers = handlers;
    this.#random = random;
    const { online, meanSessionMs, meanDowntimeMs = 0, rampMs = 0 } = rates;
    const start = schedule.now();
    for (let i = 0; i < online; i++) this.#later(start + (rampMs * i) / online, () => this.#arriveFresh());
    if (rates.who === 'fresh') return;
    const away = Math.floor((online * meanDowntimeMs) / meanSessionMs + 0.5);
    for (let i = 0; i < away; i++) this.#later(start + exponential(random, meanDowntimeMs), () => this.#arriveFresh());
  }

  stop(): void {
    this.#stopped = true;
  }

  #arriveFresh(): void {
    this.#arrive(this.#members++, false);
  }

  #arrive(member: number, returning: boolean): void {
    this.online++;
    const length = exponential(this.#random, this.#rates.meanSessionMs);
    this.#later(this.#schedule.now() + length, () => this.#depart(member));
    this.#handlers.arrive(member, returning);
  }

  #depart(member: number): void {
    this.online--;
    this.#handlers.depart(member, this.#random.unit() < this.#rates.gracefulShare);
    if (this.#rates.who === 'fresh') {
      this.#arriveFresh();
    } else {
      const length = exponential(this.#random, this.#rates.meanDowntimeMs ?? 0);
      this.#later(this.#schedule.now() + length, () => this.#arrive(member, true));
    }
  }

  #later(at: Millis, action: () => void): void {
    this.#schedule.at(at, () => {
      if (!this.#stopped) action();
    });
  }
}
