/**
 * The guard that keeps private feeds out of the pool (ecosystem 4.4): one leak of a paid feed would end the project.
 *
 * It looks at the URL, at the answer and at the document, and says in plain words why a feed stays on this machine. Secrets
 * in URLs are recognised by the names of their parameters and by how random a part looks; that is a guess, and a person who
 * knows better may say `--scope pool` against it, but not against a password, a private answer or a private network.
 */
import type { UrlParts } from './feed-url.ts';

export interface PrivateReason {
  readonly reason: string;
  /** Sure: not even an explicit wish puts it into the pool. */
  readonly certain: boolean;
}

/** Of an answer, lower-case names of cookies. */
export interface PrivacyClues {
  readonly cacheControl: string;
  readonly vary: string;
  readonly cookies: readonly string[];
  /** The document says that it must not be listed or is not public. */
  readonly blocked: boolean;
}

const SECRET_NAMES = new Set([
  'token', 'access_token', 'auth_token', 'authtoken', 'private_token', 'feed_token', 'rss_token', 'key', 'apikey', 'api_key', 'rsskey', 'feedkey', 'auth', 'authkey', 'secret',
  'password', 'passwd', 'pass', 'pwd', 'passkey', 'sig', 'signature', 'hash', 'hmac', 'session', 'sessionid', 'sid', 'jwt', 'private', 'user_token', 'subscriber', 'member', 'credential', 'x-amz-signature', 'hdnts',
]);
/** Reddit's private feeds: `?feed=TOKEN&user=NAME`. */
const SECRET_WITH_USER = 'feed';
/** Long and random-looking, and public all the same. */
const PUBLIC_NAMES = new Set(['channel_id', 'playlist_id', 'list']);
/** Cookies that a bot wall, a load balancer or a statistics program sets for everybody. */
const HARMLESS_COOKIES = /^(__cf|cf_|_cf|awsalb|incap_|visid_incap|nlbi_|gclb|bigipserver|_abck|bm_|ak_bmsc|ak_|datadome|__ddg|_ga|_gid|_gat|__utm|lb|route|srv|server)/;

const RANDOM_LENGTH_MIN = 20;
const DIGEST = /^(?:[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
const TOKEN = /^[A-Za-z0-9_~.=+-]+$/;
const WORD_BREAKS = /[-_.~=+]+/;
const ENTROPY_BITS_MIN = 3.4;
/** Letters in a row in ordinary words change between vowels and consonants; in random ones digits and cases do. */
const CHANGES_SHARE_MIN = 0.3;

/** `privateHost`: a name or address that only exists in somebody's own network. */
export function privateUrl(parts: UrlParts, privateHost: boolean): PrivateReason | undefined {
  if (parts.username !== '' || parts.password !== '') return sure('its URL holds a name or password');
  if (privateHost) return sure('its origin is in a private network');
  const names: string[] = [];
  const secrets: string[] = [];
  for (const pair of parts.query.replace(/^\?/, '').split('&')) {
    const [rawName = '', ...rest] = pair.split('=');
    const name = unescaped(rawName).toLowerCase();
    const value = unescaped(rest.join('='));
    names.push(name);
    if (value === '') continue;
    if (SECRET_NAMES.has(name)) return guess(`its URL has a parameter named "${name}", which looks like a secret`);
    if (name === SECRET_WITH_USER) secrets.push(value);
    if (!PUBLIC_NAMES.has(name) && looksRandom(value)) return guess(`its URL holds what looks like a secret ("${shortened(value)}")`);
  }
  if (secrets.length > 0 && names.includes('user')) return guess('its URL has a feed token and a user name');
  for (const segment of parts.path.split('/')) {
    if (looksRandom(unescaped(segment).replace(/\.(xml|rss|atom|json|rdf)$/i, ''))) return guess(`its URL holds what looks like a secret ("${shortened(segment)}")`);
  }
  return undefined;
}

export function privateAnswer({ cacheControl, vary, cookies, blocked }: PrivacyClues): PrivateReason | undefined {
  if (list(cacheControl).some((one) => one === 'private' || one.startsWith('private='))) return sure('its origin marks the answer as private (Cache-Control: private)');
  const varying = list(vary).find((one) => one === 'cookie' || one === 'authorization');
  if (varying !== undefined) return sure(`its origin answers differently to different people (Vary: ${varying === 'cookie' ? 'Cookie' : 'Authorization'})`);
  const cookie = cookies.find((name) => !HARMLESS_COOKIES.test(name.toLowerCase()));
  if (cookie !== undefined) return sure('its origin sets a cookie, as for somebody who is logged in');
  if (blocked) return sure('the document says that it must not be listed (itunes:block or podcast:private)');
  return undefined;
}

/** Whether a person would call it a token and not a name. */
export function looksRandom(text: string): boolean {
  if (text.length < RANDOM_LENGTH_MIN || !TOKEN.test(text)) return false;
  if (DIGEST.test(text)) return true;
  // A title of words, dates and numbers comes in pieces; a token's pieces are long.
  const piece = text.split(WORD_BREAKS).reduce((best, one) => (one.length > best.length ? one : best), '');
  if (piece.length < RANDOM_LENGTH_MIN) return piece.length >= 12 && hasMixture(text) && changes(text) >= 2 * CHANGES_SHARE_MIN && entropy(text) >= ENTROPY_BITS_MIN;
  return hasMixture(piece) && changes(piece) >= CHANGES_SHARE_MIN && entropy(piece) >= ENTROPY_BITS_MIN;
}

function hasMixture(text: string): boolean {
  return [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(text)).length >= 2 && (/\d/.test(text) || /[a-z][A-Z]/.test(text));
}

/** How often the kind of character changes, as a share of the places where it could. */
function changes(text: string): number {
  const kind = (character: string): number => (/\d/.test(character) ? 0 : /[A-Z]/.test(character) ? 1 : 2);
  let count = 0;
  for (let i = 1; i < text.length; i++) if (kind(text.charAt(i)) !== kind(text.charAt(i - 1))) count++;
  return count / (text.length - 1);
}

function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

function list(header: string): string[] {
  return header.split(',').map((one) => one.trim().toLowerCase());
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Enough to recognise it, too little to use it. */
function shortened(text: string): string {
  return `${text.slice(0, 4)}...`;
}

function sure(reason: string): PrivateReason {
  return { reason, certain: true };
}

function guess(reason: string): PrivateReason {
  return { reason, certain: false };
}
