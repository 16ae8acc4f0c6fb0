/**
 * Which documents bear their publisher's signature (RFC 9421), for the label `signed`.
 *
 * The keys lie where the origin itself says so: a directory under /.well-known, fetched over TLS and kept for a day. It is looked for only where an answer is
 * signed, once for all feeds of an origin, and in a slot of the host's budget like any other question; until then nothing is claimed. A key that the
 * directory does not name is unknown until the directory is due again.
 */
import type { HttpSignature, PublisherKey } from '../../host/origin/http-signature.ts';
import { isSignedBy, KEYS_MAX } from '../../host/origin/http-signature.ts';
import type { OriginClient } from '../../host/origin/origin-client.ts';
import { isPrivateHost } from '../../host/origin/private-address.ts';
import { partsOf } from '../../host/origin/parse-url.ts';
import type { FeedStore } from './feed-store.ts';
import { OriginFiles } from './origin-files.ts';

const DIRECTORY = '/.well-known/http-message-signatures-directory';
const ACCEPT = 'application/http-message-signatures-directory+json, application/jwk-set+json, application/json;q=0.9';
/** Origins whose keys are about to be fetched; of more nothing is claimed. */
const WAITING_MAX = 256;

export interface PublisherSignaturesOptions {
  readonly store: FeedStore;
  readonly client: OriginClient;
  /** Unix ms. */
  readonly now: () => number;
  readonly userAgent: string;
  /** The instant at which the URL's host may be asked. */
  readonly slot: (url: URL) => number;
}

export class PublisherSignatures {
  readonly #o: PublisherSignaturesOptions;
  readonly #directories: OriginFiles<readonly PublisherKey[]>;
  /** By origin: documents to be looked at once its keys are there, by whatever the caller calls them. */
  readonly #waiting = new Map<string, { readonly timer: NodeJS.Timeout; readonly checks: Map<string, () => void> }>();

  constructor(options: PublisherSignaturesOptions) {
    this.#o = options;
    const { store, client, now } = options;
    this.#directories = new OriginFiles({ store, client, now, path: DIRECTORY, accept: ACCEPT, read: keysOf, nothing: [] });
  }

  /** `onSigned` is called if one of them is the publisher's: at once, or when its keys have come. A later call under the same name replaces the check. */
  check(name: string, url: string, signatures: readonly HttpSignature[], onSigned: () => void): void {
    const origin = directoryOf(new URL(url));
    const known = this.#directories.known(origin);
    const look = (keys: readonly PublisherKey[]): void => {
      if (signatures.some((signature) => isSignedBy(signature, keys))) onSigned();
    };
    this.#waiting.get(origin)?.checks.delete(name);
    if (signatures.length === 0) return;
    if (known !== undefined) return look(known);
    this.#waitFor(origin, new URL(url))?.set(name, () => look(this.#directories.known(origin) ?? []));
  }

  stop(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #waitFor(origin: string, url: URL): Map<string, () => void> | undefined {
    const waiting = this.#waiting.get(origin);
    if (waiting !== undefined || this.#waiting.size >= WAITING_MAX) return waiting?.checks;
    const { slot, now, userAgent } = this.#o;
    const checks = new Map<string, () => void>();
    const fetch = async (): Promise<void> => {
      await this.#directories.get(origin, userAgent);
      if (this.#waiting.delete(origin)) for (const check of checks.values()) check();
    };
    const timer = setTimeout(() => void fetch(), Math.max(0, slot(url) - now())).unref();
    this.#waiting.set(origin, { timer, checks });
    return checks;
  }
}

/** Keys come over TLS, also for a feed that does not; only a host of one's own network may do without. */
function directoryOf(url: URL): string {
  const parts = partsOf(url);
  return parts !== undefined && isPrivateHost(parts) ? url.origin : `https://${url.protocol === 'https:' ? url.host : url.hostname}`;
}

/** Throws SyntaxError when it is no JSON. */
function keysOf(text: string): PublisherKey[] {
  const directory = JSON.parse(text) as { readonly keys?: unknown } | null;
  const keys = Array.isArray(directory?.keys) ? (directory.keys as unknown[]) : [];
  return keys.slice(0, KEYS_MAX).flatMap((key) => {
    const members = typeof key === 'object' && key !== null ? Object.entries(key).filter((one): one is [string, string] => MEMBERS.has(one[0]) && typeof one[1] === 'string' && one[1].length <= MEMBER_LENGTH_MAX) : [];
    return members.length === 0 ? [] : [Object.fromEntries(members) as PublisherKey];
  });
}

/** Of a public key; a private one that somebody put there by mistake is not kept. */
const MEMBERS = new Set(['kty', 'crv', 'x', 'y', 'n', 'e', 'kid']);
const MEMBER_LENGTH_MAX = 1_500;
