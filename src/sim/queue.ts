/**
 * The event queue: everything that is going to happen, in the order (time, sequence of pushing).
 *
 * There is one per world, and it decides how fast a world is. An event is a row in columns (kind, peer, argument, one
 * object), the order is kept apart from it in a heap of numbers, and popping fills fields of the queue itself: no
 * allocation per event apart from growth. The object of a row is cleared when it is popped, so a message lives no
 * longer than its last delivery. The calendar queue (calendar-queue.ts) is a second implementation of the same
 * interface; a test proves that both pop the same sequence, and every run may choose either.
 */
import type { Random } from '../core/random.ts';
import { longerInts } from './columns.ts';
import { SlotHeap } from './slot-heap.ts';

export interface EventQueue {
  /** How many events wait. */
  readonly size: number;
  /** The event popped last. */
  readonly at: number;
  readonly kind: number;
  readonly peer: number;
  readonly argument: number;
  readonly object: unknown;
  /** `at` must be finite, `kind`, `peer` and `argument` 32-bit integers. */
  push(at: number, kind: number, peer: number, argument: number, object: unknown): void;
  /** Takes the earliest event into the fields above if its time is at most `limit`; otherwise returns false. */
  pop(limit: number): boolean;
}

/**
 * Numbers that order events of equal time: by pushing, or, given a stream, at random. Random order finds what only works
 * because two things at one instant happen to come in one order. Both queues number alike, so they still agree.
 */
export class Sequence {
  readonly #ties: Random | undefined;
  #pushed = 0;

  constructor(ties: Random | undefined) {
    this.#ties = ties;
  }

  next(): number {
    const pushed = this.#pushed++;
    return this.#ties === undefined ? pushed : this.#ties.u32() * TIES + (pushed % TIES);
  }
}

/** 32 random bits and these fit into the 53 of a double. */
const TIES = 2 ** 21;

/**
 * What events carry, and the free list of rows: a row keeps its number until it is popped. The four integers of a row
 * (kind, peer, argument, next) stand side by side, because with many pending events a cache miss costs more than all
 * the rest.
 */
export class EventRows {
  /** Row r: kind at 4r, peer at 4r + 1, argument at 4r + 2, next row at 4r + 3 (free list, or a list of the owner). */
  integers = new Int32Array(4 * 1024);
  readonly objects: unknown[] = new Array<unknown>(1024).fill(undefined);
  #free = -1;
  #used = 0;

  take(kind: number, peer: number, argument: number, object: unknown): number {
    let row = this.#free;
    if (row >= 0) {
      this.#free = this.integers[4 * row + 3] as number;
    } else {
      row = this.#used++;
      if (4 * row === this.integers.length) this.#grow();
    }
    const integers = this.integers;
    const start = 4 * row;
    integers[start] = kind;
    integers[start + 1] = peer;
    integers[start + 2] = argument;
    if (object !== undefined) this.objects[row] = object;
    return row;
  }

  release(row: number): void {
    if (this.objects[row] !== undefined) this.objects[row] = undefined;
    this.integers[4 * row + 3] = this.#free;
    this.#free = row;
  }

  #grow(): void {
    const capacity = this.objects.length * 2;
    this.integers = longerInts(this.integers, 4 * capacity);
    while (this.objects.length < capacity) this.objects.push(undefined);
  }
}

export class HeapQueue implements EventQueue {
  at = 0;
  kind = 0;
  peer = 0;
  argument = 0;
  object: unknown = undefined;
  readonly #heap = new SlotHeap();
  readonly #rows = new EventRows();
  readonly #sequence: Sequence;

  /** Given a stream, events of equal time come in random order. */
  constructor(ties?: Random) {
    this.#sequence = new Sequence(ties);
  }

  get size(): number {
    return this.#heap.size;
  }

  push(at: number, kind: number, peer: number, argument: number, object: unknown): void {
    this.#heap.push(at, this.#sequence.next(), this.#rows.take(kind, peer, argument, object));
  }

  pop(limit: number): boolean {
    const at = this.#heap.topTime();
    if (this.#heap.size === 0 || at > limit) {
      this.object = undefined;
      return false;
    }
    const rows = this.#rows;
    const row = this.#heap.pop();
    this.at = at;
    const integers = rows.integers;
    this.kind = integers[4 * row] as number;
    this.peer = integers[4 * row + 1] as number;
    this.argument = integers[4 * row + 2] as number;
    this.object = rows.objects[row];
    rows.release(row);
    return true;
  }
}
