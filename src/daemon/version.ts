/**
 * The version of this package: read from package.json, which is two directories up both in a checkout and when installed.
 * There is no second place that would have to be kept in step with it.
 */
import { readFileSync } from 'node:fs';

export function groveVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return manifest.version;
}
