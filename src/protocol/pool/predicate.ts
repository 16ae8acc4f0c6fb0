/**
 * Which machines are meant: a condition over their reports, as the rest of the protocol sees it.
 *
 * The language is CEL, compiled in cel.ts; this file is what a compiled condition can do, and the reasoning by which a whole
 * subtree is passed over: from the least and largest numbers and the known texts of a summary it may follow that a condition
 * can be true for nobody. Never the other way round: what cannot be decided is taken to be possible.
 */
import type { Report, Value } from './report.ts';
import { FIELDS } from './report.ts';
import type { NumberSummary, Summary } from './summary.ts';
import { mayHave, numbersOf, textsOf } from './summary.ts';

export interface Predicate {
  readonly text: string;
  /** A machine that lacks a value the condition needs does not match. */
  matches(report: Report): boolean;
  /** False only if no machine below can match. */
  couldMatch(summary: Summary): boolean;
}

export const PREDICATE_BYTES_MAX = 1_024;

/** A condition in the form that can be reasoned about; `unknown` is everything else. */
export type Condition =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly field: string; readonly by: Comparison; readonly with: number | string }
  | { readonly kind: 'unknown' };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** Can it be true for one of the machines, and can it be false for one? Neither, if nobody has the value. */
interface Outcomes {
  readonly yes: boolean;
  readonly no: boolean;
}

const BOTH: Outcomes = { yes: true, no: true };
const NEITHER: Outcomes = { yes: false, no: false };

export const EVERYBODY: Predicate = { text: '', matches: () => true, couldMatch: () => true };

export function outcomesOf(condition: Condition, summary: Summary): Outcomes {
  switch (condition.kind) {
    case 'constant': return { yes: condition.value, no: !condition.value };
    case 'unknown': return BOTH;
    case 'not': {
      const { yes, no } = outcomesOf(condition.of, summary);
      return { yes: no, no: yes };
    }
    case 'and': {
      const left = outcomesOf(condition.left, summary);
      const right = outcomesOf(condition.right, summary);
      return { yes: left.yes && right.yes, no: left.no || right.no };
    }
    case 'or': {
      const left = outcomesOf(condition.left, summary);
      const right = outcomesOf(condition.right, summary);
      return { yes: left.yes || right.yes, no: left.no && right.no };
    }
    case 'compare': return compared(condition.field, condition.by, condition.with, summary);
  }
}

function compared(field: string, by: Comparison, value: number | string, summary: Summary): Outcomes {
  // Lists are in no summary, and a field that is a number here and a text there is summed up as one of the two only.
  const spec = FIELDS.get(field);
  if (spec?.kind === 'list') return BOTH;
  if (!summary.has(field)) return NEITHER;
  if (typeof value === 'number') {
    const numbers = numbersOf(summary, field);
    return numbers ? rangeOutcomes(numbers, by, value) : BOTH;
  }
  const texts = textsOf(summary, field);
  if (!texts) return BOTH;
  const outcomes = [...texts.counts.keys()].map((text) => textCompared(text, by, value));
  return { yes: texts.others > 0 || outcomes.includes(true), no: texts.others > 0 || outcomes.includes(false) };
}

function rangeOutcomes(numbers: NumberSummary, by: Comparison, value: number): Outcomes {
  const { min, max } = numbers;
  switch (by) {
    case '<': return { yes: min < value, no: max >= value };
    case '<=': return { yes: min <= value, no: max > value };
    case '>': return { yes: max > value, no: min <= value };
    case '>=': return { yes: max >= value, no: min < value };
    case '==': return { yes: mayHave(numbers, value), no: min !== value || max !== value };
    case '!=': return { yes: min !== value || max !== value, no: mayHave(numbers, value) };
  }
}

function textCompared(text: string, by: Comparison, value: string): boolean {
  switch (by) {
    case '<': return text < value;
    case '<=': return text <= value;
    case '>': return text > value;
    case '>=': return text >= value;
    case '==': return text === value;
    case '!=': return text !== value;
  }
}

/** `cpu.load` as the value under `load` of `cpu`: how a condition reads a report. */
export function nested(report: Report): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [name, value] of report) {
    const parts = name.split('.');
    const last = parts.pop() as string;
    let at = root;
    for (const part of parts) at = branch(at, part);
    if (!Object.hasOwn(at, last)) at[last] = value satisfies Value;
  }
  return root;
}

function branch(at: Record<string, unknown>, part: string): Record<string, unknown> {
  const next = Object.hasOwn(at, part) ? at[part] : undefined;
  if (typeof next === 'object' && next !== null && !Array.isArray(next)) return next as Record<string, unknown>;
  return (at[part] = {}) as Record<string, unknown>;
}
