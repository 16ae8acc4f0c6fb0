/**
 * Signatures of an origin's answer (RFC 9421), and whether one of them is by a key that is held.
 *
 * What counts is a signature that covers `content-digest`, with a digest (RFC 9530) that is the body's as it came over the wire: then every byte is the
 * publisher's. Anything that is not understood makes a signature void, and a void one is as good as none. Keys are JWKs; where they come from is not
 * decided here.
 */
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import type { RawHeaders } from './headers.ts';
import { header } from './headers.ts';
import type { InnerList, Item, Member } from './structured-fields.ts';
import { isInnerList, parseDictionary, writeMember } from './structured-fields.ts';

/** One signature whose digest holds. */
export interface HttpSignature {
  /** Empty when it names none. */
  readonly keyId: string;
  /** Empty when the key says. */
  readonly algorithm: string;
  readonly base: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SignedAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  /** That was asked for, without a name or password. */
  readonly url: URL;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly digests: BodyDigests;
}

/** Of the body as it came, before content decoding. */
export interface BodyDigests {
  readonly 'sha-256': Uint8Array;
  readonly 'sha-512': Uint8Array;
}

export type PublisherKey = JsonWebKey & { readonly kid?: string };

export const KEYS_MAX = 16;
const SIGNATURES_MAX = 4;
const RSA_BITS_MAX = 8_192;
/** A publisher's clock may be ahead. */
const CLOCK_SLACK_S = 300;

/** Those that cover the whole body. `now`: Unix ms. */
export function signaturesOf(answer: SignedAnswer, now: number): HttpSignature[] {
  const inputs = parseDictionary(header(answer.headers, 'signature-input'));
  const signatures = parseDictionary(header(answer.headers, 'signature'));
  if (inputs === undefined || signatures === undefined || inputs.size === 0 || !digestHolds(answer)) return [];
  const found: HttpSignature[] = [];
  for (const [label, input] of [...inputs].slice(0, SIGNATURES_MAX)) {
    const signature = signatures.get(label);
    if (!isInnerList(input) || signature === undefined || isInnerList(signature) || signature.value.kind !== 'bytes' || !isInTime(input, now)) continue;
    const base = baseOf(input, answer);
    if (base === undefined) continue;
    found.push({ keyId: textOf(input, 'keyid'), algorithm: textOf(input, 'alg'), base: Buffer.from(base, 'latin1'), signature: signature.value.bytes });
  }
  return found;
}

/** By one of these keys: the one that it names, or the only one. */
export function isSignedBy(signature: HttpSignature, keys: readonly PublisherKey[]): boolean {
  const named = signature.keyId === '' ? (keys.length === 1 ? keys : []) : keys.filter((key) => key.kid === signature.keyId || thumbprintOf(key) === signature.keyId);
  return named.slice(0, KEYS_MAX).some((jwk) => {
    const key = keyOf(jwk);
    return key !== undefined && holds(signature, key);
  });
}

/** RFC 7638; empty for a key of another kind. */
export function thumbprintOf(jwk: PublisherKey): string {
  const members = { OKP: ['crv', 'kty', 'x'], EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'] }[jwk.kty ?? ''];
  return members === undefined ? '' : createHash('sha256').update(JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])))).digest('base64url');
}

function holds({ algorithm, base, signature }: HttpSignature, key: KeyObject): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const is = (name: string): boolean => algorithm === '' || algorithm === name;
  try {
    if (type === 'ed25519') return is('ed25519') && verify(null, base, key, signature);
    if (type === 'rsa') return (details?.modulusLength ?? Infinity) <= RSA_BITS_MAX && is('rsa-pss-sha512') && verify('sha512', base, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, signature);
    if (type !== 'ec') return false;
    const isSmall = details?.namedCurve === 'prime256v1';
    if (!isSmall && details?.namedCurve !== 'secp384r1') return false;
    return is(isSmall ? 'ecdsa-p256-sha256' : 'ecdsa-p384-sha384') && verify(isSmall ? 'sha256' : 'sha384', base, { key, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false; // a signature of a form that the key cannot have
  }
}

function keyOf(jwk: PublisherKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined; // what a publisher calls a key need not be one
  }
}

function digestHolds({ headers, digests }: SignedAnswer): boolean {
  const stated = parseDictionary(header(headers, 'content-digest'));
  let known = 0;
  for (const name of ['sha-256', 'sha-512'] as const) {
    const member = stated?.get(name);
    if (member === undefined) continue;
    if (isInnerList(member) || member.value.kind !== 'bytes' || !Buffer.from(digests[name]).equals(member.value.bytes)) return false;
    known++;
  }
  return known > 0;
}

function isInTime({ parameters }: InnerList, now: number): boolean {
  const secondsOf = (name: string): number | undefined => {
    const value = parameters.get(name);
    return value?.kind === 'number' ? value.value : undefined;
  };
  return (secondsOf('created') ?? 0) <= now / 1_000 + CLOCK_SLACK_S && (secondsOf('expires') ?? Infinity) > now / 1_000;
}

function textOf({ parameters }: InnerList, name: string): string {
  const value = parameters.get(name);
  return value?.kind === 'string' ? value.text : '';
}

/** RFC 9421, 2.5; undefined when something in it is not understood, or the body is not covered. */
function baseOf(input: InnerList, answer: SignedAnswer): string | undefined {
  const lines: string[] = [];
  const seen = new Set<string>();
  let coversBody = false;
  for (const component of input.items) {
    const name = writeMember(component);
    const value = valueOf(component, answer);
    if (value === undefined || seen.has(name)) return undefined;
    seen.add(name);
    coversBody ||= name === '"content-digest"';
    lines.push(`${name}: ${value}`);
  }
  return coversBody ? [...lines, `"@signature-params": ${writeMember(input)}`].join('\n') : undefined;
}

function valueOf({ value, parameters }: Item, answer: SignedAnswer): string | undefined {
  if (value.kind !== 'string') return undefined;
  const rest = new Map(parameters);
  const isOfRequest = rest.delete('req');
  const name = value.text;
  if (name.startsWith('@')) return rest.size > 0 ? undefined : isOfRequest ? requestPart(name, answer.url) : name === '@status' ? String(answer.status) : undefined;
  const field = fieldOf(isOfRequest ? answer.requestHeaders : answer.headers, name);
  const key = rest.get('key');
  if (key === undefined) return rest.size > 0 ? undefined : field;
  const member: Member | undefined = rest.size === 1 && key.kind === 'string' && field !== undefined ? parseDictionary(field)?.get(key.text) : undefined;
  return member === undefined ? undefined : writeMember(member);
}

function requestPart(name: string, url: URL): string | undefined {
  switch (name) {
    case '@method':
      return 'GET';
    case '@target-uri':
      return url.href;
    case '@authority':
      return url.host;
    case '@scheme':
      return url.protocol.slice(0, -1);
    case '@request-target':
      return url.pathname + url.search;
    case '@path':
      return url.pathname;
    case '@query':
      return url.search === '' ? '?' : url.search;
    default:
      return undefined;
  }
}

/** Each value without space around it, several in one line; undefined when there is none, or it cannot be part of a base. */
function fieldOf(headers: RawHeaders, name: string): string | undefined {
  const values = headers[name];
  if (values === undefined || name !== name.toLowerCase()) return undefined;
  const text = (Array.isArray(values) ? values : [values]).map((one) => one.trim().replace(/[ \t]*\r?\n[ \t]+/g, ' ')).join(', ');
  return /[\r\n]/.test(text) ? undefined : text;
}
