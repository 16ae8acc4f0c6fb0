/**
 * The partial report of one logical node: all about the machines whose positions lie in its region, as one value.
 *
 * Partials of disjoint regions merge; regions are disjoint by construction and a machine has one position, so no machine is
 * ever counted twice. On the wire a partial is told as the difference from the one told before; what arrives is checked
 * against what so many machines could say.
 */
import type { Millis } from '../../core/env.ts';
import { CIRCLE } from '../../core/position.ts';
import { compile } from '../pool/cel.ts';
import type { Call, Machine, Ops } from '../pool/ops.ts';
import { isAcceptable, joined } from '../pool/ops.ts';
import { checkedCall } from '../pool/query.ts';
import type { Clamping } from '../pool/report.ts';
import { fieldId, fieldName, isAttributeName } from '../pool/report.ts';
import type { State } from '../pool/state.ts';
import { sameState } from '../pool/state.ts';
import type { Summary } from '../pool/summary.ts';
import { EMPTY_SUMMARY, isSaneField, mergeSummaries, summaryOf } from '../pool/summary.ts';
import type { SomoField, SomoPartial, SomoTally } from '../wire/somo-messages.ts';
import type { Standing } from './standing.ts';
import { nodeOf, numberOf } from './tree.ts';
import type { LogicalNode, Region } from './tree.ts';

export interface Tally {
  /** Machines in its region that know the query, and leads of the circle that they cover: who has not heard of it is not counted. */
  readonly machines: number;
  readonly space: number;
  /** Of these, those that meet its condition. */
  readonly matched: number;
  readonly states: readonly (State | undefined)[];
}

export interface Partial {
  readonly machines: number;
  /** Leads of the circle that the zones of these machines cover. */
  readonly space: number;
  /** Host-monotonic instant of the oldest input. */
  readonly oldestAt: Millis;
  /** Hops to the deepest machine. */
  readonly height: number;
  /** Leads of the machines before the first and after the last of these: how far up this is all there is. */
  readonly before: number;
  readonly after: number;
  readonly summary: Summary;
  readonly tallies: ReadonlyMap<number, Tally>;
}

/** Of a query that no machine has heard of yet. */
export const UNHEARD: Tally = { machines: 0, space: 0, matched: 0, states: [] };
const NO_TALLIES: ReadonlyMap<number, Tally> = new Map();
/** Machines on a circle of 2^52 leads: nobody believes more. */
const MACHINES_MAX = 2 ** 31;
const AGE_MAX_MS = 2 ** 31;
const HEIGHT_MAX = 255;

/** Numbers of a state that can be left out one by one. */
const KEPT_MAX = 16;

/** What a logical node without machines says: its representative's link is alive. */
export function emptyPartial(now: Millis): Partial {
  return { machines: 0, space: 0, oldestAt: now, height: 0, before: 0, after: 0, summary: EMPTY_SUMMARY, tallies: NO_TALLIES };
}

export interface Own {
  readonly machine: Machine;
  readonly lead: number;
  readonly space: number;
  readonly sampledAt: Millis;
  /** Leads of the neighbours on the ring. */
  readonly before: number;
  readonly after: number;
}

/** What one machine says of itself. */
export function ownPartial({ machine, lead, space, sampledAt, before, after }: Own, standing: readonly Standing[], ops: Ops): Partial {
  const tallies = new Map<number, Tally>();
  for (const query of standing) {
    if (!holdsLead(query.region, lead)) continue;
    const matches = query.predicate.matches(machine.report);
    const states = query.calls.map((call) => (matches ? ops.find(call.op)?.init(machine, call) : undefined));
    tallies.set(query.id, { machines: 1, space, matched: matches ? 1 : 0, states });
  }
  return { machines: 1, space, oldestAt: sampledAt, height: 0, before, after, summary: summaryOf(machine.report), tallies };
}

/** The parts stand in the order of their regions. */
export function mergePartials(parts: readonly Partial[], standing: readonly Standing[], ops: Ops): Partial {
  if (parts.length === 1) return parts[0] as Partial;
  let machines = 0;
  let space = 0;
  let oldestAt = Infinity;
  let height = 0;
  for (const part of parts) {
    machines += part.machines;
    space += part.space;
    if (part.machines > 0) oldestAt = Math.min(oldestAt, part.oldestAt);
    height = Math.max(height, part.height);
  }
  if (oldestAt === Infinity) oldestAt = parts[0]?.oldestAt ?? 0;
  const { before } = parts[0] as Partial;
  const { after } = parts[parts.length - 1] as Partial;
  return { machines, space, oldestAt, height, before, after, summary: mergeSummaries(parts.map((part) => part.summary)), tallies: mergeTallies(parts, standing, ops) };
}

