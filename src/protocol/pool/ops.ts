/**
 * Aggregates by name: what a SOMO node does with what passes through it on the way up ([0067]).
 *
 * An operation begins with one machine's values (`init`), joins two halves in any order (`merge`), and at the end says what
 * came out (`finish`). The library takes further ones by name; these are built in. `isSane` bounds what a lying machine can
 * do: a state that so many machines cannot have made is dropped and counted.
 */
import { GroveError } from '../../core/errors.ts';
import type { Report, Value } from './report.ts';
import { limitsOf } from './report.ts';
import * as sketches from './sketches.ts';
import type { State } from './state.ts';
import { hashText, STATE_NUMBERS_MAX, STATE_TEXTS_MAX } from './state.ts';
import { utf8Bytes } from '../wire/sizes.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Machine {
  readonly peerId: string;
  readonly report: Report;
}

/** One use of an operation: `top(cpu.load, 3)`. */
export interface Call {
  readonly op: string;
  /** Empty when the operation needs none. */
  readonly field: string;
  readonly parameter: number;
}

export interface Op {
  readonly name: string;
  readonly takes: 'nothing' | 'number' | 'any';
  /** Of the parameter; undefined when it takes none. */
  readonly parameter?: { readonly min: number; readonly max: number; readonly otherwise: number };
  /** Undefined when this machine has nothing to add. */
  init(machine: Machine, call: Call): State | undefined;
  /** Commutative and associative. */
  merge(a: State, b: State, call: Call): State;
  /** `state` is undefined when nobody had anything to add. */
  finish(state: State | undefined, call: Call): Json;
  isSane(state: State, machines: number, call: Call): boolean;
}

/** Machines named in one answer. */
export const ROWS_MAX = 512;
/** Text of all rows together: with what else is in a message it stays below the largest frame. The last rows are left out first. */
const ROWS_BYTES_MAX = 768 * 1024;
const SAMPLE_SEED = 77;

const isWhole = (value: number | undefined): boolean => Number.isInteger(value) && (value as number) >= 0;

function fold(name: string, start: (value: number) => number, join: (a: number, b: number) => number, sane: (n: number, machines: number, call: Call) => boolean): Op {
  return {
    name, takes: 'number',
    init: ({ report }, { field }) => withNumber(report.get(field), (value) => ({ numbers: [start(value)], texts: [] })),
    merge: (a, b) => ({ numbers: [join(a.numbers[0] as number, b.numbers[0] as number)], texts: [] }),
    finish: (state) => state?.numbers[0] ?? null,
    isSane: ({ numbers, texts }, machines, call) => numbers.length === 1 && texts.length === 0 && sane(numbers[0] as number, machines, call),
  };
}

const inLimits = (value: number, machines: number, { field }: Call): boolean => {
  const { min, max } = limitsOf(field);
  return value >= Math.min(min, min * machines) && value <= Math.max(max, max * machines);
};

const count: Op = {
  name: 'count', takes: 'any',
  // Without a field: machines. With one: those that have it.
  init: ({ report }, { field }) => (field === '' || report.has(field) ? { numbers: [1], texts: [] } : undefined),
  merge: (a, b) => ({ numbers: [(a.numbers[0] as number) + (b.numbers[0] as number)], texts: [] }),
  finish: (state) => state?.numbers[0] ?? 0,
  isSane: ({ numbers }, machines) => numbers.length === 1 && isWhole(numbers[0]) && (numbers[0] as number) <= machines,
};

const avg: Op = {
  name: 'avg', takes: 'number',
  init: ({ report }, { field }) => withNumber(report.get(field), (value) => ({ numbers: [1, value], texts: [] })),
  merge: (a, b) => ({ numbers: [(a.numbers[0] as number) + (b.numbers[0] as number), (a.numbers[1] as number) + (b.numbers[1] as number)], texts: [] }),
  finish: (state) => (state ? (state.numbers[1] as number) / (state.numbers[0] as number) : null),
  isSane: ({ numbers }, machines, call) => {
    const [n, sum] = numbers;
    return numbers.length === 2 && isWhole(n) && (n as number) > 0 && (n as number) <= machines && inLimits(sum as number, n as number, call);
  },
};

