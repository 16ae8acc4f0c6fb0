/**
 * Requests to the callbacks of local readers: programs on this machine or its network that asked to be told. The opposite of
 * the origin client: only loopback and private addresses are called, so that nobody can aim this peer at the internet.
 *
 * The address is checked when it is connected to, after the name was resolved; a redirect is an answer like any other and
 * is not followed (WebSub counts it as a failure). Answers are bounded in bytes and time.
 */
import { lookup as resolve } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface CallAnswer {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 8 * 1024;
/** What is on this machine or its network; tailnets use the carrier-grade range. */
const NEAR = new Set(['loopback', 'private', 'linkLocal', 'uniqueLocal', 'carrierGradeNat']);
/** Where clouds keep their secrets. */
const METADATA = new Set(['169.254.169.254', 'fd00:ec2::254']);

/** Throws when there is no answer, and when the callback is neither on this machine nor on its network. */
export async function call({ method, url, headers, body, signal }: Call): Promise<CallAnswer> {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(host) && !isNear(host)) throw new Error(`${host} is neither on this machine nor on its network`);
  const send = target.protocol === 'https:' ? requestHttps : requestHttp;
  const signals = [AbortSignal.timeout(TIMEOUT_MS), signal].filter((one) => one !== undefined);
  return new Promise((done, fail) => {
    const request = send(target, { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) }, lookup: nearLookup, signal: AbortSignal.any(signals), agent: false });
    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes <= ANSWER_BYTES_MAX) parts.push(part);
        else response.destroy(new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', fail);
      response.on('end', () => done({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }));
    });
    request.end(body);
  });
}

/** Loopback, private, link-local or a tailnet; whatever is written as an address in an address, too. */
export function isNear(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA.has(address)) return false;
  const parsed = ipaddr.process(address);
  return NEAR.has(parsed.range()) && !METADATA.has(parsed.toString());
}

/** As DNS says, without what is far away. */
const nearLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const near = addresses.filter(({ address }) => isNear(address));
    const [first] = near;
    if (first === undefined) return callback(new Error(`${hostname} is neither on this machine nor on its network`), '');
    if (options.all === true) callback(null, near);
    else callback(null, first.address, first.family);
  });
};
