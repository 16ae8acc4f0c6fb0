/**
 * The configuration: what somebody would otherwise repeat as flags of `grove up`, in TOML. There may be a file for the machine, one for
 * the user (`$XDG_CONFIG_HOME/grove/config.toml`) and one for the directory in which a peer is started (`grove.toml`). The nearer one wins, the
 * environment (`GROVE_API`) wins over all of them, and a flag over the environment; all that key by key.
 *
 * Its keys are the flags' names, so there is nothing to learn twice. Secrets do not belong in it: an invite is read from the
 * file that `join-file` names. Whatever is wrong is said with the place, and nothing starts half configured.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { GroveError } from '../core/errors.ts';
import { CONTACT, CONTACT_FORM, durationMs, rateBps } from './command.ts';

const whole = (min: number, max: number): z.ZodNumber => z.number().int().min(min).max(max);
const text = z.string().min(1);
const rate = text.regex(/^\d+(\.\d+)?(kbit|mbit|gbit)$/, 'must be a rate like 500kbit, 10mbit or 1gbit');
const duration = text.regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a duration like 90s, 10m, 6h or 1d');

/** Every key, as in the file. */
const Config = z.strictObject({
  listen: z.array(text).optional(),
  api: text.optional(),
  socket: text.optional(),
  readers: text.optional(),
  'readers-url': text.optional(),
  miniflux: text.optional(),
  'miniflux-token-file': text.optional(),
  'join-file': text.optional(),
  name: text.optional(),
  degree: whole(0, 1_000).optional(),
  casts: z.strictObject({ help: z.boolean().optional(), up: rate.optional(), 'gb-month': z.number().min(0.001).max(1e6).optional(), sessions: whole(1, 60).optional() }).optional(),
  metered: z.boolean().optional(),
  promote: z.boolean().optional(),
  capability: text.optional(),
  'pool-key': text.optional(),
  attributes: z.record(text, z.union([z.string(), z.number()])).optional(),
  pool: z
    .strictObject({ routing: z.enum(['leafset', 'chord', 'pastry', 'can']).optional(), dimensions: whole(1, 8).optional(), leafset: whole(1, 16).optional(), arity: whole(2, 64).optional(), 'report-seconds': whole(1, 3_600).optional(), pollers: whole(1, 16).optional() })
    .optional(),
  feeds: z.strictObject({ list: text.optional(), 'default-max-staleness': duration.optional(), 'allow-private-networks': z.boolean().optional(), contact: text.regex(CONTACT, CONTACT_FORM).optional() }).optional(),
});

type Config = z.infer<typeof Config>;

export interface ConfigFault {
  readonly line: number | undefined;
  readonly says: string;
}

/** What the XDG rules give; a relative path there is to be ignored. */
export function configFile(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment['XDG_CONFIG_HOME'];
  return base !== undefined && base.startsWith('/') ? join(base, 'grove', 'config.toml') : join(homedir(), '.config', 'grove', 'config.toml');
}

/** Those that there are, the one that wins last. */
export function configFiles(environment: NodeJS.ProcessEnv = process.env, directory = process.cwd()): readonly string[] {
  const system = (environment['XDG_CONFIG_DIRS'] ?? '/etc/xdg').split(':').filter((base) => base.startsWith('/')).toReversed();
  const files = [...system.map((base) => join(base, 'grove', 'config.toml')), configFile(environment)].filter((file) => existsSync(file));
  const project = resolve(directory, 'grove.toml');
  return isOurs(project) ? [...files, project] : files;
}

/** A directory may be anybody's: a file of somebody else in it decides nothing. */
function isOurs(file: string): boolean {
  const owner = statSync(file, { throwIfNoEntry: false })?.uid;
  return owner !== undefined && (process.getuid === undefined || owner === process.getuid());
}

/** Every fault of a configuration; none means that it can be used. */
export function checkConfig(toml: string): { readonly faults: readonly ConfigFault[]; readonly config: Config } {
  let value: unknown;
  try {
    value = parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { faults: [{ line: error.line, says: (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '') }], config: {} };
  }
  const { success, data, error } = Config.safeParse(value);
  if (success) return { faults: [], config: data };
  const faults = error.issues.flatMap((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return keys.map((path) => ({ line: lineOf(toml, path.map(String)), says: `${path.join('.')}: ${issue.code === 'unrecognized_keys' ? 'there is no such key' : issue.message}` }));
  });
  return { faults, config: {} };
}

/**
 * The values as the options of `grove up` have them, of one file or of all that there are. Throws GroveError 'usage' on the first fault.
 */
export function readConfig(file: string | undefined): Readonly<Record<string, unknown>> {
  const files = file === undefined ? configFiles() : [file];
  return Object.assign({}, ...files.map(optionsIn)) as Readonly<Record<string, unknown>>;
}

function optionsIn(path: string): Readonly<Record<string, unknown>> {
  const { faults, config } = checkConfig(readConfigFile(path));
  const [fault] = faults;
  if (fault !== undefined) throw new GroveError('usage', `${path}${fault.line === undefined ? '' : `, line ${fault.line}`}: ${fault.says}. Check it with \`grove config check\`.`);
  return optionsOf(config);
}

export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new GroveError('usage', `The configuration ${path} cannot be read: check its path and owner.`, { cause: error });
  }
}

function optionsOf({ 'join-file': joinFile, attributes, pool = {}, feeds = {}, casts = {}, 'pool-key': poolKey, 'readers-url': readersUrl, 'miniflux-token-file': minifluxTokenFile, ...rest }: Config): Readonly<Record<string, unknown>> {
  const { 'report-seconds': reportSeconds, ...shape } = pool;
  const staleness = feeds['default-max-staleness'];
  const options = {
    ...rest,
    ...shape,
    poolKey,
    readersUrl,
    minifluxTokenFile,
    reportSeconds,
    join: joinFile === undefined ? undefined : readConfigFile(joinFile).split(/\s+/).filter((line) => line !== ''),
    attribute: attributes === undefined ? undefined : Object.entries(attributes).map(([name, value]) => `${name}=${value}`),
    helpCasts: casts.help,
    castUp: casts.up === undefined ? undefined : rateBps(casts.up),
    castGbMonth: casts['gb-month'],
    castSessions: casts.sessions,
    feeds: feeds.list,
    defaultMaxStaleness: staleness === undefined ? undefined : durationMs(staleness),
    allowPrivateNetworks: feeds['allow-private-networks'],
    contact: feeds.contact,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Where a key is set, as far as that can be told without a parser of our own. */
function lineOf(toml: string, path: readonly string[]): number | undefined {
  const lines = toml.split('\n');
  const key = path.at(-1)?.replace(/[^\w-]/g, '.') ?? '';
  const table = path.length > 1 ? lines.findIndex((line) => new RegExp(`^\\s*\\[\\s*${path[0]}\\s*\\]`).test(line)) : -1;
  const from = Math.max(0, table);
  const found = lines.findIndex((line, i) => i >= from && new RegExp(`^\\s*(?:\\[\\s*)?["']?(?:[\\w-]+\\.)?${key}["']?\\s*(?:=|\\])`).test(line));
  return found < 0 ? (table < 0 ? undefined : table + 1) : found + 1;
}
