/**
 * Bytes to messages and back, and the size of a message without encoding it.
 *
 * One converter and one sizer per message are built from the generated descriptors when the module loads, so the .proto
 * files stay the only description of the wire. Every list and byte field has a declared maximum there; whatever exceeds
 * it, lacks a required part or is of an unknown kind is a WireError, which the host counts and drops.
 */
import { fromBinary, getOption, hasOption, ScalarType, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DescField, DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Codec } from '../../core/env.ts';
import { assert, must } from '../../core/assert.ts';
import { WireError } from '../../core/errors.ts';
import type { PositionProof } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { positionFromBytes, positionToBytes } from '../../core/position.ts';
import { FrameSchema } from './gen/grove/v1/messages_pb.ts';
import type { Frame } from './gen/grove/v1/messages_pb.ts';
import { max as maxOption, max_bytes, on_circle, rare, required } from './gen/grove/v1/options_pb.ts';
import type { Message } from './messages.ts';
import { MESSAGE } from './messages.ts';
import type { ContactSizes } from './sizes.ts';
import { delimited, sizeByHand, utf8Bytes, varintBytes } from './sizes.ts';

type Fields = Record<string, unknown>;

interface FieldPlan {
  readonly name: string;
  readonly number: number;
  readonly list: boolean;
  readonly required: boolean;
  /** Absent values are no members at all. */
  readonly rare: boolean;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly tagBytes: number;
  /** Bytes of one element without its tag; -1 when the element is a proto3 default and is left out. */
  readonly sizeOf: (value: unknown) => number;
  readonly packed: boolean;
  readonly toWire: (value: unknown) => unknown;
  readonly fromWire: (value: unknown) => unknown;
  readonly absent: (value: unknown) => boolean;
}

interface MessagePlan {
  readonly schema: DescMessage;
  readonly fields: FieldPlan[];
  /** Those of `fields` that may hold large bytes. */
  readonly large: FieldPlan[];
}

const UNLIMITED = 2 ** 31;
/** Bytes from this size on go past the encoder, which would copy them four times. */
const LARGE_BYTES = 4_096;
const NO_BYTES = new Uint8Array(0);
const plans = new Map<string, MessagePlan>();

export type PositionOf = (peerId: string, proof: PositionProof | undefined) => Position | undefined;

export interface CodecOptions {
  /**
   * What position a peer may claim: the host passes the hash of the identity, or what the proof of swaps says. Undefined:
   * no such identity, or no such proof. Without this function (in the simulator, where positions are drawn) every claim is accepted.
   */
  readonly positionOf?: PositionOf;
  /** Where sizes of contacts are kept; whoever has an array by contact passes it, everybody else gets a WeakMap. */
  readonly contactSizes?: ContactSizes;
}

const sharedContactSizes: ContactSizes = new WeakMap<object, number>();
const messageNames = new Map<number, string>(Object.entries(MESSAGE).map(([name, number]) => [number, name]));

export function createCodec(options: CodecOptions = {}): Codec<Message> {
  const contactSizes = options.contactSizes ?? sharedContactSizes;
  return {
    number: (message) => MESSAGE[message.type],
    name: (number) => messageNames.get(number) ?? `unknown-${number}`,
    size(message) {
      const plan = framePlanOf(message.type);
      const bytes = sizeByHand(message, contactSizes);
      return plan.tagBytes + (bytes === undefined ? plan.sizeOf(message) : delimited(bytes));
    },
    encode: (message) => joined(encodedParts(message)),
    parts: encodedParts,
    decode: (bytes) => decodeFrame(bytes, options),
  };
}

/** The size by the descriptors alone: what the sizes written by hand are tested against. */
export function sizeByDescriptors(message: Message): number {
  const plan = framePlanOf(message.type);
  return plan.tagBytes + plan.sizeOf(message);
}

