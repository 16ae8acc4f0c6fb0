/**
 * What the DHT holds of a session under its name: who its root is and what it will carry. Soft state with a lease: without its
 * root it is gone within a minute.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Position } from '../../../core/position.ts';
import type { Field, StoredObject } from '../../wire/messages.ts';
import { WireError } from '../../../core/errors.ts';
import { decodeCastRecord, encodeCastRecord } from '../../wire/cast-codec.ts';
import { utf8Bytes } from '../../wire/sizes.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../instance.ts';
import { NAME_BYTES_MAX } from './bounds.ts';

export interface CastRecord {
  /** Where the record lies. */
  readonly key: Position;
  readonly session: string;
  readonly name: string;
  readonly priority: number;
  readonly rateBps: number;
  /** The source says where somebody may begin. */
  readonly hasKeys: boolean;
  /** Of the bytes, for players; empty: any. */
  readonly contentType: string;
  readonly root: Contact;
}

const ROOT_FIELD = 'root';
const CONTENT_TYPE_MAX = 128;

/** What is put: the root is a reference of the object. */
export function encodeRecord({ root, session, name, priority, rateBps, hasKeys, contentType }: CastRecord): { readonly value: Uint8Array; readonly fields: readonly Field[] } {
  const value = encodeCastRecord({ session, name, priority, rateBps, hasKeys, contentType });
  const reference: { readonly key: Position; readonly host: Contact } = { key: root.position, host: root };
  return { value, fields: [{ name: ROOT_FIELD, reference }] };
}

/** Undefined on what is no record of a session, or none that could be. */
export function decodeRecord({ key, value, fields }: Pick<StoredObject, 'key' | 'value' | 'fields'>): CastRecord | undefined {
  const root = fields.find(({ name }) => name === ROOT_FIELD)?.reference.host;
  if (root === undefined) return undefined;
  try {
    const { session, name, priority, rateBps, hasKeys, contentType } = decodeCastRecord(value);
    if (session === '' || utf8Bytes(session) > NAME_BYTES_MAX || utf8Bytes(name) > NAME_BYTES_MAX) return undefined;
    if (priority < PRIORITY_HIGHEST || priority > PRIORITY_LOWEST || !(rateBps >= 0) || contentType.length > CONTENT_TYPE_MAX) return undefined;
    return { key, session, name, priority, rateBps, hasKeys, contentType, root };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return undefined;
  }
}
