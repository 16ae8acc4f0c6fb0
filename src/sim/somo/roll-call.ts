/**
 * Who exactly is in the root's view: an aggregate of one bit a machine, registered like any query.
 *
 * Counting machines would not tell a dead one that is still counted from a living one that is not; the bits do. It is an
 * operation like those of a user (protocol/pool/ops.ts), and travels as states do.
 */
import type { Op } from '../../protocol/pool/ops.ts';

const BITS = 24;

export const ROLL_CALL = 'roll_call';

/** `indexOf`: the number of a machine by its identity. */
export function rollCall(indexOf: (peerId: string) => number): Op {
  return {
    name: ROLL_CALL, takes: 'any',
    init: ({ peerId }) => {
      const index = indexOf(peerId);
      return { numbers: [Math.floor(index / BITS), 2 ** (index % BITS)], texts: [] };
    },
    merge: (a, b) => ({ numbers: orMerged(a.numbers, b.numbers), texts: [] }),
    finish: (state) => state?.numbers ?? [],
    isSane: ({ numbers }) => numbers.length % 2 === 0,
  };
}

export function isPresent(numbers: readonly number[], index: number): boolean {
  const word = Math.floor(index / BITS);
  let low = 0;
  let high = numbers.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[2 * middle] as number) < word) low = middle + 1;
    else high = middle;
  }
  return numbers[2 * low] === word && (((numbers[2 * low + 1] as number) >>> (index % BITS)) & 1) === 1;
}

export function countPresent(numbers: readonly number[]): number {
  let count = 0;
  for (let i = 1; i < numbers.length; i += 2) for (let word = numbers[i] as number; word > 0; word &= word - 1) count++;
  return count;
}

/** Pairs of word and bits, ascending by word. */
function orMerged(a: readonly number[], b: readonly number[]): number[] {
  const merged: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = i < a.length ? (a[i] as number) : Infinity;
    const right = j < b.length ? (b[j] as number) : Infinity;
    const bits = (left <= right ? (a[i + 1] as number) : 0) | (right <= left ? (b[j + 1] as number) : 0);
    merged.push(Math.min(left, right), bits);
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  return merged;
}
