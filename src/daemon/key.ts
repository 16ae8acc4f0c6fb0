/**
 * How people name objects: any text, hashed to its place on the circle; or the place itself, as `0x` and 40 hex digits.
 * Both the API and the commands read keys here, so a key means the same wherever it is typed.
 */
import { createHash } from 'node:crypto';
import { GroveError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import { parsePosition, positionFromBytes } from '../core/position.ts';
import { FIELD_NAME_MAX_BYTES } from '../protocol/overlay/limits.ts';

export const KEY_BYTES_MAX = 1_024;
/** Fields that begin with this belong to Grove itself (chunks.ts). */
export const OWN_FIELD_PREFIX = '#';
const POSITION_BYTES = 20;

/** The place of a key: the first 160 bits of SHA-256 over its UTF-8, unless it is given as digits. */
export function positionOfKey(key: string): Position {
  const digits = key.startsWith('0x') ? parsePosition(key.slice(2)) : undefined;
  if (digits !== undefined) return digits;
  if (key === '') throw new GroveError('usage', 'A key cannot be empty: give any text, or 0x and 40 hex digits.');
  const bytes = Buffer.byteLength(key);
  if (bytes > KEY_BYTES_MAX) {
    throw new GroveError('too-large', `This key has ${bytes} bytes and ${KEY_BYTES_MAX} are allowed: use a shorter one.`);
  }
  return positionFromBytes(new Uint8Array(createHash('sha256').update(key, 'utf8').digest().subarray(0, POSITION_BYTES)));
}

/** A position as a key that names it. */
export function keyOfPosition(position: Position): string {
  return `0x${position.hex}`;
}

export function checkField(field: string): string {
  if (field === '') throw new GroveError('usage', 'A field needs a name.');
  if (Buffer.byteLength(field) > FIELD_NAME_MAX_BYTES) {
    throw new GroveError('too-large', `A field's name has at most ${FIELD_NAME_MAX_BYTES} bytes: use a shorter one.`);
  }
  if (field.startsWith(OWN_FIELD_PREFIX)) {
    throw new GroveError('usage', `Field names that begin with ${OWN_FIELD_PREFIX} are reserved: choose another name.`);
  }
  return field;
}
