/**
 * Which of two writes is later: a hybrid logical clock, then the writer's identity.
 *
 * Wall time orders writes on different sides of a split as people would; the counter keeps the order of writes that one
 * owner saw, whatever its clock does. A clock that runs far ahead is not followed further than `AHEAD_MAX_MS`.
 */
import type { Version } from '../wire/messages.ts';

/** A version from further in the future than this is taken as it is, but does not pull our own clock along. */
const AHEAD_MAX_MS = 24 * 3_600_000;
/** The wire has 32 bits for the counter; after that the wall time goes on by one. */
const COUNTER_MAX = 2 ** 32 - 1;
/** Below the point where doubles can no longer be counted up by one. */
const WALL_MAX_MS = 2 ** 52;

/** Negative when `a` is older than `b`. */
export function compareVersions(a: Version, b: Version): number {
  if (a.wallMs !== b.wallMs) return a.wallMs - b.wallMs;
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : 0;
}

/** Can a write be later than this version? Nobody may put an object beyond all later writes. */
export function isPossible(version: Version): boolean {
  return version.wallMs >= 0 && version.wallMs <= WALL_MAX_MS;
}

export class VersionClock {
  #wallMs = 0;
  #counter = 0;

  /** Takes note of a version met elsewhere. */
  observe(version: Version, nowMs: number): void {
    if (version.wallMs > nowMs + AHEAD_MAX_MS) return;
    if (version.wallMs > this.#wallMs) {
      this.#wallMs = version.wallMs;
      this.#counter = version.counter;
    } else if (version.wallMs === this.#wallMs) this.#counter = Math.max(this.#counter, version.counter);
  }

  /** A version later than every one observed or given before, and than `after`. */
  next(nowMs: number, writer: string, after: Version | undefined): Version {
    if (after) this.observe(after, nowMs);
    const own = nowMs > this.#wallMs ? { wallMs: nowMs, counter: 0, writer } : successor(this.#wallMs, this.#counter, writer);
    this.#wallMs = own.wallMs;
    this.#counter = own.counter;
    // What is too far ahead was not followed: it is superseded, and the clock stays where it is.
    return after && compareVersions(own, after) <= 0 ? successor(after.wallMs, after.counter, writer) : own;
  }
}

function successor(wallMs: number, counter: number, writer: string): Version {
  return counter < COUNTER_MAX ? { wallMs, counter: counter + 1, writer } : { wallMs: Math.floor(wallMs) + 1, counter: 0, writer };
}
