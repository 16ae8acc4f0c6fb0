/**
 * The version of this package: read from package.json, which is two directories up both in a checkout and when installed.
 * There is no second place that would have to be kept in step with it.
 */
import { readFileSync } from 'node:fs';

export function groveVersion(): string {
  return manifest().version;
}

/** Where an origin's operator reads what it is that fetches the feed. */
export function groveContact(): string {
  const { name, homepage } = manifest();
  return homepage ?? `https://www.npmjs.com/package/${name}`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly homepage?: string;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;
}
