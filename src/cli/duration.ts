/**
 * Lengths of time as people write them: `90s`, `10m`, `1.5h`, `2d`; a bare number is seconds. Shown the same way, in the unit
 * that reads best.
 */
import { InvalidArgumentError } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; undefined when it is no length of time. */
export function durationMs(text: string): number | undefined {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  return amount === undefined ? undefined : Math.round(Number(amount) * (UNITS_MS[unit] ?? 1_000));
}

/** For options. */
export function parseDuration(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms >= 1_000) return ms;
  throw new InvalidArgumentError('It is a length of time of at least a second, like 90s, 10m, 1h or 1d.');
}

export function shownDuration(ms: number): string {
  const units = Object.entries(UNITS_MS).toReversed();
  const [unit = 'ms', size = 1] = units.find(([, one]) => ms >= one) ?? [];
  const amount = ms / size;
  return `${Number.isInteger(amount) || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${unit === 'm' ? 'min' : unit}`;
}
