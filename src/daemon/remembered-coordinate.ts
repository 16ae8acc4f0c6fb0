/**
 * Where this peer sits in latency space, kept over a restart: the machine has not moved, and finding out takes minutes.
 * What cannot be read, or is of another kind than this version uses, is forgotten.
 */
import type { Store } from '../core/env.ts';
import { COORDINATE_DIMENSIONS } from '../protocol/local.ts';
import type { Coordinate } from '../protocol/wire/messages.ts';

const ENTRY = 'coordinate';
/** It may have moved after all: others are believed a little more than it until it has measured again. */
const RECALLED_ERROR_MIN = 0.3;

export function rememberCoordinate(store: Store, { vector, height, error }: Coordinate): void {
  if (error < 1) store.write(ENTRY, new TextEncoder().encode(JSON.stringify([...vector, height, error])));
}

export function recallCoordinate(store: Store): Coordinate | undefined {
  const bytes = store.read(ENTRY);
  if (bytes === undefined) return undefined;
  try {
    const list: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!Array.isArray(list) || list.length !== COORDINATE_DIMENSIONS + 2 || !list.every((value) => typeof value === 'number' && Number.isFinite(value))) return undefined;
    const numbers = (list as number[]).map(Math.fround);
    const [height, error] = numbers.slice(COORDINATE_DIMENSIONS) as [number, number];
    if (height < 0 || error <= 0) return undefined;
    return { vector: numbers.slice(0, COORDINATE_DIMENSIONS), height, error: Math.fround(Math.min(1, Math.max(RECALLED_ERROR_MIN, error))) };
  } catch {
    return undefined;
  }
}
