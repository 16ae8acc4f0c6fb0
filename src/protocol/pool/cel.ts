/**
 * Conditions in CEL, the Common Expression Language: `region == "eu" && cpu.load < 0.5`.
 *
 * The one file of the protocol that imports the CEL package (docs/decisions/0009-dependencies.md). Field names and types are
 * declared to it, so that a misspelt field or a text compared with a number is refused before it travels. Conditions come
 * from other machines too: they are short and shallow, and `matches` is refused, because a regular expression can be made to
 * run for minutes.
 */
import { Environment } from '@marcbachmann/cel-js';
import { GroveError } from '../../core/errors.ts';
import { utf8Bytes } from '../wire/sizes.ts';
import type { Comparison, Condition, Predicate } from './predicate.ts';
import { EVERYBODY, nested, outcomesOf, PREDICATE_BYTES_MAX } from './predicate.ts';
import type { Report } from './report.ts';
import { FIELDS } from './report.ts';

const LIMITS = { maxAstNodes: 256, maxDepth: 24, maxListElements: 64, maxMapEntries: 16, maxCallArguments: 8 } as const;
const TYPES = { number: 'double', text: 'string', list: 'list<double>' } as const;
/** Compiled conditions that are kept; the oldest goes first. */
const KEPT_MAX = 128;
const REFUSED_CALLS = new Set(['matches', 'map', 'filter', 'all', 'exists', 'exists_one']);
const FLIPPED: Readonly<Record<Comparison, Comparison>> = { '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

const MIXED: readonly (readonly [string, (a: number, b: number) => number | boolean])[] = [
  ['==', (a, b) => a === b], ['+', (a, b) => a + b], ['-', (a, b) => a - b], ['*', (a, b) => a * b], ['/', (a, b) => a / b],
];

interface Ast {
  readonly op: string;
  readonly args: unknown;
}

const environment = declared();
const kept = new Map<string, Predicate>();

/** Throws GroveError 'usage' on what is no condition. The empty text is true for everybody. */
export function compile(text: string): Predicate {
  if (text.trim() === '') return EVERYBODY;
  const known = kept.get(text);
  if (known) return known;
  if (utf8Bytes(text) > PREDICATE_BYTES_MAX) throw new GroveError('usage', `A condition has at most ${PREDICATE_BYTES_MAX} bytes.`);
  const predicate = build(text);
  kept.set(text, predicate);
  if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value as string);
  return predicate;
}

/** A number over one machine's own report, like `min(net.up, net.down)` written out; throws GroveError 'usage' on anything else. */
export function compileNumber(text: string): (report: Report) => number | undefined {
  if (utf8Bytes(text) > PREDICATE_BYTES_MAX) throw new GroveError('usage', `An expression has at most ${PREDICATE_BYTES_MAX} bytes.`);
  const checked = environment.check(text);
  if (!checked.valid) throw mistake(text, checked.error?.message);
  if (!['double', 'int', 'dyn'].includes(String(checked.type))) throw mistake(text, `its value is of type ${String(checked.type)}, not a number`);
  const program = environment.parse(text);
  refuseCostly(text, program.ast as unknown as Ast);
  return (report) => {
    try {
      const value: unknown = program(nested(report));
      const number = typeof value === 'bigint' ? Number(value) : value;
      return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
    } catch {
      return undefined; // the machine lacks a value
    }
  };
}

function build(text: string): Predicate {
  const checked = environment.check(text);
  if (!checked.valid) throw mistake(text, checked.error?.message);
  if (checked.type !== 'bool' && checked.type !== 'dyn') throw mistake(text, `its value is of type ${String(checked.type)}, not true or false`);
  const program = environment.parse(text);
  const ast = program.ast as unknown as Ast;
  refuseCostly(text, ast);
  const condition = conditionOf(ast);
  // A report is asked many questions, and stays the same until it is made anew.
  let lastReport: Report | undefined;
  let lastContext: Record<string, unknown> = {};
  return {
    text,
    matches: (report) => {
      if (report !== lastReport) {
        lastReport = report;
        lastContext = nested(report);
      }
      return holds(program, lastContext);
    },
    couldMatch: (summary) => outcomesOf(condition, summary).yes,
  };
}

function holds(program: (context: Record<string, unknown>) => unknown, context: Record<string, unknown>): boolean {
  try {
    return program(context) === true;
  } catch {
    // The machine lacks a value, or has one of another type.
    return false;
  }
}

