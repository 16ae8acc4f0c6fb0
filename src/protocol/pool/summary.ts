/**
 * What is always known of every logical node: per field the count, least, largest and sum of the numbers, or the values
 * of a text and how often each occurs. Small enough to be sent at every period, enough for plain aggregates and for telling
 * whether a query could find anybody below ([0062]: the operation is open; this is the one that always runs).
 */
import type { Report } from './report.ts';
import { limitsOf } from './report.ts';
import type { State } from './state.ts';

/**
 * By field name. A number alone is `[value]`; of several machines `[count, min, max, sum, marks]`. Texts: counts beside values.
 */
export type Summary = ReadonlyMap<string, State>;

/** Texts that are told apart; the rest are only counted, under the empty text, which stands last. */
const TEXTS_MAX = 8;
const OTHERS = '';
/** Fields summed up; of more, those that come last by name are not. */
export const SUMMARY_FIELDS_MAX = 64;

const MARKS = 48;
const HALF_MARKS = 2 ** 24;
const scratch = new DataView(new ArrayBuffer(8));

export const EMPTY_SUMMARY: Summary = new Map();

export interface NumberSummary {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  /** A mark for each value that is there, 48 in all: a value without its mark is not there (a Bloom filter of one hash). */
  readonly marks: number;
}

export interface TextSummary {
  readonly counts: ReadonlyMap<string, number>;
  /** Machines whose text is none of these. */
  readonly others: number;
}

export function summaryOf(report: Report): Summary {
  const summary = new Map<string, State>();
  for (const [name, value] of report) {
    if (typeof value === 'number') summary.set(name, { numbers: [value], texts: [] });
    // An empty text says nothing, and its place is taken.
    else if (typeof value === 'string' && value !== OTHERS) summary.set(name, { numbers: [1], texts: [value] });
  }
  return summary;
}

export function mergeSummaries(parts: readonly Summary[]): Summary {
  if (parts.length === 1) return parts[0] as Summary;
  const byName = new Map<string, State[]>();
  for (const part of parts) {
    for (const [name, state] of part) {
      const states = byName.get(name);
      if (states) states.push(state);
      else byName.set(name, [state]);
    }
  }
  const names = [...byName.keys()].sort().slice(0, SUMMARY_FIELDS_MAX);
  return new Map(names.map((name) => [name, mergeField(byName.get(name) as State[])]));
}

export function numbersOf(summary: Summary, name: string): NumberSummary | undefined {
  const state = summary.get(name);
  return state && state.texts.length === 0 ? readNumbers(state) : undefined;
}

export function textsOf(summary: Summary, name: string): TextSummary | undefined {
  const state = summary.get(name);
  if (!state || state.texts.length === 0) return undefined;
  const counts = new Map<string, number>();
  let others = 0;
  state.texts.forEach((text, i) => {
    if (text === OTHERS) others += state.numbers[i] as number;
    else counts.set(text, state.numbers[i] as number);
  });
  return { counts, others };
}

/** Can this be the state of a field over so many machines? With it a liar is bounded by what its machines could say. */
export function isSaneField(name: string, { numbers, texts }: State, machines: number): boolean {
  if (texts.length > 0) {
    const total = numbers.reduce((sum, count) => sum + count, 0);
    return texts.length <= TEXTS_MAX + 1 && numbers.length === texts.length && total <= machines
      && numbers.every((count) => Number.isInteger(count) && count > 0) && new Set(texts).size === texts.length;
  }
  const limits = limitsOf(name);
  if (numbers.length === 1) return within(numbers[0] as number, limits.min, limits.max);
  if (numbers.length !== 5) return false;
  const { count, min, max, sum, marks } = readNumbers({ numbers, texts });
  if (!Number.isInteger(marks) || marks <= 0 || marks >= 2 ** MARKS) return false;
  const slack = 1e-9 * Math.max(Math.abs(min), Math.abs(max)) * count;
  return Number.isInteger(count) && count > 0 && count <= machines && min >= limits.min && max <= limits.max && min <= max
    && sum >= count * min - slack && sum <= count * max + slack;
}

function mergeField(states: readonly State[]): State {
  if (states.length === 1) return states[0] as State;
  // A name that is a number here and a text there: the texts win, the numbers cannot be read as any.
  const texts = states.filter((state) => state.texts.length > 0);
  return texts.length > 0 ? mergeTexts(texts) : mergeNumbers(states);
}

function mergeNumbers(states: readonly State[]): State {
  let count = 0;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let marksHigh = 0;
  let marksLow = 0;
  for (const state of states) {
    const part = readNumbers(state);
    marksHigh |= Math.floor(part.marks / HALF_MARKS);
    marksLow |= part.marks % HALF_MARKS;
    count += part.count;
    min = Math.min(min, part.min);
    max = Math.max(max, part.max);
    sum += part.sum;
  }
  return { numbers: [count, min, max, sum, marksHigh * HALF_MARKS + marksLow], texts: [] };
}

function mergeTexts(states: readonly State[]): State {
  const counts = new Map<string, number>();
  for (const { numbers, texts } of states) texts.forEach((text, i) => counts.set(text, (counts.get(text) ?? 0) + (numbers[i] as number)));
  const others = counts.get(OTHERS) ?? 0;
  counts.delete(OTHERS);
  // By value, not by frequency: which ones are told apart then depends on what there is, not on who was merged first.
  const kept = [...counts.keys()].sort();
  const told = kept.slice(0, TEXTS_MAX);
  const rest = kept.slice(TEXTS_MAX).reduce((sum, text) => sum + (counts.get(text) as number), others);
  const numbers = told.map((text) => counts.get(text) as number);
  return rest > 0 ? { numbers: [...numbers, rest], texts: [...told, OTHERS] } : { numbers, texts: told };
}

function readNumbers({ numbers }: State): NumberSummary {
  const [first, min, max, sum, marks] = numbers as [number, number, number, number, number];
  return numbers.length === 1 ? { count: 1, min: first, max: first, sum: first, marks: markOf(first) } : { count: first, min, max, sum, marks };
}

/** The mark of a value: one of 48 bits, from the double's own bits. */
function markOf(value: number): number {
  scratch.setFloat64(0, value + 0); // minus zero is zero
  let hash = Math.imul(scratch.getUint32(0) ^ Math.imul(scratch.getUint32(4), 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return 2 ** (((hash ^ (hash >>> 16)) >>> 0) % MARKS);
}

/** Can one of the machines have exactly this value? */
export function mayHave({ min, max, marks }: NumberSummary, value: number): boolean {
  if (value < min || value > max) return false;
  return Math.floor(marks / markOf(value)) % 2 === 1;
}

function within(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