/** Fields may stand in any order on the wire, so the large one comes last, as it is. */
function encodedParts(message: Message): readonly Uint8Array[] {
  const frame = framePlanOf(message.type);
  const value = frame.toWire(message) as Fields;
  const plan = must(messagePlans.get(message.type), 'every message type has a plan');
  const field = plan.large.find(({ name }) => (value[name] as Uint8Array).length >= LARGE_BYTES);
  if (field === undefined) return [toBinary(FrameSchema, { $typeName: FrameSchema.typeName, body: { case: message.type, value } } as unknown as Frame)];
  const bytes = value[field.name] as Uint8Array;
  value[field.name] = NO_BYTES;
  const rest = toBinary(plan.schema, value as unknown as MessageShape<DescMessage>);
  const length = rest.length + field.tagBytes + delimited(bytes.length);
  const head = new BinaryWriter().tag(frame.number, WireType.LengthDelimited).uint32(length).raw(rest);
  return [head.tag(field.number, WireType.LengthDelimited).uint32(bytes.length).finish(), bytes];
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}

function decodeFrame(bytes: Uint8Array, options: CodecOptions): Message {
  let frame: Frame;
  try {
    frame = fromBinary(FrameSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new WireError(`not a frame: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const type = frame.body.case;
  if (type === undefined) throw new WireError('unknown message type');
  const plan = framePlanOf(type);
  const value = plan.fromWire(frame.body.value) as Fields;
  if (options.positionOf) checkPositions(value, options.positionOf);
  value['type'] = type;
  return value as unknown as Message;
}

/** Walks a decoded value and refuses contacts whose position is not the one their identity or their proof gives. */
function checkPositions(value: unknown, positionOf: PositionOf): void {
  if (Array.isArray(value)) {
    for (const item of value) checkPositions(item, positionOf);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const fields = value as Fields;
    if (typeof fields['peerId'] === 'string') {
      const claimed = fields['position'] as Position;
      if (claimed.hex !== positionOf(fields['peerId'], fields['proof'] as PositionProof | undefined)?.hex) throw new WireError('a contact claims a position not its own');
      return;
    }
    for (const key in fields) checkPositions(fields[key], positionOf);
  }
}

function planFor(schema: DescMessage): MessagePlan {
  const known = plans.get(schema.typeName);
  if (known) return known;
  const plan: MessagePlan = { schema, fields: [], large: [] };
  plans.set(schema.typeName, plan);
  for (const field of schema.fields) {
    const planned = planField(field);
    plan.fields.push(planned);
    if (field.scalar === ScalarType.BYTES && !planned.list && planned.maxBytes >= LARGE_BYTES && planned.maxBytes < UNLIMITED) plan.large.push(planned);
  }
  return plan;
}

function planField(field: DescField): FieldPlan {
  const list = field.fieldKind === 'list';
  const isPosition = hasOption(field, on_circle);
  const element = isPosition ? positionElement : elementFor(field);
  const limit = hasOption(field, maxOption) ? getOption(field, maxOption) : UNLIMITED;
  const byteLimit = hasOption(field, max_bytes) ? getOption(field, max_bytes) : UNLIMITED;
  assert(!list || limit < UNLIMITED, `${field.toString()} declares its maximum`);
  return {
    name: field.localName,
    number: field.number,
    list,
    required: hasOption(field, required),
    rare: hasOption(field, rare),
    maxItems: list ? limit : 1,
    maxBytes: list ? byteLimit : limit,
    tagBytes: varintBytes(field.number << 3),
    packed: list && field.packed,
    ...element,
  };
}

type Element = Pick<FieldPlan, 'sizeOf' | 'toWire' | 'fromWire' | 'absent'>;

const same = (value: unknown): unknown => value;

const positionElement: Element = {
  sizeOf: () => 21,
  toWire: (value) => (value === undefined ? new Uint8Array(0) : positionToBytes(value as Position)),
  fromWire: (value) => {
    const bytes = value as Uint8Array;
    if (bytes.length === 0) return undefined;
    if (bytes.length !== 20) throw new WireError(`a position has 20 bytes, not ${bytes.length}`);
    return positionFromBytes(bytes);
  },
  absent: (value) => value === undefined,
};

const stringElement: Element = {
  sizeOf: (value) => delimited(utf8Bytes(value as string)),
  toWire: same,
  fromWire: same,
  absent: (value) => value === '',
};

const bytesElement: Element = {
  sizeOf: (value) => delimited((value as Uint8Array).length),
  toWire: same,
  fromWire: same,
  absent: (value) => (value as Uint8Array).length === 0,
};

const zero = (value: unknown): boolean => Object.is(value, 0);

function fixed(bytes: number): Element {
  return { sizeOf: () => bytes, toWire: same, fromWire: same, absent: zero };
}

/** Keyed by the descriptor's scalar numbers: 1 double, 2 float, 7 fixed32, 8 bool, 9 string, 12 bytes, 13 uint32. */
const scalarElements = new Map<number, Element>([
  [1, fixed(8)],
  [2, fixed(4)],
  [7, fixed(4)],
  [8, { sizeOf: () => 1, toWire: same, fromWire: same, absent: (value) => value === false }],
  [9, stringElement],
  [12, bytesElement],
  [13, { sizeOf: (value) => varintBytes(value as number), toWire: same, fromWire: same, absent: zero }],
]);

function elementFor(field: DescField): Element {
  if (field.message !== undefined) return messageElement(planFor(field.message));
  assert(field.scalar !== undefined, `${field.toString()} is a scalar or a message`);
  return must(scalarElements.get(field.scalar), `${field.toString()} uses a scalar type the codec knows`);
}

function messageElement(plan: MessagePlan): Element {
  return {
    sizeOf: (value) => delimited(sizeOfFields(plan, value as Fields)),
    toWire: (value) => (value === undefined ? undefined : toWireFields(plan, value as Fields)),
    fromWire: (value) => (value === undefined ? undefined : fromWireFields(plan, value as Fields)),
    absent: (value) => value === undefined,
  };
}

function sizeOfFields(plan: MessagePlan, value: Fields): number {
  let total = 0;
  for (const field of plan.fields) {
    const content = value[field.name];
    if (!field.list) {
      if (!field.absent(content)) total += field.tagBytes + field.sizeOf(content);
      continue;
    }
    const items = content as readonly unknown[];
    if (items.length === 0) continue;
    let bytes = 0;
    for (const item of items) bytes += field.sizeOf(item) + (field.packed ? 0 : field.tagBytes);
    total += field.packed ? field.tagBytes + delimited(bytes) : bytes;
  }
  return total;
}

function toWireFields(plan: MessagePlan, value: Fields): Fields {
  const wire: Fields = { $typeName: plan.schema.typeName };
  for (const field of plan.fields) {
    const content = value[field.name];
    wire[field.name] = field.list ? (content as unknown[]).map(field.toWire) : field.toWire(content);
  }
  return wire;
}

function fromWireFields(plan: MessagePlan, wire: Fields): Fields {
  const value: Fields = {};
  for (const field of plan.fields) {
    const content = wire[field.name];
    if (field.list) {
      const items = content as unknown[];
      if (items.length > field.maxItems) throw new WireError(`${field.name}: ${items.length} items, ${field.maxItems} allowed`);
      value[field.name] = items.map((item) => checked(field, item));
    } else {
      const one = checked(field, content);
      if (one !== undefined || !field.rare) value[field.name] = one;
    }
  }
  return value;
}

function checked(field: FieldPlan, item: unknown): unknown {
  if (field.maxBytes < UNLIMITED) {
    const bytes = typeof item === 'string' ? utf8Bytes(item) : item instanceof Uint8Array ? item.length : 0;
    if (bytes > field.maxBytes) throw new WireError(`${field.name}: ${bytes} bytes, ${field.maxBytes} allowed`);
  }
  if (typeof item === 'number' && !Number.isFinite(item)) throw new WireError(`${field.name}: not a finite number`);
  const value = field.fromWire(item);
  if (field.required && value === undefined) throw new WireError(`${field.name} is missing`);
  return value;
}

/** Plans of the messages by name. After the element tables above, from which it is made. */
const framePlans = new Map(planFor(FrameSchema).fields.map((plan) => [plan.name, plan]));

/** Of the messages themselves, by the same names. */
const messagePlans = new Map(FrameSchema.fields.map((field) => [field.localName, planFor(must(field.message, 'a frame holds messages'))]));

function framePlanOf(type: string): FieldPlan {
  return must(framePlans.get(type), 'every message type has a frame field');
}
