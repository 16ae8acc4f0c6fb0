/**
 * What one machine says of itself ([0062], [0086]): values under names, within limits.
 *
 * The fixed names and what they may hold are one table. Beyond it an operator may set numeric and text attributes of its
 * own. Whoever takes a report in, its own or another machine's, passes it through `clamped`: what cannot be true is pulled
 * to the limit or dropped and counted, so that no aggregate is ever poisoned by one machine.
 */
import { GroveError } from '../../core/errors.ts';
import { utf8Bytes } from '../wire/sizes.ts';

/** Lists are for coordinates and degree tables; nothing is summed over them. */
export type Value = number | string | readonly number[];
export type Report = ReadonlyMap<string, Value>;

interface NumberField {
  readonly kind: 'number';
  readonly id: number;
  readonly min: number;
  readonly max: number;
}

interface TextField {
  readonly kind: 'text';
  readonly id: number;
  readonly maxBytes: number;
}

interface ListField {
  readonly kind: 'list';
  readonly id: number;
  readonly maxItems: number;
  readonly min: number;
  readonly max: number;
}

export type FieldSpec = NumberField | TextField | ListField;

const PEBIBYTE = 2 ** 50;
const TERABIT = 1e12;
/** Links that one machine may hold at once, whatever it says. */
const DEGREE_MAX = 1_000;
const COORDINATE_MS_MAX = 100_000;

/** Units: bytes, bit/s, seconds; cpu.load is the busy share of all cores. Ids are on the wire: append only. */
export const FIELDS: ReadonlyMap<string, FieldSpec> = new Map<string, FieldSpec>([
  ['cpu.load', { kind: 'number', id: 1, min: 0, max: 1 }],
  ['cpu.cores', { kind: 'number', id: 2, min: 0, max: 65_536 }],
  ['mem.total', { kind: 'number', id: 3, min: 0, max: PEBIBYTE }],
  ['mem.free', { kind: 'number', id: 4, min: 0, max: PEBIBYTE }],
  ['disk.free', { kind: 'number', id: 5, min: 0, max: 1024 * PEBIBYTE }],
  ['net.up', { kind: 'number', id: 6, min: 0, max: TERABIT }],
  ['net.down', { kind: 'number', id: 7, min: 0, max: TERABIT }],
  // Vector in ms, then height in ms, then error as a share.
  ['coord', { kind: 'list', id: 8, maxItems: 10, min: -COORDINATE_MS_MAX, max: COORDINATE_MS_MAX }],
  ['addr', { kind: 'text', id: 9, maxBytes: 256 }],
  ['uptime', { kind: 'number', id: 10, min: 0, max: 2 ** 32 }],
  ['version', { kind: 'text', id: 11, maxBytes: 32 }],
  ['region', { kind: 'text', id: 12, maxBytes: 64 }],
  ['degree.bound', { kind: 'number', id: 13, min: 0, max: DEGREE_MAX }],
  // Degrees taken at priority 1, 2, 3 ([0093]).
  ['degree.table', { kind: 'list', id: 14, maxItems: 3, min: 0, max: DEGREE_MAX }],
  ['name', { kind: 'text', id: 15, maxBytes: 64 }],
  // What a machine is worth at the root ([0061]); said by those that would go there.
  ['capability', { kind: 'number', id: 16, min: 0, max: TERABIT }],
  // 40 hex digits, of a machine that has swapped positions; everybody else stands at the hash of its identity.
  ['position', { kind: 'text', id: 17, maxBytes: 40 }],
]);

const NAME_BY_ID: ReadonlyMap<number, string> = new Map([...FIELDS].map(([name, { id }]) => [id, name]));
const ATTRIBUTE_NAME = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/;
const ATTRIBUTE_NAME_MAX = 48;
/** Sums of a million of these stay exact to a unit. */
const ATTRIBUTE_NUMBER_MAX = 1e15;
const ATTRIBUTE_TEXT_BYTES_MAX = 128;
export const ATTRIBUTES_MAX = 32;
export const REPORT_BYTES_MAX = 4_096;
/** Words with a meaning of their own in predicates. */
const RESERVED = new Set(['true', 'false', 'null', 'in', 'has', 'size', 'type', 'dyn', 'int', 'uint', 'double', 'string', 'bool', 'bytes', 'list', 'map', 'timestamp', 'duration', 'peer']);

/** What was wrong with values of others, by kind: for the peer's counters. */
export interface Clamping {
  clamped: number;
  dropped: number;
}

export function fieldName(id: number): string | undefined {
  return NAME_BY_ID.get(id);
}

/** The number of a fixed name, 0 for an attribute. */
export function fieldId(name: string): number {
  return FIELDS.get(name)?.id ?? 0;
}

