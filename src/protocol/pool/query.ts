/**
 * What people ask, read: `avg(cpu.load), p95(mem.free), top(net.up, 5), count()`; or field names alone, for one row a machine.
 *
 * A list of calls is all there is: selection is a predicate's work (predicate.ts), arithmetic the asker's. Mistakes are
 * answered with one sentence that says what would be right.
 */
import { GroveError } from '../../core/errors.ts';
import type { Call, Json, Ops } from './ops.ts';
import { ROWS_MAX } from './ops.ts';
import { FIELDS, isFieldName } from './report.ts';
import type { State } from './state.ts';
import type { Summary } from './summary.ts';
import { numbersOf, textsOf } from './summary.ts';

export const CALLS_MAX = 16;
const EXPRESSION_MAX = 1_024;

export interface Query {
  /** As the answer names them. */
  readonly labels: readonly string[];
  readonly calls: readonly Call[];
  /** The fields of one row a machine, when rows were asked for instead of values. */
  readonly columns: readonly string[] | undefined;
}

const CALL = /^([a-z][a-z0-9_]*)\s*\(\s*(?:([a-z][a-z0-9_.]*)\s*)?(?:,?\s*(-?\d+(?:\.\d+)?)\s*)?\)$/;
const PERCENTILE = /^p(\d{1,2}(?:_\d+)?)$/;

/** Throws GroveError 'usage'. */
export function parseQuery(expression: string, ops: Ops): Query {
  if (expression.length > EXPRESSION_MAX) throw usage(`A query has at most ${EXPRESSION_MAX} characters.`);
  const parts = splitAtCommas(expression);
  if (parts.length === 0) throw usage('A query names at least one aggregate, like avg(cpu.load), or one field, like cpu.load.');
  if (parts.length > CALLS_MAX) throw usage(`A query has at most ${CALLS_MAX} parts, not ${parts.length}.`);
  if (parts.every((part) => !part.includes('('))) return rowsOf(parts);
  return { labels: parts, calls: parts.map((part) => parseCall(part, ops)), columns: undefined };
}

/** A whole report a machine: ascending by the field, or descending. */
export function snapshotQuery(sortBy: string, descending: boolean, limit: number): Query {
  if (sortBy !== '') checkField(sortBy, 'number', 'sort');
  return { labels: ['rows'], calls: [{ op: 'reports', field: sortBy, parameter: descending ? -limit : limit }], columns: [] };
}

/** The call as another peer states it, checked; undefined when it is none that this peer knows. */
export function checkedCall(call: Call, ops: Ops): Call | undefined {
  const op = ops.find(call.op);
  if (!op || (call.field !== '' && !isFieldName(call.field))) return undefined;
  const { min = 0, max = 0 } = op.parameter ?? {};
  return Number.isFinite(call.parameter) && call.parameter >= min && call.parameter <= max ? call : undefined;
}

/**
 * The aggregate from what is always known, without asking anybody; undefined when that does not suffice. Count, sum, min,
 * max and avg of numbers, and the counts of texts.
 */
export function fromSummary(call: Call, summary: Summary, machines: number): { readonly state: State | undefined } | undefined {
  if (call.op === 'count' && call.field === '') return { state: machines > 0 ? { numbers: [machines], texts: [] } : undefined };
  const numbers = numbersOf(summary, call.field);
  const one = (value: number): { state: State } => ({ state: { numbers: [value], texts: [] } });
  if (call.op === 'count') {
    if (FIELDS.get(call.field)?.kind === 'list') return undefined;
    const texts = textsOf(summary, call.field);
    const total = numbers?.count ?? (texts ? [...texts.counts.values()].reduce((sum, count) => sum + count, texts.others) : 0);
    return total > 0 ? one(total) : { state: undefined };
  }
  if (!['sum', 'min', 'max', 'avg'].includes(call.op)) return undefined;
  if (!numbers) return { state: undefined };
  if (call.op === 'avg') return { state: { numbers: [numbers.count, numbers.sum], texts: [] } };
  return one(call.op === 'sum' ? numbers.sum : call.op === 'min' ? numbers.min : numbers.max);
}

/** What the asker gets: one value a label, or rows. */
export function answerOf(query: Query, states: readonly (State | undefined)[], ops: Ops): { readonly values: Json } | { readonly rows: Json } {
  const finished = query.calls.map((call, i) => ops.find(call.op)?.finish(states[i], call) ?? null);
  if (query.columns === undefined) return { values: Object.fromEntries(query.labels.map((label, i) => [label, finished[i] as Json])) };
  const rows = (finished[0] ?? []) as readonly { readonly [name: string]: Json }[];
  const { columns } = query;
  if (columns.length === 0) return { rows };
  return { rows: rows.map((row) => Object.fromEntries(['peer', ...columns].map((name) => [name, row[name] ?? null]))) };
}

function rowsOf(columns: readonly string[]): Query {
  for (const column of columns) checkField(column, 'any', 'field');
  return { labels: ['rows'], calls: [{ op: 'reports', field: '', parameter: ROWS_MAX }], columns };
}

function parseCall(text: string, ops: Ops): Call {
  const match = CALL.exec(text);
  if (!match) throw usage(`${JSON.stringify(text)} is no aggregate: write one like avg(cpu.load) or top(net.up, 5), and several with commas between.`);
  const [, name = '', field = '', number] = match;
  const percentile = PERCENTILE.exec(name)?.[1];
  const op = ops.find(percentile === undefined ? name : 'quantile');
  if (!op) throw usage(`There is no aggregate named ${name}: use one of ${ops.names.join(', ')}, or p50, p95, p99.`);
  if (op.takes !== 'nothing' && (field !== '' || op.takes === 'number')) checkField(field, op.takes, name);
  if (percentile !== undefined) return { op: op.name, field, parameter: Number(percentile.replace('_', '.')) / 100 };
  if (!op.parameter) {
    if (number !== undefined) throw usage(`${name} takes no number: write ${name}(${field}).`);
    return { op: op.name, field, parameter: 0 };
  }
  const { min, max, otherwise } = op.parameter;
  const parameter = number === undefined ? otherwise : Number(number);
  if (parameter < min || parameter > max) throw usage(`The number in ${text} must be from ${min} to ${max}.`);
  return { op: op.name, field, parameter };
}

function checkField(field: string, takes: 'number' | 'any', forWhat: string): void {
  if (field === '') throw usage(`${forWhat} needs a field, like ${forWhat}(cpu.load).`);
  if (!isFieldName(field)) throw usage(`${field} is no field of a report: use ${[...FIELDS.keys()].join(', ')}, or an attribute of your own.`);
  const kind = FIELDS.get(field)?.kind;
  if (takes === 'number' && kind !== undefined && kind !== 'number') throw usage(`${field} is no number, which ${forWhat} needs.`);
}

function splitAtCommas(expression: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const character of expression) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  parts.push(part.trim());
  if (parts.length === 1 && parts[0] === '') return [];
  if (parts.includes('')) throw usage('There is a comma too many in the query.');
  return parts;
}

function usage(sentence: string): GroveError {
  return new GroveError('usage', sentence);
}
