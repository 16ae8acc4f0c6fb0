/**
 * Connections that only go where they may: the part of the origin client that DNS cannot fool.
 *
 * The name is resolved once, every address that is not public is dropped, and the socket connects to one of those that are
 * left, so a second answer of the DNS (rebinding) has no effect. The connected address is checked once more before a byte
 * is sent. Addresses written into the URL never see the resolver and are checked by themselves.
 */
import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isPublicAddress } from './private-address.ts';

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export interface AgentOptions {
  readonly allowPrivateNetworks: boolean;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Tests answer in place of the DNS. */
  readonly resolve?: Resolve | undefined;
  /** Tests have no public addresses. */
  readonly isPublic?: ((address: string) => boolean) | undefined;
}

export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';

  constructor(host: string) {
    super(`${host} is in a private network; --allow-private-networks permits that`);
  }
}

const CONNECTIONS_PER_ORIGIN = 2;
const KEEP_ALIVE_MS = 4_000;

export function guardedAgent(options: AgentOptions): Agent {
  const { allowPrivateNetworks, connectTimeoutMs } = options;
  const resolve = options.resolve ?? (async (host: string) => systemLookup(host, { all: true }));
  const mayConnect = (address: string): boolean => allowPrivateNetworks || (options.isPublic ?? isPublicAddress)(address);
  const lookup: LookupFunction = (host, { all, family }, done) => {
    resolve(host).then(
      (found) => {
        const wanted = found.filter((one) => family === undefined || family === 0 || family === one.family || family === `IPv${one.family}`);
        const allowed = wanted.filter(({ address }) => mayConnect(address));
        const first = allowed[0];
        if (first === undefined) done(found.length > 0 ? new AddressRefused(host) : Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '', 0);
        else if (all === true) done(null, allowed as LookupAddress[]);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    );
  };
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup, autoSelectFamily: true });
  return new Agent({
    connect: (request, done) => {
      const host = request.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !mayConnect(host)) return done(new AddressRefused(host), null);
      connect(request, (...[error, socket]) => {
        if (error !== null) return done(error, null);
        const address = socket.remoteAddress;
        if (address !== undefined && mayConnect(address)) return done(null, socket);
        socket.destroy();
        done(new AddressRefused(host), null);
      });
    },
    connections: CONNECTIONS_PER_ORIGIN,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
  });
}
