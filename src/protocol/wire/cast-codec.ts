/**
 * The bytes of a session's record and of the frames with text (proto/grove/v1/cast.proto). Reading throws WireError on what is none; what
 * the values may be is checked by whoever uses them.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { WireError } from '../../core/errors.ts';
import { CastEndSchema, CastRecordSchema, CastSubscribeSchema } from './gen/grove/v1/cast_pb.ts';

export interface CastRecordFields {
  readonly session: string;
  readonly name: string;
  readonly priority: number;
  readonly rateBps: number;
  readonly hasKeys: boolean;
  readonly contentType: string;
}

export interface CastSubscribeFields {
  readonly session: string;
  readonly from: number;
  readonly upTo: number;
  readonly pingAt: number;
}

export interface CastEndFields {
  readonly seq: number;
  readonly reason: string;
}

export function encodeCastRecord({ session, name, priority, rateBps, hasKeys, contentType }: CastRecordFields): Uint8Array {
  return toBinary(CastRecordSchema, create(CastRecordSchema, { session, name, priority, rateBps, hasKeys, contentType }));
}

export function decodeCastRecord(bytes: Uint8Array): CastRecordFields {
  return parsed(() => fromBinary(CastRecordSchema, bytes, { readUnknownFields: false }));
}

export function encodeCastSubscribe({ session, from, upTo, pingAt }: CastSubscribeFields): Uint8Array {
  return toBinary(CastSubscribeSchema, create(CastSubscribeSchema, { session, from, upTo, pingAt }));
}

export function decodeCastSubscribe(bytes: Uint8Array): CastSubscribeFields {
  return parsed(() => fromBinary(CastSubscribeSchema, bytes, { readUnknownFields: false }));
}

export function encodeCastEnd({ seq, reason }: CastEndFields): Uint8Array {
  return toBinary(CastEndSchema, create(CastEndSchema, { seq, reason }));
}

export function decodeCastEnd(bytes: Uint8Array): CastEndFields {
  return parsed(() => fromBinary(CastEndSchema, bytes, { readUnknownFields: false }));
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new WireError(`not what it should be: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
