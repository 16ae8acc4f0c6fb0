/**
 * Text from other machines on this terminal: names are chosen by strangers, and control characters or reordering marks
 * in them could move the cursor, change colours or make one peer look like another.
 */

/** Control, bidirectional, zero-width and line-breaking characters, lone surrogates, and what Unicode will never assign. */
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\p{Co}]/gu;
const NAME_CHARACTERS_MAX = 40;

/** Fit to be printed: hostile characters removed, and not longer than a column. */
export function shown(name: string, max = NAME_CHARACTERS_MAX): string {
  const clean = [...name.replace(HOSTILE, '').trim()];
  return clean.length <= max ? clean.join('') : `${clean.slice(0, max - 1).join('')}…`;
}

/** The end of a PeerId or position is what tells two apart. */
export function shortId(peerId: string): string {
  const clean = shown(peerId, 128);
  return clean.length <= 14 ? clean : `${clean.slice(0, 4)}…${clean.slice(-8)}`;
}

export function shortPosition(position: string): string {
  return `${position.slice(0, 10)}…`;
}

/** "1 feed", "2 feeds". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** In the unit that reads best. */
export function shownDuration(ms: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000], ['ms', 1]] as const;
  const [unit, size] = units.find(([, one]) => ms >= one) ?? ['ms', 1];
  const amount = ms / size;
  return `${Number.isInteger(amount) || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
}

export function shownBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