function declared(): Environment {
  const groups = new Map<string, Record<string, string>>();
  const single = new Map<string, string>();
  for (const [name, { kind }] of FIELDS) {
    const [first, second] = name.split('.') as [string, string | undefined];
    if (second === undefined) single.set(first, TYPES[kind]);
    else groups.set(first, { ...groups.get(first), [second]: TYPES[kind] });
  }
  const made = new Environment({ unlistedVariablesAreDyn: true, limits: LIMITS });
  // All numbers of a report are doubles, and people write `cpu.cores == 4`.
  for (const [by, compute] of MIXED) {
    made.registerOperator(`double ${by} int`, (a: number, b: bigint) => compute(a, Number(b)));
    if (by !== '==') made.registerOperator(`int ${by} double`, (a: bigint, b: number) => compute(Number(a), b));
  }
  for (const [name, schema] of groups) made.registerVariable({ name, schema });
  for (const [name, type] of single) made.registerVariable(name, type);
  return made;
}

/** What of the condition can be reasoned about without a machine at hand. */
function conditionOf(ast: Ast): Condition {
  switch (ast.op) {
    case 'value': return typeof ast.args === 'boolean' ? { kind: 'constant', value: ast.args } : { kind: 'unknown' };
    case '!_': return { kind: 'not', of: conditionOf(ast.args as Ast) };
    case '&&':
    case '||': {
      const [left, right] = ast.args as [Ast, Ast];
      return { kind: ast.op === '&&' ? 'and' : 'or', left: conditionOf(left), right: conditionOf(right) };
    }
    case '==': case '!=': case '<': case '<=': case '>': case '>=': return comparison(ast.op, ast.args as [Ast, Ast]);
    case 'in': return membership(ast.args as [Ast, Ast]);
    default: return { kind: 'unknown' };
  }
}

function comparison(by: Comparison, [left, right]: [Ast, Ast]): Condition {
  const [leftField, rightField] = [fieldOf(left), fieldOf(right)];
  const [leftValue, rightValue] = [literalOf(left), literalOf(right)];
  if (leftField !== undefined && rightValue !== undefined) return { kind: 'compare', field: leftField, by, with: rightValue };
  if (rightField !== undefined && leftValue !== undefined) return { kind: 'compare', field: rightField, by: FLIPPED[by], with: leftValue };
  return { kind: 'unknown' };
}

/** `field in ["a", "b"]` is one comparison or the other. */
function membership([left, right]: [Ast, Ast]): Condition {
  const field = fieldOf(left);
  if (field === undefined || right.op !== 'list') return { kind: 'unknown' };
  let any: Condition = { kind: 'constant', value: false };
  for (const item of right.args as readonly Ast[]) {
    const value = literalOf(item);
    if (value === undefined) return { kind: 'unknown' };
    any = { kind: 'or', left: any, right: { kind: 'compare', field, by: '==', with: value } };
  }
  return any;
}

function fieldOf(ast: Ast): string | undefined {
  if (ast.op === 'id') return ast.args as string;
  if (ast.op !== '.') return undefined;
  const [of, name] = ast.args as [Ast, string];
  const first = fieldOf(of);
  return first === undefined ? undefined : `${first}.${name}`;
}

function literalOf(ast: Ast): number | string | undefined {
  if (ast.op === '-_') {
    const value = literalOf(ast.args as Ast);
    return typeof value === 'number' ? -value : undefined;
  }
  if (ast.op !== 'value') return undefined;
  if (typeof ast.args === 'bigint') return Number(ast.args);
  return typeof ast.args === 'number' || typeof ast.args === 'string' ? ast.args : undefined;
}

function refuseCostly(text: string, ast: unknown): void {
  if (Array.isArray(ast)) {
    for (const item of ast) refuseCostly(text, item);
    return;
  }
  if (typeof ast !== 'object' || ast === null || !('op' in ast)) return;
  const { op, args } = ast as Ast;
  const name = (op === 'call' || op === 'rcall') && Array.isArray(args) ? String(args[0]) : '';
  if (REFUSED_CALLS.has(name)) throw mistake(text, `${name} is not available here`);
  refuseCostly(text, args);
}

function mistake(text: string, why = 'it cannot be read'): GroveError {
  return new GroveError('usage', `The condition ${JSON.stringify(text)} is wrong: ${(why.split('\n', 1)[0] as string).replace(/\.$/, '')}.`);
}