export function mergeStates(a: readonly (State | undefined)[], b: readonly (State | undefined)[], calls: readonly Call[], ops: Ops): (State | undefined)[] {
  return calls.map((call, i) => {
    const op = ops.find(call.op);
    return op && joined(op, [a[i], b[i]], call);
  });
}

export function holdsLead({ from, to }: Region, lead: number): boolean {
  return lead >= from && lead < to;
}

// --- on the wire ---

export function toWireNode(node: LogicalNode): { readonly high: number; readonly low: number } {
  const number = numberOf(node);
  return { high: Math.floor(number / 2 ** 32), low: number % 2 ** 32 };
}

export function fromWireNode({ high, low }: { readonly high: number; readonly low: number }): LogicalNode {
  return nodeOf(high * 2 ** 32 + low);
}

/** As the difference from what was told before, if anything was. */
export function toWire(node: LogicalNode, partial: Partial, before: Partial | undefined, now: Millis): SomoPartial {
  const same = before !== undefined && isSameExtent(before, partial);
  const fields: SomoField[] = [];
  for (const [name, state] of partial.summary) {
    const known = before?.summary.get(name);
    if (!sameState(state, known)) fields.push(fieldOf(name, state, known));
  }
  for (const name of before?.summary.keys() ?? []) if (!partial.summary.has(name)) fields.push(fieldOf(name, NOTHING));
  return {
    node: toWireNode(node), ageMs: ageOf(partial, now), fields, same,
    machines: same ? 0 : partial.machines, space: same ? 0 : partial.space / CIRCLE, height: same ? 0 : partial.height,
    before: same ? 0 : partial.before, after: same ? 0 : partial.after,
    // Results of queries change at nearly every period, and which of them are registered, too: told in full.
    tallies: [...partial.tallies].map(([query, tally]) => toWireTally(query, tally, partial)),
  };
}

/**
 * The partial that a message tells, given the one it is a difference from; undefined when it cannot be made out. What no
 * machine could have said is left out and counted.
 */
export function fromWire(wire: SomoPartial, before: Partial | undefined, now: Millis, standing: readonly Standing[], ops: Ops, counts: Clamping): Partial | undefined {
  if (wire.same && !before) return undefined;
  const extent = wire.same ? (before as Partial) : extentOf(wire);
  const { machines } = extent;
  const summary = new Map(before?.summary ?? EMPTY_SUMMARY);
  for (const field of wire.fields) {
    const name = field.id > 0 ? fieldName(field.id) : field.name;
    if (name === undefined || (field.id === 0 && !isAttributeName(name))) continue;
    const state = stateOf(field, before?.summary.get(name));
    if (!state) return undefined;
    if (state.numbers.length === 0) summary.delete(name);
    else if (isSaneField(name, state, machines)) summary.set(name, state);
    else {
      counts.dropped++;
      summary.delete(name);
    }
  }
  const tallies = new Map<number, Tally>();
  for (const tally of wire.tallies) {
    const query = standing.find(({ id }) => id === tally.query);
    if (query) tallies.set(query.id, talliedBy(query, tally, extent, ops, counts));
  }
  const { space, height, before: first, after } = extent;
  return { machines, space, oldestAt: now - Math.min(wire.ageMs, AGE_MAX_MS), height, before: first, after, summary, tallies };
}

/** Does it speak for the same machines, as far as can be told? */
export function isSameExtent(a: Partial, b: Partial): boolean {
  return a.machines === b.machines && a.space === b.space && a.height === b.height && a.before === b.before && a.after === b.after;
}

/** States as they came, those left out that so many machines cannot have made. */
export function checkedStates(states: readonly State[], calls: readonly Call[], machines: number, ops: Ops, counts: Clamping): (State | undefined)[] {
  return calls.map((call, i) => {
    const state = states[i];
    const op = ops.find(call.op);
    if (!op || !state || isNothing(state)) return undefined;
    if (isAcceptable(op, state, machines, call)) return state;
    counts.dropped++;
    return undefined;
  });
}