const quantile: Op = {
  name: 'quantile', takes: 'number', parameter: { min: 0, max: 1, otherwise: 0.5 },
  init: ({ report }, { field }) => withNumber(report.get(field), (value) => sketches.quantileInit(value)),
  merge: (a, b) => sketches.quantileMerge(a, b),
  finish: (state, { parameter }) => (state ? sketches.quantileAt(state, parameter) : null),
  isSane: (state, machines) => sketches.isQuantileState(state, machines),
};

const distinct: Op = {
  name: 'distinct', takes: 'any',
  init: ({ report }, { field }) => {
    const value = report.get(field);
    return value === undefined ? undefined : { numbers: [hashText(JSON.stringify(value))], texts: [] };
  },
  merge: (a, b) => sketches.distinctMerge(a, b),
  finish: (state) => (state ? sketches.distinctCount(state) : 0),
  isSane: (state, machines) => sketches.isDistinctState(state, machines),
};

/** Keeps the first `parameter` by value; a distributed merge-sort ([0067]) whose output is cut off there. */
function ranking(name: string, ascending: boolean, otherwise: number): Op {
  const before = (a: [number, string], b: [number, string]): number => {
    if (a[0] !== b[0]) return ascending === a[0] < b[0] ? -1 : 1;
    return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
  };
  return {
    name, takes: 'number', parameter: { min: 1, max: ROWS_MAX, otherwise },
    init: ({ peerId, report }, { field }) => withNumber(report.get(field), (value) => ({ numbers: [value], texts: [peerId] })),
    merge: (a, b, { parameter }) => pairsState([...pairsOf(a), ...pairsOf(b)].sort(before).slice(0, parameter)),
    finish: (state) => (state ? pairsOf(state).map(([value, peer]) => ({ peer, value })) : []),
    isSane: (state, machines, { parameter, field }) => isPairs(state, Math.min(machines, parameter)) && state.numbers.every((value) => inLimits(value, 1, { op: name, field, parameter })),
  };
}

/** Uniform over the machines: those whose identities hash lowest. */
const sample: Op = {
  name: 'sample', takes: 'any', parameter: { min: 1, max: ROWS_MAX, otherwise: 10 },
  init: ({ peerId, report }, { field }) => {
    const value = field === '' ? null : report.get(field);
    return value === undefined ? undefined : { numbers: [hashText(peerId, SAMPLE_SEED)], texts: [JSON.stringify([peerId, value])] };
  },
  merge: (a, b, { parameter }) => pairsState([...pairsOf(a), ...pairsOf(b)].sort((x, y) => x[0] - y[0] || (x[1] < y[1] ? -1 : 1)).slice(0, parameter)),
  finish: (state) => (state ? pairsOf(state).map(([, text]) => parsedPair(text)) : []),
  isSane: (state, machines, { parameter }) => isPairs(state, Math.min(machines, parameter)) && state.texts.every((text) => parsedPair(text) !== null),
};

/**
 * Whole reports, one a machine, ascending by a field (descending with a negative limit), by identity without one: the
 * snapshot of Fig. 10a.
 */
const reports: Op = {
  name: 'reports', takes: 'any', parameter: { min: -ROWS_MAX, max: ROWS_MAX, otherwise: ROWS_MAX },
  init: ({ peerId, report }, { field, parameter }) => {
    const value = report.get(field);
    const rank = typeof value !== 'number' ? Number.MAX_VALUE : parameter < 0 ? -value : value;
    return { numbers: [rank], texts: [JSON.stringify([peerId, Object.fromEntries(report)])] };
  },
  merge: (a, b, { parameter }) => {
    const sorted = [...pairsOf(a), ...pairsOf(b)].sort((x, y) => x[0] - y[0] || (x[1] < y[1] ? -1 : 1));
    return pairsState(withinBytes(sorted.slice(0, Math.abs(parameter))));
  },
  finish: (state) => (state ? pairsOf(state).map(([, text]) => parsedRow(text)).filter((row) => row !== null) : []),
  isSane: (state, machines, { parameter }) => isPairs(state, Math.min(machines, Math.abs(parameter))) && state.texts.every((text) => parsedRow(text) !== null),
};

