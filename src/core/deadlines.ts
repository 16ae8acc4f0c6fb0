/**
 * Many deadlines behind one timer slot: a binary heap of (instant, id).
 *
 * Things that exist many times (requests, operations, held routes) must not own a timer each. Removal is lazy: whoever
 * pops an id looks whether it still means anything.
 */
import type { Millis } from './env.ts';

export class Deadlines {
  #at: number[] = [];
  #id: number[] = [];

  get size(): number {
    return this.#at.length;
  }

  /** The earliest instant, or undefined when there is none. */
  next(): Millis | undefined {
    return this.#at[0];
  }

  add(at: Millis, id: number): void {
    let child = this.#at.length;
    if (child === 0) {
      // Most peers of a simulated world never have a second one: an array that begins like this has no room to spare.
      this.#at = [at];
      this.#id = [id];
      return;
    }
    this.#at.push(at);
    this.#id.push(id);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Removes and returns the id of the earliest deadline at or before `now`; undefined when none is due. */
  popDue(now: Millis): number | undefined {
    const at = this.#at[0];
    if (at === undefined || at > now) return undefined;
    const id = this.#id[0];
    const last = this.#at.length - 1;
    this.#swap(0, last);
    this.#at.pop();
    this.#id.pop();
    this.#sink(0);
    return id;
  }

  #sink(start: number): void {
    let parent = start;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (left < this.#at.length && this.#before(left, least)) least = left;
      if (right < this.#at.length && this.#before(right, least)) least = right;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(a: number, b: number): boolean {
    const atA = this.#at[a] as number;
    const atB = this.#at[b] as number;
    return atA !== atB ? atA < atB : (this.#id[a] as number) < (this.#id[b] as number);
  }

  #swap(a: number, b: number): void {
    const at = this.#at[a] as number;
    const id = this.#id[a] as number;
    this.#at[a] = this.#at[b] as number;
    this.#id[a] = this.#id[b] as number;
    this.#at[b] = at;
    this.#id[b] = id;
  }
}
