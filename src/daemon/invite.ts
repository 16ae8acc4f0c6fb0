/**
 * An invite: one line of text with all a newcomer needs (proto/grove/v1/invite.proto). It is a secret.
 *
 * People copy invites through chats and terminals, so a decoder has to tell three mistakes apart: something that is no
 * invite, one that lost characters, and one from a Grove that this one does not understand.
 */
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GroveError } from '../core/errors.ts';
import type { InviteContent } from '../protocol/wire/gen/grove/v1/invite_pb.ts';
import { InviteContentSchema, InviteSchema } from '../protocol/wire/gen/grove/v1/invite_pb.ts';
import type { Pool } from './pool.ts';
import { INTRODUCERS_MAX, POOL_KEY_BYTES, settingsFromWire, settingsToWire } from './pool.ts';

const PREFIX = 'grove1';
const CHECKSUM_BYTES = 4;
const ADDRESS_BYTES_MAX = 320;
/** Far above what sixteen addresses need. */
const TEXT_MAX = 16_384;

export function looksLikeInvite(text: string): boolean {
  return text.trim().startsWith('grove');
}

export function encodeInvite(pool: Pool): string {
  const addresses = pool.introducers.filter((address) => Buffer.byteLength(address) <= ADDRESS_BYTES_MAX).slice(0, INTRODUCERS_MAX);
  const content = toBinary(
    InviteContentSchema,
    create(InviteContentSchema, { poolKey: pool.key, settings: settingsToWire(pool.settings), addresses }),
  );
  const bytes = toBinary(InviteSchema, create(InviteSchema, { content, checksum: checksumOf(content) }));
  return PREFIX + Buffer.from(bytes).toString('base64url');
}

/** Throws GroveError 'usage' with what is wrong with the text. */
export function decodeInvite(text: string): Pool {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) throw foreign();
  const encoded = trimmed.slice(PREFIX.length);
  if (trimmed.length > TEXT_MAX || !/^[A-Za-z0-9_-]+$/.test(encoded)) throw damaged();
  const content = contentOf(encoded);
  const settings = settingsFromWire(content.settings);
  const { poolKey, addresses } = content;
  if (settings === undefined) {
    throw new GroveError('usage', 'This invite is for a pool with settings that this version of grove does not know: upgrade grove.');
  }
  const bounded = addresses.length <= INTRODUCERS_MAX && addresses.every(isAddress);
  if (poolKey.length !== POOL_KEY_BYTES || !bounded) throw damaged();
  return { key: new Uint8Array(poolKey), settings, introducers: addresses };
}

function contentOf(encoded: string): InviteContent {
  try {
    const invite = fromBinary(InviteSchema, new Uint8Array(Buffer.from(encoded, 'base64url')));
    // Several texts can decode to the same bytes, and several bytes to the same fields: only the one we would write counts.
    const rewritten = Buffer.from(toBinary(InviteSchema, invite)).toString('base64url');
    if (rewritten !== encoded || Buffer.compare(invite.checksum, checksumOf(invite.content)) !== 0) throw damaged();
    return fromBinary(InviteContentSchema, invite.content);
  } catch (error) {
    if (error instanceof GroveError) throw error;
    throw damaged(error);
  }
}

function checksumOf(content: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(content).digest().subarray(0, CHECKSUM_BYTES));
}

/** A multiaddress as far as a decoder has to know: printable, bounded, and its peer named. */
function isAddress(address: string): boolean {
  return address.length <= ADDRESS_BYTES_MAX && /^\/[!-~]+\/p2p\/[A-Za-z0-9]+$/.test(address);
}

function foreign(): GroveError {
  return new GroveError('usage', 'This is not a Grove invite: an invite is one line that begins with "grove1", printed by `grove invite` on a member.');
}

function damaged(cause?: unknown): GroveError {
  return new GroveError('usage', 'This invite is incomplete or damaged: copy the whole line that `grove invite` printed.', { cause });
}
