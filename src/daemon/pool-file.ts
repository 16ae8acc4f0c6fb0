/**
 * The pool that a state directory belongs to, in a file. Apart from state.ts, because `grove join` writes it when no peer
 * runs. It holds the pool's key, so only its owner can read it, and it is never overwritten by another pool's: the key
 * may exist nowhere else.
 */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { GroveError } from '../core/errors.ts';
import type { Pool } from './pool.ts';
import { poolFromJson, poolIdOf, poolToJson } from './pool.ts';
import { pathsIn, readText, writeSecret } from './state-files.ts';

/** Undefined if the directory belongs to no pool yet. Throws GroveError 'state' on a damaged file. */
export function readPool(directory: string): Pool | undefined {
  const file = pathsIn(directory).pool;
  const text = readText(file);
  if (text === undefined) return undefined;
  const pool = poolFromJson(text);
  if (pool !== undefined) return pool;
  throw new GroveError('state', `${file} is damaged: restore it from a backup, or move it away and join the pool again with an invite.`);
}

/** Another pool's file is kept beside, under that pool's id. */
export function replacePool(directory: string, pool: Pool): void {
  const { pool: file } = pathsIn(directory);
  const before = readPool(directory);
  if (before !== undefined && poolIdOf(before.key) !== poolIdOf(pool.key)) {
    renameSync(file, join(directory, `pool-${poolIdOf(before.key)}.json`));
  }
  writeSecret(file, poolToJson(pool));
}
