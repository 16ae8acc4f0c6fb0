/**
 * Routes that passed here lately: each is sent on once.
 *
 * A network that repeats messages, or loses acknowledgements so that the hop before tries another way, makes copies of a
 * route; if every hop sent on every copy there would be 2^hops of them. Whoever has sent a route on is responsible for it
 * (it waits for the acknowledgement and finds another way), so a further copy is not needed. The origin's own repetitions
 * are not copies: they have a number of their own, because what was lost may be the answer.
 */
import type { Millis } from '../../core/env.ts';
import type { Route } from '../wire/messages.ts';

const REMEMBER_MS = 3_500;
/** Per generation; beyond it copies pass, which costs messages and nothing else. */
const ROUTES_MAX = 4_096;

export class SeenRoutes {
  #current: Set<number> | undefined;
  #previous: Set<number> | undefined;
  #turnedAt: Millis = -Infinity;

  /** Has a copy of this route passed? From now on, yes. */
  check(route: Route, now: Millis): boolean {
    if (now - this.#turnedAt >= REMEMBER_MS) {
      this.#previous = now - this.#turnedAt < 2 * REMEMBER_MS ? this.#current : undefined;
      this.#current = undefined;
      this.#turnedAt = now;
    }
    const key = keyOf(route);
    if (this.#current?.has(key) || this.#previous?.has(key)) return true;
    this.#current ??= new Set<number>();
    if (this.#current.size < ROUTES_MAX) this.#current.add(key);
    return false;
  }
}

/** Origin, its number for the operation and its attempt. A route that goes on round the ring may pass where it was before. */
function keyOf({ origin, op, attempt, byRing }: Route): number {
  const key = ((origin.position.lead % 2 ** 16) * 16 + (attempt % 16)) * 2 ** 32 + op;
  return byRing ? -key - 1 : key;
}
