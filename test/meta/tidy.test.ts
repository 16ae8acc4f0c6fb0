// House rules that neither the compiler nor the linter can see. Each test lists every offender, so that one run is
// enough to put things right.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const LINES_MAX = 600;
const OPENING_LINES_MIN = 2;

type Source = { readonly path: string; readonly text: string };

const sources = ['src', 'test', 'bench', 'experiments', 'bin', 'scripts'].flatMap(readSources);
const inSrc = sources.filter((source) => source.path.startsWith('src/'));

test('no file is longer than 600 lines', () => {
  const long = sources.filter((source) => source.text.split('\n').length - 1 > LINES_MAX);
  assert.deepEqual(pathsOf(long), []);
});

test('every file of src opens with a comment of at least two lines that says what it is for', () => {
  assert.deepEqual(pathsOf(inSrc.filter((source) => openingLines(source.text) < OPENING_LINES_MIN)), []);
});

test('what is left for later gives its reason in parentheses', () => {
  // Put together here so that this file does not find itself.
  const unexplained = new RegExp(`\\b(?:${['TO', 'FIX'].map((word, i) => word + ['DO', 'ME'][i]).join('|')})\\b(?!\\([^)]+\\))`);
  assert.deepEqual(pathsOf(sources.filter((source) => unexplained.test(source.text))), []);
});

test('no test runs alone and none is left out', () => {
  const marked = /\.(?:only|skip|todo)\s*\(|\b(?:only|skip|todo):\s*true\b/;
  const tests = sources.filter((source) => source.path.startsWith('test/'));
  assert.deepEqual(pathsOf(tests.filter((source) => marked.test(source.text))), []);
});

test('package-lock.json names no server: everybody installs from the registry that npm is set up for', () => {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  assert.deepEqual([...lock.matchAll(/"resolved": "([a-z+]+:\/\/[^"]*)"/g)].map((match) => match[1]), []);
});

test('everything that package.json exports is built from a source', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: Record<string, Record<string, string>> };
  const targets = Object.values(exports).flatMap((entry) => Object.values(entry));
  const sourceOf = (target: string): string => target.replace('./dist/', 'src/').replace(/(?:\.d\.ts|\.js)$/, '.ts');
  assert.deepEqual(targets.filter((target) => !existsSync(join(ROOT, sourceOf(target)))), []);
});

test('the simulator and the real host never import each other', () => {
  assert.deepEqual([...importsBetween('sim', 'host'), ...importsBetween('host', 'sim')], []);
});

test('core imports no other layer, and protocol only core', () => {
  const upper = ['sim', 'host', 'daemon', 'api', 'cli', 'web'];
  assert.deepEqual(['protocol', ...upper].flatMap((layer) => importsBetween('core', layer)), []);
  assert.deepEqual(upper.flatMap((layer) => importsBetween('protocol', layer)), []);
});

function readSources(directory: string): Source[] {
  const base = join(ROOT, directory);
  if (!existsSync(base)) return [];
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|tsx|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
    .filter((source) => !source.path.startsWith('src/protocol/wire/gen/'))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function pathsOf(found: readonly Source[]): string[] {
  return found.map((source) => source.path);
}

/** How many lines the comment at the top has; the line that names an interpreter does not count. */
function openingLines(text: string): number {
  const body = text.replace(/^#!.*\n/, '');
  const block = /^\/\*[\s\S]*?\*\//.exec(body);
  if (block) return block[0].split('\n').filter((line) => /[\p{L}\p{N}]/u.test(line)).length;
  return /^(?:\/\/.*\n)*/.exec(body)?.[0].split('\n').filter((line) => line.length > 2).length ?? 0;
}

/** "file -> imported" for every import in layer `from` that resolves into layer `to`. */
function importsBetween(from: string, to: string): string[] {
  return inSrc
    .filter((source) => source.path.startsWith(`src/${from}/`))
    .flatMap((source) => {
      const specifiers = [...source.text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]/g)];
      return specifiers
        .map((match) => relative(ROOT, join(ROOT, dirname(source.path), String(match[1]))).split(sep).join('/'))
        .filter((target) => target.startsWith(`src/${to}/`))
        .map((target) => `${source.path} -> ${target}`);
    });
}
