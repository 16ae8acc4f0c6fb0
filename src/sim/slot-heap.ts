/**
 * A 4-ary heap of (time, sequence, slot) in two typed arrays.
 *
 * What is sorted is kept apart from what is carried: moving an entry copies twenty bytes and never touches an object,
 * and a million pending events make no work for the garbage collector. Four children to a node halve the depth, and
 * the four are neighbours in memory: one cache line of times and sequences. Used by both event queues and by the
 * shortest paths of the router topologies.
 */
import { longerDoubles, longerInts } from './columns.ts';

export class SlotHeap {
  size = 0;
  /** Time and sequence of each place, side by side. Sequences are doubles, so that they never wrap. */
  #keys: Float64Array;
  #slots: Int32Array;

  constructor(capacity = 1024) {
    this.#keys = new Float64Array(2 * capacity);
    this.#slots = new Int32Array(capacity);
  }

  /** The earliest time, or Infinity when empty. */
  topTime(): number {
    return this.size === 0 ? Infinity : (this.#keys[0] as number);
  }

  /** The sequence that goes with `topTime`. The heap must not be empty. */
  topSequence(): number {
    return this.#keys[1] as number;
  }

  push(time: number, sequence: number, slot: number): void {
    if (this.size === this.#slots.length) this.#grow();
    const keys = this.#keys;
    const slots = this.#slots;
    let hole = this.size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 2;
      const parentTime = keys[2 * parent] as number;
      const parentSequence = keys[2 * parent + 1] as number;
      if (parentTime < time || (parentTime === time && parentSequence < sequence)) break;
      keys[2 * hole] = parentTime;
      keys[2 * hole + 1] = parentSequence;
      slots[hole] = slots[parent] as number;
      hole = parent;
    }
    keys[2 * hole] = time;
    keys[2 * hole + 1] = sequence;
    slots[hole] = slot;
  }

  /** Removes the earliest entry and returns its slot; read `topTime()` before. The heap must not be empty. */
  pop(): number {
    const slot = this.#slots[0] as number;
    if (--this.size > 0) this.#sinkLast();
    return slot;
  }

  clear(): void {
    this.size = 0;
  }

  /** Puts what stands behind the end into the hole at the top, and lets it sink. */
  #sinkLast(): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const size = this.size;
    const time = keys[2 * size] as number;
    const sequence = keys[2 * size + 1] as number;
    let hole = 0;
    for (let first = 1; first < size; first = (hole << 2) + 1) {
      const end = first + 4 < size ? first + 4 : size;
      let best = first;
      let bestTime = keys[2 * first] as number;
      for (let child = first + 1; child < end; child++) {
        const childTime = keys[2 * child] as number;
        if (childTime > bestTime) continue;
        if (childTime === bestTime && (keys[2 * child + 1] as number) > (keys[2 * best + 1] as number)) continue;
        best = child;
        bestTime = childTime;
      }
      const bestSequence = keys[2 * best + 1] as number;
      if (bestTime > time || (bestTime === time && bestSequence > sequence)) break;
      keys[2 * hole] = bestTime;
      keys[2 * hole + 1] = bestSequence;
      slots[hole] = slots[best] as number;
      hole = best;
    }
    keys[2 * hole] = time;
    keys[2 * hole + 1] = sequence;
    slots[hole] = slots[size] as number;
  }

  #grow(): void {
    const capacity = this.#slots.length * 2;
    this.#keys = longerDoubles(this.#keys, 2 * capacity);
    this.#slots = longerInts(this.#slots, capacity);
  }
}
