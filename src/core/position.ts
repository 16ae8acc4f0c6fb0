/**
 * The circle of 160-bit positions ([0041]): comparison, clockwise distance and zones.
 *
 * A position keeps its leading 52 bits as an integer in a double, on which all arithmetic is exact and about forty times
 * cheaper than on BigInt, and its full value as 40 hex digits, which break ties. Nothing here rounds: two positions with
 * equal leading bits are ordered by their digits, and only distances (estimates, proximity on the circle) ignore them.
 */
import { assert } from './assert.ts';

/** Length of the circle in units of the leading 52 bits. */
export const CIRCLE = 2 ** 52;
const LEAD_DIGITS = 13;
const HEX_DIGITS = 40;

export interface Position {
  /** The leading 52 bits: an integer, 0 <= lead < 2^52. */
  readonly lead: number;
  /** All 160 bits as 40 lower-case hex digits. */
  readonly hex: string;
}

const HEX = /^[0-9a-f]{40}$/;

/** Reads 40 hex digits (either case). Returns undefined on anything else. */
export function parsePosition(text: string): Position | undefined {
  const hex = text.toLowerCase();
  return HEX.test(hex) ? { lead: parseInt(hex.slice(0, LEAD_DIGITS), 16), hex } : undefined;
}

export function positionFromBytes(bytes: Uint8Array): Position {
  assert(bytes.length === 20, 'a position has 20 bytes');
  let hex = '';
  for (const byte of bytes) hex += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
  return { lead: parseInt(hex.slice(0, LEAD_DIGITS), 16), hex };
}

export function positionToBytes(position: Position): Uint8Array {
  const bytes = new Uint8Array(20);
  for (let i = 0; i < 20; i++) bytes[i] = parseInt(position.hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The position whose leading bits are `lead` and whose 108 further bits are `tail` (up to 27 hex digits, zero padded). */
export function positionFromLead(lead: number, tail = ''): Position {
  assert(Number.isInteger(lead) && lead >= 0 && lead < CIRCLE, 'lead is a 52-bit integer');
  const head = lead.toString(16).padStart(LEAD_DIGITS, '0');
  return { lead, hex: (head + tail).padEnd(HEX_DIGITS, '0').slice(0, HEX_DIGITS) };
}

/** Four bits of the position, `index` 0 being the most significant digit. */
export function digitAt(position: Position, index: number): number {
  return parseInt(position.hex.charAt(index), 16);
}

/** How many leading hex digits two positions share, 0..40. */
export function sharedDigits(a: Position, b: Position): number {
  let shared = 0;
  while (shared < HEX_DIGITS && a.hex.charCodeAt(shared) === b.hex.charCodeAt(shared)) shared++;
  return shared;
}

/** Order on the line 0..2^160, full precision: negative, zero or positive. */
export function comparePositions(a: Position, b: Position): number {
  if (a.lead !== b.lead) return a.lead < b.lead ? -1 : 1;
  if (a.hex === b.hex) return 0;
  return a.hex < b.hex ? -1 : 1;
}

/** Leading-bit distance going clockwise (towards larger positions, wrapping) from `from` to `to`. */
export function clockwise(from: number, to: number): number {
  const distance = to - from;
  return distance < 0 ? distance + CIRCLE : distance;
}

/** The shorter way round between two leads. */
export function circleDistance(a: number, b: number): number {
  const distance = clockwise(a, b);
  return distance > CIRCLE / 2 ? CIRCLE - distance : distance;
}

/**
 * Is `x` in the half-open arc `(from, to]`, going clockwise? The zone of a peer is `(pred, self]` ([0041]). When both
 * ends are one position the arc is the whole circle: a peer alone owns everything.
 */
export function inArc(x: Position, from: Position, to: Position): boolean {
  const ends = comparePositions(from, to);
  if (ends === 0) return true;
  const afterFrom = comparePositions(x, from) > 0;
  const upToTo = comparePositions(x, to) <= 0;
  return ends < 0 ? afterFrom && upToTo : afterFrom || upToTo;
}

/** Order of `a` and `b` as met when walking clockwise from just after `start`: negative when `a` comes first. */
export function compareClockwise(start: Position, a: Position, b: Position): number {
  const aWraps = comparePositions(a, start) <= 0;
  const bWraps = comparePositions(b, start) <= 0;
  if (aWraps !== bWraps) return aWraps ? 1 : -1;
  return comparePositions(a, b);
}