/** Least and largest value that a number under this name can have. */
export function limitsOf(name: string): { readonly min: number; readonly max: number } {
  const spec = FIELDS.get(name);
  return spec?.kind === 'number' ? spec : { min: -ATTRIBUTE_NUMBER_MAX, max: ATTRIBUTE_NUMBER_MAX };
}

export function isFieldName(name: string): boolean {
  return FIELDS.has(name) || isAttributeName(name);
}

/** Attributes may not begin like a fixed name, so that `cpu.lod` is a mistake and not an attribute nobody has. */
export function isAttributeName(name: string): boolean {
  if (name.length > ATTRIBUTE_NAME_MAX || !ATTRIBUTE_NAME.test(name)) return false;
  const first = firstPart(name);
  if (RESERVED.has(first)) return false;
  for (const fixed of FIELDS.keys()) if (firstPart(fixed) === first) return false;
  return true;
}

/** The value as this pool accepts it under the name, or undefined when nothing can be made of it. */
export function clampedValue(name: string, value: Value, counts: Clamping): Value | undefined {
  const kept = keep(name, value, counts);
  if (kept === undefined) counts.dropped++;
  return kept;
}

/** The report within all limits; the very same object when nothing had to change. */
export function clamped(report: Report, counts: Clamping): Report {
  const before = counts.clamped + counts.dropped;
  const kept = new Map<string, Value>();
  let attributes = 0;
  for (const [name, value] of report) {
    const isFixed = FIELDS.has(name);
    if (!isFixed && ++attributes > ATTRIBUTES_MAX) {
      counts.dropped++;
      continue;
    }
    const one = clampedValue(name, value, counts);
    if (one !== undefined) kept.set(name, one);
  }
  return counts.clamped + counts.dropped === before ? report : kept;
}

/** What an operator sets must fit as it is. Throws GroveError 'usage'. */
export function checkAttributes(attributes: Report): void {
  if (attributes.size > ATTRIBUTES_MAX) throw usage(`A peer has at most ${ATTRIBUTES_MAX} attributes of its own, not ${attributes.size}.`);
  const names = [...attributes.keys()];
  for (const [name, value] of attributes) {
    if (FIELDS.get(name)?.kind !== 'text' && !isAttributeName(name)) {
      throw usage(`${JSON.stringify(name)} cannot be the name of an attribute: use lower-case words joined by dots, like rack or gpu.count, that do not begin like a built-in name.`);
    }
    if (names.some((other) => other.startsWith(`${name}.`))) throw usage(`${name} cannot be an attribute and the beginning of another one.`);
    const counts = { clamped: 0, dropped: 0 };
    if (clampedValue(name, value, counts) !== value || counts.clamped > 0) throw usage(`${JSON.stringify(value)} does not fit under ${name}: numbers up to 1e15, text up to ${textLimit(name)} bytes.`);
  }
  const bytes = reportBytes(attributes);
  if (bytes > REPORT_BYTES_MAX / 2) throw usage(`The attributes have ${bytes} bytes, ${REPORT_BYTES_MAX / 2} are allowed.`);
}

/** Roughly what a report takes on the wire. */
export function reportBytes(report: Report): number {
  let bytes = 0;
  for (const [name, value] of report) {
    bytes += 4 + (fieldId(name) === 0 ? utf8Bytes(name) : 0);
    bytes += typeof value === 'number' ? 8 : typeof value === 'string' ? utf8Bytes(value) : 8 * value.length;
  }
  return bytes;
}

function keep(name: string, value: Value, counts: Clamping): Value | undefined {
  const spec = FIELDS.get(name);
  if (!spec && !isAttributeName(name)) return undefined;
  if (typeof value === 'number') {
    if (spec && spec.kind !== 'number') return undefined;
    const { min, max } = limitsOf(name);
    return within(value, min, max, counts);
  }
  if (typeof value === 'string') {
    if (spec && spec.kind !== 'text') return undefined;
    return utf8Bytes(value) <= textLimit(name) ? value : undefined;
  }
  if (spec?.kind !== 'list' || value.length > spec.maxItems) return undefined;
  const items = value.map((item) => within(item, spec.min, spec.max, counts));
  if (items.some((item) => item === undefined)) return undefined;
  return items.every((item, i) => item === value[i]) ? value : (items as number[]);
}

function within(value: number, min: number, max: number, counts: Clamping): number | undefined {
  if (Number.isNaN(value)) return undefined;
  if (value >= min && value <= max) return value;
  counts.clamped++;
  return value < min ? min : max;
}

function textLimit(name: string): number {
  const spec = FIELDS.get(name);
  return spec?.kind === 'text' ? spec.maxBytes : ATTRIBUTE_TEXT_BYTES_MAX;
}

function firstPart(name: string): string {
  return name.split('.', 1)[0] as string;
}

function usage(sentence: string): GroveError {
  return new GroveError('usage', sentence);
}