/** Undefined for anything that cannot be computed here. */
export function checkedCalls(calls: readonly Call[], ops: Ops): readonly Call[] | undefined {
  return calls.every((call) => checkedCall(call, ops)) ? calls : undefined;
}

/** A condition from another machine; undefined if it is none. */
export function checkedPredicate(where: string): ReturnType<typeof compile> | undefined {
  try {
    return compile(where);
  } catch {
    return undefined;
  }
}

export const NOTHING: State = { numbers: [], texts: [] };

export function isNothing({ numbers, texts }: State): boolean {
  return numbers.length === 0 && texts.length === 0;
}

export function ageOf(partial: Partial, now: Millis): number {
  return Math.min(AGE_MAX_MS, Math.max(0, Math.round(now - partial.oldestAt)));
}

function extentOf(wire: SomoPartial): Pick<Partial, 'machines' | 'space' | 'height' | 'before' | 'after'> {
  const lead = (value: number): number => Math.floor(Math.min(CIRCLE - 1, Math.max(0, value)));
  return {
    machines: Math.min(wire.machines, MACHINES_MAX), space: Math.round(Math.min(1, Math.max(0, wire.space)) * CIRCLE),
    height: Math.min(wire.height, HEIGHT_MAX), before: lead(wire.before), after: lead(wire.after),
  };
}

function toWireTally(query: number, { machines, space, matched, states }: Tally, partial: Partial): SomoTally {
  const isAll = machines === partial.machines && space === partial.space;
  return { query, matched, states: states.map((state) => state ?? NOTHING), machines: isAll ? 0 : machines, space: isAll ? 0 : space / CIRCLE };
}

function talliedBy(query: Standing, tally: SomoTally, extent: Pick<Partial, 'machines' | 'space'>, ops: Ops, counts: Clamping): Tally {
  const isAll = tally.machines === 0;
  const machines = isAll ? extent.machines : Math.min(tally.machines, extent.machines);
  const space = isAll ? extent.space : Math.min(extent.space, Math.round(Math.min(1, Math.max(0, tally.space)) * CIRCLE));
  return { machines, space, matched: Math.min(tally.matched, machines), states: checkedStates(tally.states, query.calls, machines, ops, counts) };
}

function mergeTallies(parts: readonly Partial[], standing: readonly Standing[], ops: Ops): ReadonlyMap<number, Tally> {
  if (standing.length === 0) return NO_TALLIES;
  const merged = new Map<number, Tally>();
  for (const { id, calls } of standing) {
    let total: Tally | undefined;
    for (const { tallies } of parts) {
      const tally = tallies.get(id);
      if (tally) total = total ? mergedTally(total, tally, calls, ops) : tally;
    }
    if (total) merged.set(id, total);
  }
  return merged;
}

function mergedTally(a: Tally, b: Tally, calls: readonly Call[], ops: Ops): Tally {
  return { machines: a.machines + b.machines, space: a.space + b.space, matched: a.matched + b.matched, states: mergeStates(a.states, b.states, calls, ops) };
}

/** Of numbers only those that differ from what was told before. */
function fieldOf(name: string, { numbers, texts }: State, before?: State): SomoField {
  const id = fieldId(name);
  const isAlike = before?.numbers.length === numbers.length && texts.length === 0 && before.texts.length === 0 && numbers.length <= KEPT_MAX;
  const isKept = (i: number): boolean => isAlike && Object.is(numbers[i], before.numbers[i]);
  const kept = isAlike ? numbers.reduce((mask, _, i) => (isKept(i) ? mask | (1 << i) : mask), 0) : 0;
  return { id, name: id === 0 ? name : '', numbers: kept === 0 ? numbers : numbers.filter((_, i) => !isKept(i)), texts, kept };
}

/** The state that a field tells; undefined when what it leaves out was never told. */
function stateOf({ numbers, texts, kept }: SomoField, before: State | undefined): State | undefined {
  if (kept === 0) return { numbers, texts };
  const told = [...numbers];
  const all = before?.numbers.map((number, i) => ((kept & (1 << i)) !== 0 ? number : told.shift()));
  return all === undefined || told.length > 0 || all.includes(undefined) ? undefined : { numbers: all as number[], texts };
}
