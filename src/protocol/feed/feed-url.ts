/**
 * One name for one feed: the canonical URL, and the key and id that are made from it.
 *
 * Two people who subscribe to the same feed must meet under one key, so what cannot change the answer is evened out
 * (case of scheme and host, the default port, an empty path, the fragment), and nothing else: a query stays as it is,
 * because some servers care about its order. Parsing a URL is the host's work (this layer has no `URL`). A feed that is
 * shared among friends only has a salted key, so that outsiders cannot look for it by guessing its URL.
 */
import type { Position } from '../../core/position.ts';
import { parsePosition } from '../../core/position.ts';
import { must } from '../../core/assert.ts';

export interface UrlParts {
  /** 'http' or 'https'. */
  readonly scheme: string;
  readonly username: string;
  readonly password: string;
  /** Lower case, without brackets. */
  readonly host: string;
  /** Empty for the scheme's own. */
  readonly port: string;
  /** Begins with '/'. */
  readonly path: string;
  /** With its '?', or empty. */
  readonly query: string;
}

export const URL_LENGTH_MAX = 2_048;
const ID_DIGITS = 16;
const POSITION_DIGITS = 40;

export function canonicalUrl({ scheme, username, password, host, port, path, query }: UrlParts): string {
  const login = username === '' && password === '' ? '' : `${username}${password === '' ? '' : `:${password}`}@`;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${login}${bracketed}${port === '' ? '' : `:${port}`}${path === '' ? '/' : path}${query === '?' ? '' : query}`;
}

/** `digest` is SHA-256 in hex; `salt` is empty except among friends. */
export function feedKey(canonical: string, salt: string, digest: (text: string) => string): Position {
  const hex = digest(salt === '' ? canonical : `${salt}\n${canonical}`);
  return must(parsePosition(hex.slice(0, POSITION_DIGITS)), 'a digest has 64 hex digits');
}

/** What local URLs say: never salted, so that a local URL survives a change of pool or scope. */
export function feedIdOf(canonical: string, digest: (text: string) => string): string {
  return digest(canonical).slice(0, ID_DIGITS);
}
