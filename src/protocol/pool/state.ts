/**
 * The one form in which half-made aggregates travel and wait: numbers and texts, and nothing else.
 *
 * An operation knows what its numbers mean; everybody else stores, compares and forwards them. Immutable.
 */
export interface State {
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

/** Most numbers and texts of one state; what an operation would keep beyond it, it has to drop by its own rule. */
export const STATE_NUMBERS_MAX = 4_096;
export const STATE_TEXTS_MAX = 1_024;
export const STATE_TEXT_BYTES_MAX = 4_096;

export function sameState(a: State | undefined, b: State | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && sameItems(a.numbers, b.numbers) && sameItems(a.texts, b.texts);
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** 52 bits of hash over a text: the same on every machine, spread evenly; not for secrets. */
export function hashText(text: string, seed = 0): number {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x85ebca6b ^ Math.imul(seed + 1, 0xc2b2ae35);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x5bd1e995);
    b = Math.imul(b ^ unit, 0x1b873593);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  a = mix(a ^ text.length);
  b = mix(b ^ a);
  return (b >>> 6) * 2 ** 26 + (a >>> 6);
}

function mix(x: number): number {
  let h = x ^ (x >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
