/**
 * What a poller signs: this document, with these validators and items, is what the origin gave me at that time.
 *
 * The statement is a text with a heading of its own, so that no signature for another purpose can be taken for one of these. A
 * matching validator proves nothing about the bytes, so the bytes' digest is what counts.
 */
import type { Position } from '../../core/position.ts';
import type { Attestation, FeedTools, FoundVersion } from './feed.ts';

const HEADING = 'grove feed attestation 1';

export type Attested = Pick<FoundVersion, 'hash' | 'etag' | 'lastModified' | 'items'>;

/** Lines cannot be mixed up: what the origin chose is written as JSON, and all of it in ASCII. */
export function statementOf(key: Position, version: Attested, at: number): Uint8Array {
  const chosen = JSON.stringify([version.etag, version.lastModified, at]).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const text = [HEADING, key.hex, version.hash, chosen, version.items.join('')].join('\n');
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function attest(key: Position, version: Attested, at: number, peerId: string, tools: FeedTools): Attestation {
  return { peerId, at, signature: tools.sign(statementOf(key, version, at)) };
}

export function isAttested(key: Position, version: Attested, { peerId, at, signature }: Attestation, tools: FeedTools): boolean {
  return tools.verify(peerId, statementOf(key, version, at), signature);
}
