/**
 * Availability traces from files, plain or gzipped.
 * Reading is kept apart from playing (churn-trace.ts), which must not touch files.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GroveError } from '../../core/errors.ts';
import type { ChurnTrace } from '../churn-trace.ts';
import { parseTrace } from '../churn-trace.ts';

/** A file of 600,000 sessions has 10 MB. */
const BYTES_MAX = 256 * 1024 * 1024;

export function readTrace(path: string): ChurnTrace {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new GroveError('usage', `Cannot read ${path}: check that it exists and is readable.`, { cause });
  }
  if (path.endsWith('.gz')) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: BYTES_MAX });
    } catch (cause) {
      throw new GroveError('usage', `${path} is not a gzip file, or is larger than 256 MiB unpacked.`, { cause });
    }
  }
  const trace = parseTrace(bytes.toString('utf8'), basename(path));
  if (typeof trace === 'string') throw new GroveError('usage', `${path} is not an availability trace: ${trace}.`);
  return trace;
}
