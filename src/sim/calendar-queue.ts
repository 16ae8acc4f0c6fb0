/**
 * A calendar queue: the second implementation of EventQueue, for many pending events (10^5 and more).
 *
 * Time is cut into days (1 ms each) and a year of 65,536 of them lies open as unsorted lists, one a day. Only today is
 * sorted, in a small heap; what lies beyond the year waits in a large heap and moves in as the year advances. A message
 * on its way or a timer within the next minute therefore costs one link instead of a walk through a heap of everything.
 * The order is exactly that of the plain heap: days never overlap, and within today (time, sequence) decides.
 */
import type { Random } from '../core/random.ts';
import { capacityFor, longerDoubles } from './columns.ts';
import { EventRows, Sequence } from './queue.ts';
import type { EventQueue } from './queue.ts';
import { SlotHeap } from './slot-heap.ts';

const DAYS = 2 ** 16;
const MASK = DAYS - 1;
const NONE = -1;

export class CalendarQueue implements EventQueue {
  at = 0;
  kind = 0;
  peer = 0;
  argument = 0;
  object: unknown = undefined;
  size = 0;
  readonly #dayMs: number;
  readonly #rows = new EventRows();
  /** Head of the list of each open day, and one bit for each day that has a list. */
  readonly #days = new Int32Array(DAYS).fill(NONE);
  readonly #busy = new Uint32Array(DAYS / 32);
  readonly #today = new SlotHeap(256);
  readonly #beyond = new SlotHeap();
  /** Time and sequence of each row that waits in a list, side by side. */
  #keys = new Float64Array(2 * 1024);
  #day = 0;
  #open = 0;
  readonly #sequence: Sequence;

  /** Given a stream, events of equal time come in random order. */
  constructor(ties?: Random, dayMs = 1) {
    this.#sequence = new Sequence(ties);
    this.#dayMs = dayMs;
  }

  push(at: number, kind: number, peer: number, argument: number, object: unknown): void {
    const row = this.#rows.take(kind, peer, argument, object);
    this.size++;
    this.#place(at, this.#sequence.next(), row);
  }

  pop(limit: number): boolean {
    if (this.#today.size === 0 && !this.#advance()) {
      this.object = undefined;
      return false;
    }
    const at = this.#today.topTime();
    if (at > limit) {
      this.object = undefined;
      return false;
    }
    const rows = this.#rows;
    const row = this.#today.pop();
    this.size--;
    this.at = at;
    const integers = rows.integers;
    this.kind = integers[4 * row] as number;
    this.peer = integers[4 * row + 1] as number;
    this.argument = integers[4 * row + 2] as number;
    this.object = rows.objects[row];
    rows.release(row);
    return true;
  }

  /** What is earlier than today (pushed after a look ahead) is sorted with today, which keeps the order. */
  #place(at: number, sequence: number, row: number): void {
    const day = Math.floor(at / this.#dayMs);
    if (day <= this.#day) {
      this.#today.push(at, sequence, row);
    } else if (day - this.#day >= DAYS) {
      this.#beyond.push(at, sequence, row);
    } else {
      if (2 * row >= this.#keys.length) this.#keys = longerDoubles(this.#keys, capacityFor(2 * row));
      this.#keys[2 * row] = at;
      this.#keys[2 * row + 1] = sequence;
      const place = day & MASK;
      this.#rows.integers[4 * row + 3] = this.#days[place] as number;
      this.#days[place] = row;
      this.#busy[place >> 5] = (this.#busy[place >> 5] as number) | (1 << (place & 31));
      this.#open++;
    }
  }

  /** Turns to the next day that has events. False when there is none at all. */
  #advance(): boolean {
    if (this.#open > 0) {
      this.#day += this.#distanceToBusyDay();
      this.#openToday();
    } else if (this.#beyond.size > 0) {
      this.#day = Math.floor(this.#beyond.topTime() / this.#dayMs);
    } else {
      return false;
    }
    const beyond = this.#beyond;
    while (beyond.size > 0 && Math.floor(beyond.topTime() / this.#dayMs) - this.#day < DAYS) {
      const at = beyond.topTime();
      const sequence = beyond.topSequence();
      this.#place(at, sequence, beyond.pop());
    }
    return true;
  }

  #openToday(): void {
    const place = this.#day & MASK;
    let row = this.#days[place] as number;
    this.#days[place] = NONE;
    this.#busy[place >> 5] = (this.#busy[place >> 5] as number) & ~(1 << (place & 31));
    while (row !== NONE) {
      const next = this.#rows.integers[4 * row + 3] as number;
      this.#today.push(this.#keys[2 * row] as number, this.#keys[2 * row + 1] as number, row);
      this.#open--;
      row = next;
    }
  }

  /** Days from today to the next one with a list, by the bits: 32 days a step. At least one day has a list. */
  #distanceToBusyDay(): number {
    const start = (this.#day + 1) & MASK;
    let word = start >> 5;
    let bits = (this.#busy[word] as number) & (-1 << (start & 31));
    while (bits === 0) {
      word = (word + 1) & (DAYS / 32 - 1);
      bits = this.#busy[word] as number;
    }
    const place = (word << 5) + 31 - Math.clz32(bits & -bits);
    return ((place - start) & MASK) + 1;
  }
}
