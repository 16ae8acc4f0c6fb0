/**
 * Programmer errors, and only those: an assertion that fails stops the peer (and the simulation) at the spot.
 * What other machines or operators can cause is never asserted; it is dropped and counted, or refused with a sentence.
 */

/** Throws unless `condition` holds. Always on, also in production: a wrong peer is worse than a stopped one. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailure(claim);
}

/** The value that cannot be missing. `claim` says why. */
export function must<T>(value: T | undefined | null, claim: string): T {
  if (value === undefined || value === null) throw new AssertionFailure(claim);
  return value;
}

/** Ends a `switch` over a union: the compiler proves that no case was forgotten. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable case: ${JSON.stringify(value)}`);
}

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}