const BUILT_IN: readonly Op[] = [
  count, avg, quantile, distinct, sample, reports,
  fold('sum', (value) => value, (a, b) => a + b, inLimits),
  fold('min', (value) => value, Math.min, (value, _machines, call) => inLimits(value, 1, call)),
  fold('max', (value) => value, Math.max, (value, _machines, call) => inLimits(value, 1, call)),
  ranking('top', false, 10),
  ranking('sort', true, 100),
];

/** Operations a peer knows. Those that only some peers know reach no further than these. */
export class Ops {
  readonly #ops = new Map<string, Op>(BUILT_IN.map((op) => [op.name, op]));

  find(name: string): Op | undefined {
    return this.#ops.get(name);
  }

  get names(): string[] {
    return [...this.#ops.keys()].sort();
  }

  register(op: Op): void {
    if (!/^[a-z][a-z0-9_]{0,31}$/.test(op.name)) throw new GroveError('usage', `${JSON.stringify(op.name)} cannot name an operation: use a lower-case word.`);
    if (this.#ops.has(op.name)) throw new GroveError('usage', `There is an operation named ${op.name} already.`);
    this.#ops.set(op.name, op);
  }
}

/** Joins what is there; undefined when nothing is. */
export function joined(op: Op, states: readonly (State | undefined)[], call: Call): State | undefined {
  let total: State | undefined;
  for (const state of states) if (state) total = total ? op.merge(total, state, call) : state;
  return total;
}

/** Is it a state that so many machines could have made, and no larger than a state may be? */
export function isAcceptable(op: Op, state: State, machines: number, call: Call): boolean {
  if (state.numbers.length > STATE_NUMBERS_MAX || state.texts.length > STATE_TEXTS_MAX) return false;
  return state.numbers.every((value) => Number.isFinite(value)) && op.isSane(state, machines, call);
}

function withNumber(value: Value | undefined, make: (value: number) => State): State | undefined {
  return typeof value === 'number' ? make(value) : undefined;
}

function pairsOf({ numbers, texts }: State): [number, string][] {
  return texts.map((text, i) => [numbers[i] as number, text]);
}

function pairsState(pairs: readonly [number, string][]): State {
  return { numbers: pairs.map(([number]) => number), texts: pairs.map(([, text]) => text) };
}

function withinBytes(pairs: readonly [number, string][]): readonly [number, string][] {
  let bytes = 0;
  const end = pairs.findIndex(([, text]) => (bytes += utf8Bytes(text)) > ROWS_BYTES_MAX);
  return end < 0 ? pairs : pairs.slice(0, end);
}

function isPairs({ numbers, texts }: State, most: number): boolean {
  return numbers.length === texts.length && texts.length <= most;
}

function parsedPair(text: string): Json {
  const [peer, value] = parsed(text) ?? [];
  return typeof peer === 'string' && value !== undefined ? { peer, value: value as Json } : null;
}

function parsedRow(text: string): Json {
  const [peer, values] = parsed(text) ?? [];
  if (typeof peer !== 'string' || typeof values !== 'object' || values === null || Array.isArray(values)) return null;
  return { ...(values as { readonly [name: string]: Json }), peer };
}

/** Two elements, or undefined: what comes from another machine may be anything. */
function parsed(text: string): [unknown, unknown] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length === 2 ? [value[0], value[1]] : undefined;
  } catch {
    return undefined;
  }
}
