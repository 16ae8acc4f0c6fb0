// What the compiler cannot say. The protocol is told the time, draws from seeded randomness and never waits, so that
// one seed gives one run; types keep out `setTimeout`, `process` and other layers, these rules keep out the rest:
// dates, promises, unseeded randomness and packages. Sizes are limited because a file has to fit in a head.
import tseslint from 'typescript-eslint';

const PURE = ['src/core/**/*.ts', 'src/protocol/**/*.ts'];
const SIM = ['src/sim/**/*.ts'];
/** Where the simulator touches files, worker threads and the command line. */
const SIM_EDGE = ['src/sim/edge/**/*.ts'];
const ASYNC_LAYERS = ['host', 'daemon', 'api', 'cli'].map((layer) => `src/${layer}/**/*.ts`);

const notHere = (name) => ({ name, message: 'Not in core, protocol or sim: one seed has to give one run.' });
const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestAnimationFrame'];
const clocks = ['Date', 'performance', 'Intl'];
const asynchrony = ['Promise', 'AsyncFunction', 'Atomics', 'WeakRef', 'FinalizationRegistry'];
const outside = ['globalThis', 'process', 'console', 'fetch', 'crypto', 'require'];

const deterministic = {
  'no-restricted-globals': ['error', ...[...timers, ...clocks, ...asynchrony, ...outside].map(notHere)],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'Draw from the seeded generator in core/random.' },
    { property: 'localeCompare', message: 'Depends on the machine; compare with < and >.' },
    { property: 'toLocaleString', message: 'Depends on the machine.' },
  ],
  'no-restricted-syntax': [
    'error',
    { selector: ':function[async=true]', message: 'Nothing waits here: async lives in host, daemon, api and cli.' },
    { selector: 'AwaitExpression', message: 'Nothing waits here: async lives in host, daemon, api and cli.' },
    { selector: 'ForOfStatement[await=true]', message: 'Nothing waits here.' },
    { selector: 'ImportExpression', message: 'Import at the top of the file.' },
  ],
};

/** Relative imports, and of packages only those that `allowed` names. */
const imports = (allowed, message) => {
  const names = allowed.map((name) => `${name}(?:/|$)`);
  const regex = `^(?!${['\\.{1,2}/', ...names].join('|')})`;
  return { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ regex, message }] }] };
};

export default tseslint.config(
  { ignores: ['dist/', '.tsbuild/', 'node_modules/', 'src/protocol/wire/gen/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 600 }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'experiments/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  { files: ASYNC_LAYERS, rules: { '@typescript-eslint/no-floating-promises': 'error' } },
  { files: [...PURE, ...SIM], ignores: SIM_EDGE, rules: deterministic },
  { files: ['src/core/**/*.ts'], rules: imports(['pure-rand'], 'core imports nothing but pure-rand.') },
  { files: ['src/protocol/**/*.ts'], rules: imports([], 'protocol imports no packages, except in wire/ and pool/cel.ts.') },
  {
    files: ['src/protocol/pool/cel.ts'],
    rules: imports(['@marcbachmann/cel-js'], 'protocol/pool/cel.ts imports nothing but the CEL package.'),
  },
  {
    files: ['src/protocol/wire/**/*.ts'],
    rules: imports(['@bufbuild/protobuf'], 'protocol/wire imports nothing but @bufbuild/protobuf.'),
  },
  {
    files: SIM,
    ignores: SIM_EDGE,
    rules: imports(['pure-rand', 'simple-statistics'], 'sim imports no I/O, except in sim/edge/.'),
  },
  { files: ['test/**', 'bench/**'], rules: { 'max-lines-per-function': 'off' } },
);
