/**
 * What makes a pool: a secret key, and settings that all members must share because they shape the ring.
 *
 * The settings are chosen when the pool is created. Newcomers take them from the invite or, joining by address and key,
 * from the handshake; a flag that says otherwise is a mistake and refused, never silently ignored.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GroveError } from '../core/errors.ts';
import { poolKeysOf } from '../host/membership.ts';
import { POLLERS_MAX } from '../protocol/feed/feed.ts';
import type { ProtocolOptions, StrategyName } from '../protocol/options.ts';
import { DEFAULTS, STRATEGY_NAMES } from '../protocol/options.ts';
import type { PoolSettings as WireSettings } from '../protocol/wire/gen/grove/v1/invite_pb.ts';
import { PoolSettingsSchema } from '../protocol/wire/gen/grove/v1/invite_pb.ts';

export type PoolSettings = Pick<ProtocolOptions, 'strategy' | 'dimensions' | 'leafsetRadius' | 'replicas' | 'somoArity' | 'somoPeriodMs' | 'pollers'>;

export interface Pool {
  /** 32 secret bytes. */
  readonly key: Uint8Array;
  readonly settings: PoolSettings;
  /** Addresses of members that an invite named: tried whenever this peer is alone. */
  readonly introducers: readonly string[];
}

export const POOL_KEY_BYTES = 32;
export const INTRODUCERS_MAX = 16;
const DIMENSIONS_MAX = 8;
const LEAFSET_RADIUS_MAX = 16;
const REPLICAS_MAX = 16;
const ARITY_MIN = 2;
const ARITY_MAX = 64;
const PERIOD_MIN_MS = 1_000;
const PERIOD_MAX_MS = 3_600_000;
/** Small pools, and most are, can afford a report every few seconds. */
const PERIOD_MS = 5_000;
const ID_DIGITS = 16;

/** A pool of one, private because nobody else has its key. */
export function newPool(settings: Partial<PoolSettings>, key?: Uint8Array): Pool {
  const { strategy, dimensions, leafsetRadius, replicas, somoArity, pollers } = DEFAULTS;
  return {
    key: key ?? new Uint8Array(randomBytes(POOL_KEY_BYTES)),
    settings: checkedSettings({ strategy, dimensions, leafsetRadius, replicas, somoArity, somoPeriodMs: PERIOD_MS, pollers, ...settings }),
    introducers: [],
  };
}

/** Names a pool without giving its key away. */
export function poolIdOf(key: Uint8Array): string {
  return Buffer.from(poolKeysOf(key).poolId).toString('hex').slice(0, ID_DIGITS);
}

/** Throws GroveError 'usage' on values outside their bounds. */
export function checkedSettings(settings: PoolSettings): PoolSettings {
  const { strategy, dimensions, leafsetRadius, replicas, somoArity, somoPeriodMs, pollers } = settings;
  if (!STRATEGY_NAMES.includes(strategy)) {
    throw new GroveError('usage', `There is no routing strategy ${JSON.stringify(strategy)}: choose one of ${STRATEGY_NAMES.join(', ')}.`);
  }
  checkWithin('dimensions', dimensions, 1, DIMENSIONS_MAX);
  checkWithin('the leafset radius', leafsetRadius, 1, LEAFSET_RADIUS_MAX);
  checkWithin('the number of replicas', replicas, 1, REPLICAS_MAX);
  checkWithin("the metadata tree's arity", somoArity, ARITY_MIN, ARITY_MAX);
  checkWithin('the time between reports in ms', somoPeriodMs, PERIOD_MIN_MS, PERIOD_MAX_MS);
  checkWithin('the number of pollers of a feed', pollers, 1, POLLERS_MAX);
  return { strategy, dimensions, leafsetRadius, replicas, somoArity, somoPeriodMs, pollers };
}

function checkWithin(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new GroveError('usage', `${value} is out of range: ${what} must be a whole number from ${min} to ${max}.`);
}

/** Refuses wishes that differ from what the pool has. */
export function checkWishes(settings: PoolSettings, wishes: Partial<PoolSettings>): void {
  const flags = { strategy: '--routing', dimensions: '--dimensions', leafsetRadius: '--leafset', replicas: 'replicas', somoArity: '--arity', somoPeriodMs: '--report-seconds', pollers: '--pollers' } as const;
  for (const name of Object.keys(flags) as (keyof PoolSettings)[]) {
    const wish = wishes[name];
    if (wish === undefined || wish === settings[name]) continue;
    throw new GroveError('usage', `This pool was created with ${flags[name]} ${asFlag(name, settings[name])}, not ${asFlag(name, wish)}: leave ${flags[name]} out, or create another pool.`);
  }
}

function asFlag(name: keyof PoolSettings, value: string | number): string {
  return String(name === 'somoPeriodMs' ? Number(value) / 1_000 : value);
}

export function settingsToWire(settings: PoolSettings): WireSettings {
  return create(PoolSettingsSchema, settings);
}

/** Undefined on settings that no pool of this version can have. */
export function settingsFromWire(wire: WireSettings | undefined): PoolSettings | undefined {
  if (wire === undefined) return undefined;
  const { strategy, dimensions, leafsetRadius, replicas, somoArity, somoPeriodMs, pollers } = wire;
  try {
    return checkedSettings({ strategy: strategy as StrategyName, dimensions, leafsetRadius, replicas, somoArity, somoPeriodMs, pollers });
  } catch {
    return undefined;
  }
}

/** What a peer shows in the handshake. */
export function encodeSettings(settings: PoolSettings): Uint8Array {
  return toBinary(PoolSettingsSchema, settingsToWire(settings));
}

export function decodeSettings(bytes: Uint8Array): PoolSettings | undefined {
  try {
    return settingsFromWire(fromBinary(PoolSettingsSchema, bytes));
  } catch {
    return undefined;
  }
}

export function sameSettings(a: PoolSettings, b: PoolSettings): boolean {
  return (Object.keys(a) as (keyof PoolSettings)[]).every((name) => a[name] === b[name]);
}

/** `--pool-key FILE`: 32 bytes as they are, in hex or in base64. */
export function readPoolKey(file: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new GroveError('usage', `The pool key file ${file} cannot be read: check its path and owner.`, { cause: error });
  }
  const key = poolKeyFrom(bytes);
  if (key === undefined) {
    throw new GroveError('usage', `${file} holds no pool key: it must be 32 bytes, as they are, in hex (64 digits) or in base64.`);
  }
  return key;
}

export function poolKeyFrom(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === POOL_KEY_BYTES) return new Uint8Array(bytes);
  if (bytes.length > 256) return undefined;
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const decoded = new Uint8Array(Buffer.from(text, 'base64'));
  return decoded.length === POOL_KEY_BYTES ? decoded : undefined;
}

export function poolToJson(pool: Pool): string {
  const { key, settings, introducers } = pool;
  return `${JSON.stringify({ version: 1, key: Buffer.from(key).toString('hex'), settings, introducers }, undefined, 2)}\n`;
}

/** Undefined if the text is not what `poolToJson` wrote. */
export function poolFromJson(text: string): Pool | undefined {
  try {
    const { version, key, settings, introducers } = JSON.parse(text) as Record<string, unknown>;
    if (version !== 1 || typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key) || !Array.isArray(introducers)) return undefined;
    if (!introducers.every((address) => typeof address === 'string')) return undefined;
    return {
      key: new Uint8Array(Buffer.from(key, 'hex')),
      settings: checkedSettings(settings as PoolSettings),
      introducers: introducers.slice(0, INTRODUCERS_MAX),
    };
  } catch {
    return undefined;
  }
}
