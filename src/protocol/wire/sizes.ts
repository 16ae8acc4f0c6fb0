/**
 * Sizes of the ring's own messages, by hand.
 *
 * The codec can size any message by its descriptors, field by field. A simulated world sizes every message it sends, and
 * nearly all of them are of these eight kinds: written out, the same sums cost a tenth. That the two agree, and agree with
 * what is encoded, is a test (test/unit/protocol/codec.test.ts). All field numbers here are below 16: a tag is one byte.
 */
import type { Contact, PositionProof } from '../../core/contact.ts';
import type { Coordinate, Message, TableEntry, Vitals } from './messages.ts';

/** Remembers the size of a contact: contacts are immutable, stand in most messages, and are the same objects over and over. */
export interface ContactSizes {
  get(contact: Contact): number | undefined;
  set(contact: Contact, bytes: number): unknown;
}

const TAG = 1;
/** Tag, length and 20 bytes. */
const POSITION = TAG + 21;
const FIXED32 = TAG + 4;

/** Bytes of the message inside its frame, or undefined for a kind that is not sized here. */
export function sizeByHand(message: Message, contacts: ContactSizes): number | undefined {
  switch (message.type) {
    case 'heartbeat':
      return vitals(message.vitals) + (message.announcement ? 2 : 0);
    case 'probe':
      return uint(message.op) + vitals(message.vitals) + fixed32(message.knownDigest) + list(message.leafset, contacts) + texts(message.failed);
    case 'probeReply':
      return uint(message.op) + vitals(message.vitals) + list(message.leafset, contacts);
    case 'route':
      return uint(message.op) + uint(message.hop) + uint(message.purpose) + POSITION + contactField(message.origin, contacts)
        + uint(message.hops) + (message.byRing ? 2 : 0) + uint(message.attempt);
    case 'hopAck':
      return uint(message.hop);
    case 'routeReply':
      return uint(message.op) + uint(message.hops) + vitals(message.vitals) + list(message.leafset, contacts);
    case 'tableRequest':
      return uint(message.op) + uint(message.part) + vitals(message.vitals) + POSITION * message.gone.length
        + bytesField(message.reach) + uint(message.rttMs);
    case 'tableReply':
      return uint(message.op) + vitals(message.vitals) + entries(message.entries, contacts) + POSITION * message.gone.length;
    default:
      return undefined;
  }
}

/** A length prefix and so many bytes. */
export function delimited(bytes: number): number {
  return varintBytes(bytes) + bytes;
}

export function varintBytes(value: number): number {
  if (value < 2 ** 7) return 1;
  if (value < 2 ** 14) return 2;
  if (value < 2 ** 21) return 3;
  return value < 2 ** 28 ? 4 : 5;
}

export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (isPair(unit, text.charCodeAt(i + 1))) {
      bytes += 4;
      i++;
    } else bytes += 3; // Also half a pair on its own: encoded as U+FFFD.
  }
  return bytes;
}

/** `next` is NaN at the end of the text. */
function isPair(unit: number, next: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;
}

function proof(value: PositionProof | undefined): number {
  return value === undefined ? 0 : TAG + delimited(value.chain.length === 0 ? 0 : TAG + delimited(value.chain.length));
}

function uint(value: number): number {
  return value === 0 ? 0 : TAG + varintBytes(value);
}

function fixed32(value: number): number {
  return value === 0 ? 0 : FIXED32;
}

function vitals(value: Vitals): number {
  const bytes = uint(value.incarnation) + (value.zoneStart ? POSITION : 0) + coordinateField(value.coordinate)
    + fixed32(value.leafsetDigest) + uint(value.storedKib);
  return TAG + delimited(bytes);
}

function coordinateField(value: Coordinate | undefined): number {
  if (!value) return 0;
  const vector = value.vector.length === 0 ? 0 : TAG + delimited(4 * value.vector.length);
  return TAG + delimited(vector + (Object.is(value.height, 0) ? 0 : FIXED32) + (Object.is(value.error, 0) ? 0 : FIXED32));
}

function list(values: readonly Contact[], contacts: ContactSizes): number {
  let bytes = 0;
  for (const value of values) bytes += contactField(value, contacts);
  return bytes;
}

function entries(values: readonly TableEntry[], contacts: ContactSizes): number {
  let bytes = 0;
  for (const entry of values) {
    bytes += TAG + delimited(contactField(entry.contact, contacts) + (entry.zoneStart ? POSITION : 0) + uint(entry.tellerRttMs));
  }
  return bytes;
}

function texts(values: readonly string[]): number {
  let bytes = 0;
  for (const value of values) bytes += TAG + delimited(utf8Bytes(value));
  return bytes;
}

/** With tag and length. */
function contactField(contact: Contact, contacts: ContactSizes): number {
  const known = contacts.get(contact);
  if (known !== undefined) return known;
  const bytes = TAG + delimited(text(contact.peerId) + POSITION + texts(contact.addresses) + text(contact.name) + uint(contact.incarnation) + proof(contact.proof));
  contacts.set(contact, bytes);
  return bytes;
}

function bytesField(value: Uint8Array): number {
  return value.length === 0 ? 0 : TAG + delimited(value.length);
}

function text(value: string): number {
  return value === '' ? 0 : TAG + delimited(utf8Bytes(value));
}
