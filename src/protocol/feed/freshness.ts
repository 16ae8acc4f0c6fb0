/**
 * How often an origin may be asked: the floor, and who sets it (ecosystem 3.2).
 *
 * The first that speaks wins: Cache-Control, then Expires, then the longest of what is guessed or said less firmly (a tenth
 * of the document's age, `ttl`, `sy:*`, our own hour). Refusals and Retry-After stand above all and are schedule.ts's.
 * An hour is the default because publishers ask for it; ten minutes need a max-age that says so, and less needs a max-age
 * *and* a feed that was seen to change that often. A guess never stretches beyond what somebody wished: it is no word of
 * the server's. Values above a day are taken for mistakes. Decision: docs/decisions/0050-poll-floor.md.
 */
import type { Millis } from '../../core/env.ts';

export type FloorRule = 'retry-after' | 'back-off' | 'max-age' | 'expires' | 'heuristic' | 'ttl' | 'syndication' | 'history' | 'default' | 'operator';

/** What an answer said of its own freshness; instants are Unix milliseconds. */
export interface Clues {
  /** The header as it came, or empty. */
  readonly cacheControl: string;
  readonly ageMs: Millis;
  readonly receivedAt: number;
  readonly dateAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly lastModifiedAt: number | undefined;
}

/** What the document says. */
export interface Hints {
  readonly ttlMs: Millis | undefined;
  /** sy:updatePeriod over sy:updateFrequency. sy:updateBase would send everybody at the same instant and is not used. */
  readonly syndicationMs: Millis | undefined;
  /** 0..23, GMT. */
  readonly skipHours: readonly number[];
  /** 0..6, Sunday is 0, GMT. */
  readonly skipDays: readonly number[];
}

export const NO_HINTS: Hints = { ttlMs: undefined, syndicationMs: undefined, skipHours: [], skipDays: [] };

export interface Floor {
  readonly ms: Millis;
  readonly by: FloorRule;
}

export interface FloorQuestion {
  /** Undefined before the first answer. */
  readonly clues: Clues | undefined;
  readonly hints: Hints;
  readonly wishMs: Millis;
  /** Median time between changes that were seen; undefined while there are too few. */
  readonly changesEveryMs: Millis | undefined;
  /** The operator's floor for an origin on loopback; undefined for all others. */
  readonly loweredMs: Millis | undefined;
}

const MINUTE = 60_000;
export const DEFAULT_FLOOR_MS = 60 * MINUTE;
export const STATED_FLOOR_MS = 10 * MINUTE;
/** Whatever anybody says. */
export const LEAST_FLOOR_MS = MINUTE;
export const FLOOR_MS_MAX = 24 * 60 * MINUTE;
const HEURISTIC_SHARE = 0.1;
/** A feed changes often enough for a wish when several wishes pass between two changes at most. */
const WISHES_PER_CHANGE = 4;

export function floorOf(question: FloorQuestion): Floor {
  const { clues, loweredMs } = question;
  const maxAgeMs = clues === undefined ? undefined : maxAgeOf(clues);
  if (maxAgeMs !== undefined && maxAgeMs > 0) return byMaxAge(question, maxAgeMs);
  const expiresMs = clues === undefined || maxAgeMs !== undefined ? undefined : expiryOf(clues);
  if (expiresMs !== undefined && expiresMs > 0) return atLeast(loweredMs, { ms: Math.min(expiresMs, FLOOR_MS_MAX), by: 'expires' });
  return atLeast(loweredMs, longest(softly(question)));
}

function byMaxAge({ wishMs, changesEveryMs, loweredMs }: FloorQuestion, maxAgeMs: Millis): Floor {
  const ms = Math.min(maxAgeMs, FLOOR_MS_MAX);
  if (loweredMs !== undefined) return atLeast(loweredMs, { ms, by: 'max-age' });
  if (ms >= STATED_FLOOR_MS) return { ms, by: 'max-age' };
  const changesOften = changesEveryMs !== undefined && changesEveryMs <= WISHES_PER_CHANGE * wishMs;
  if (!changesOften || wishMs >= STATED_FLOOR_MS) return { ms: STATED_FLOOR_MS, by: 'max-age' };
  return { ms: Math.max(wishMs, ms, LEAST_FLOOR_MS), by: 'history' };
}

/** What is not said in so many words by the server, and our own hour. */
function softly({ clues, hints, wishMs, loweredMs }: FloorQuestion): Floor[] {
  const found: Floor[] = [];
  const add = (ms: Millis | undefined, by: FloorRule): void => {
    if (ms !== undefined && ms > 0) found.push({ ms: Math.min(ms, FLOOR_MS_MAX), by });
  };
  add(hints.ttlMs, 'ttl');
  add(hints.syndicationMs, 'syndication');
  if (loweredMs === undefined && clues?.lastModifiedAt !== undefined) {
    const ageMs = (clues.dateAt ?? clues.receivedAt) - clues.lastModifiedAt;
    add(Math.min(HEURISTIC_SHARE * ageMs, wishMs), 'heuristic');
  }
  return found;
}

function longest(floors: readonly Floor[]): Floor {
  return floors.reduce((best, one) => (one.ms > best.ms ? one : best), { ms: 0, by: 'default' });
}

function atLeast(loweredMs: Millis | undefined, floor: Floor): Floor {
  const least: Floor = loweredMs === undefined ? { ms: DEFAULT_FLOOR_MS, by: 'default' } : { ms: loweredMs, by: 'operator' };
  return floor.ms > least.ms ? floor : least;
}

/** What is left of s-maxage or max-age; undefined when neither is there. */
export function maxAgeOf({ cacheControl, ageMs }: Clues): Millis | undefined {
  const seconds = directive(cacheControl, 's-maxage') ?? directive(cacheControl, 'max-age');
  return seconds === undefined ? undefined : Math.max(0, seconds * 1_000 - ageMs);
}

function expiryOf({ expiresAt, dateAt, receivedAt }: Clues): Millis | undefined {
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - (dateAt ?? receivedAt));
}

function directive(cacheControl: string, name: string): number | undefined {
  for (const part of cacheControl.split(',')) {
    const [key = '', value = ''] = part.split('=');
    if (key.trim().toLowerCase() !== name) continue;
    const text = value.trim().replace(/^"|"$/g, '');
    if (/^\d{1,15}$/.test(text)) return Number(text);
  }
  return undefined;
}
