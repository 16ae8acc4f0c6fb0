/**
 * The membership handshake: what both ends of a new connection say before anything else (handshake.proto).
 *
 * The connection is already encrypted and its ends are authenticated as PeerIds; what is missing is whether the other one
 * belongs to this pool. A wrong key of libp2p's own private networks shows as resets and six-second hangs; here it is one
 * clear sentence after two round trips. Only a nonce, a version and the pool's id leave a peer before the other side has
 * proved itself; name, addresses and settings follow.
 */
import { randomBytes } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { unreachable } from '../core/assert.ts';
import type { Contact } from '../core/contact.ts';
import type { Position } from '../core/position.ts';
import { positionFromBytes, positionToBytes } from '../core/position.ts';
import {
  CardSchema,
  ChallengeSchema,
  GreetingSchema,
  HelloSchema,
  IntroductionSchema,
  RefusalReason,
  RefusalSchema,
  WelcomeSchema,
} from '../protocol/wire/gen/grove/v1/handshake_pb.ts';
import type { Card } from '../protocol/wire/gen/grove/v1/handshake_pb.ts';
import { provenPosition } from './swap-chain.ts';
import type { PoolKeys, Refused, Transcript } from './membership.ts';
import { HandshakeRefused, isProof, POOL_ID_BYTES, proofOf } from './membership.ts';

/** The only protocol served to whoever has not proved membership yet. */
export const HELLO_PROTOCOL = '/grove/1/hello';
/** Unequal versions do not talk. */
export const HANDSHAKE_VERSION = 1;
/** Largest frame of a handshake: a card with its settings. */
export const HELLO_FRAME_BYTES_MAX = 40 * 1024;
export const SETTINGS_BYTES_MAX = 32 * 1024;
export const ADDRESSES_MAX = 8;
export const ADDRESS_BYTES_MAX = 256;
export const NAME_BYTES_MAX = 64;
const PROOF_BYTES_MAX = 6_144;
const NONCE_BYTES = 32;

/** One frame at a time; `read` fails when the owner's deadline has passed or the stream ended. */
export interface HelloChannel {
  read(): Promise<Uint8Array>;
  write(bytes: Uint8Array): void;
}

/** What this peer brings to a handshake. */
export interface Membership {
  readonly keys: PoolKeys;
  readonly multihash: Uint8Array;
  /** Asked only when the other side has proved itself. */
  introduce(): Introduction;
}

/** Who the connection says the other side is. */
export interface Remote {
  readonly peerId: string;
  readonly multihash: Uint8Array;
  readonly position: Position;
}

export interface Introduction {
  readonly contact: Contact;
  readonly settings: Uint8Array;
}

/** The side that opened the stream. */
export async function greetAsOpener(channel: HelloChannel, own: Membership, remote: Remote): Promise<Introduction> {
  const openerHello = newHello(own.keys);
  channel.write(openerHello);
  const greeting = parse(GreetingSchema, await channel.read());
  if (greeting.answer.case === 'refusal') throw new HandshakeRefused(reasonToWord(greeting.answer.value.reason));
  if (greeting.answer.case === undefined) throw new HandshakeRefused('malformed');
  const challenge = greeting.answer.value;
  checkHello(challenge.hello, openerHello, own.keys);
  const transcript: Transcript = {
    openerMultihash: own.multihash,
    acceptorMultihash: remote.multihash,
    openerHello,
    acceptorHello: challenge.hello,
  };
  if (!isProof(challenge.proof, own.keys, 'acceptor', transcript)) throw new HandshakeRefused('wrong-proof');
  const introduction = create(IntroductionSchema, {
    proof: proofOf(own.keys, 'opener', transcript),
    card: newCard(own.introduce()),
  });
  channel.write(toBinary(IntroductionSchema, introduction));
  const welcome = parse(WelcomeSchema, await channel.read());
  if (welcome.answer.case === 'refusal') throw new HandshakeRefused(reasonToWord(welcome.answer.value.reason));
  if (welcome.answer.case === undefined) throw new HandshakeRefused('malformed');
  return readCard(welcome.answer.value, remote);
}

/** The side that accepted the stream. A refusal is said to the other side before it is thrown. */
export async function greetAsAcceptor(channel: HelloChannel, own: Membership, remote: Remote): Promise<Introduction> {
  const openerHello = await channel.read();
  refusing(() => checkHello(openerHello, undefined, own.keys), (refusal) => {
    channel.write(toBinary(GreetingSchema, create(GreetingSchema, { answer: { case: 'refusal', value: refusal } })));
  });
  const acceptorHello = newHello(own.keys);
  const transcript: Transcript = {
    openerMultihash: remote.multihash,
    acceptorMultihash: own.multihash,
    openerHello,
    acceptorHello,
  };
  const challenge = create(ChallengeSchema, { hello: acceptorHello, proof: proofOf(own.keys, 'acceptor', transcript) });
  channel.write(toBinary(GreetingSchema, create(GreetingSchema, { answer: { case: 'challenge', value: challenge } })));
  const bytes = await channel.read();
  const introduced = refusing(
    () => {
      const introduction = parse(IntroductionSchema, bytes);
      if (!isProof(introduction.proof, own.keys, 'opener', transcript)) throw new HandshakeRefused('wrong-proof');
      return readCard(introduction.card, remote);
    },
    (refusal) => {
      channel.write(toBinary(WelcomeSchema, create(WelcomeSchema, { answer: { case: 'refusal', value: refusal } })));
    },
  );
  const card = newCard(own.introduce());
  channel.write(toBinary(WelcomeSchema, create(WelcomeSchema, { answer: { case: 'card', value: card } })));
  return introduced;
}

/** Tells an opener that there is no room for it, without reading what it says. */
export function refuseBusy(channel: HelloChannel): void {
  const refusal = create(RefusalSchema, { reason: RefusalReason.BUSY });
  channel.write(toBinary(GreetingSchema, create(GreetingSchema, { answer: { case: 'refusal', value: refusal } })));
}

/** A card on its own: how a peer that is already proven says that its addresses or its incarnation changed. */
export function encodeCard(introduction: Introduction): Uint8Array {
  return toBinary(CardSchema, newCard(introduction));
}

export function decodeCard(bytes: Uint8Array, remote: Remote): Introduction {
  return readCard(parse(CardSchema, bytes), remote);
}

function newHello(keys: PoolKeys): Uint8Array {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  return toBinary(HelloSchema, create(HelloSchema, { version: HANDSHAKE_VERSION, nonce, poolId: keys.poolId }));
}

function checkHello(bytes: Uint8Array, own: Uint8Array | undefined, keys: PoolKeys): void {
  const hello = parse(HelloSchema, bytes);
  if (hello.version !== HANDSHAKE_VERSION) throw new HandshakeRefused('other-version');
  if (hello.nonce.length !== NONCE_BYTES || hello.poolId.length !== POOL_ID_BYTES) throw new HandshakeRefused('malformed');
  if (Buffer.compare(hello.poolId, keys.poolId) !== 0) throw new HandshakeRefused('other-pool');
  if (own !== undefined && Buffer.compare(bytes, own) === 0) throw new HandshakeRefused('wrong-proof');
}

function newCard({ contact, settings }: Introduction): Card {
  return create(CardSchema, {
    name: contact.name,
    position: positionToBytes(contact.position),
    addresses: [...contact.addresses],
    incarnation: contact.incarnation,
    settings,
    proof: contact.proof?.chain ?? new Uint8Array(),
  });
}

function readCard(card: Card | undefined, remote: Remote): Introduction {
  if (card === undefined || card.position.length !== 20) throw new HandshakeRefused('malformed');
  if (card.settings.length > SETTINGS_BYTES_MAX) throw new HandshakeRefused('malformed');
  const proof = card.proof.length === 0 ? undefined : { chain: card.proof };
  const fits =
    card.proof.length <= PROOF_BYTES_MAX &&
    positionFromBytes(card.position).hex === provenPosition(remote.peerId, proof)?.hex &&
    Buffer.byteLength(card.name) <= NAME_BYTES_MAX &&
    card.addresses.length <= ADDRESSES_MAX &&
    card.addresses.every((address) => address.startsWith('/') && Buffer.byteLength(address) <= ADDRESS_BYTES_MAX);
  if (!fits) throw new HandshakeRefused('false-card');
  const { name, addresses, incarnation } = card;
  return {
    contact: { peerId: remote.peerId, position: positionFromBytes(card.position), addresses, name, incarnation, ...(proof && { proof }) },
    settings: card.settings,
  };
}

function parse<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch {
    throw new HandshakeRefused('malformed');
  }
}

/** Runs a check; a refusal is put into words for the other side before it goes on its way. */
function refusing<T>(check: () => T, tell: (refusal: ReturnType<typeof newRefusal>) => void): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof HandshakeRefused) tell(newRefusal(error.why));
    throw error;
  }
}

function newRefusal(why: Refused): MessageShape<typeof RefusalSchema> {
  return create(RefusalSchema, { reason: wordToReason(why) });
}

function wordToReason(why: Refused): RefusalReason {
  switch (why) {
    case 'other-pool': return RefusalReason.OTHER_POOL;
    case 'other-version': return RefusalReason.OTHER_VERSION;
    case 'wrong-proof': return RefusalReason.WRONG_PROOF;
    case 'false-card': return RefusalReason.FALSE_CARD;
    case 'busy': return RefusalReason.BUSY;
    case 'malformed': return RefusalReason.UNSPECIFIED;
    default: return unreachable(why);
  }
}

function reasonToWord(reason: RefusalReason): Refused {
  switch (reason) {
    case RefusalReason.OTHER_POOL: return 'other-pool';
    case RefusalReason.OTHER_VERSION: return 'other-version';
    case RefusalReason.WRONG_PROOF: return 'wrong-proof';
    case RefusalReason.FALSE_CARD: return 'false-card';
    case RefusalReason.BUSY: return 'busy';
    default: return 'malformed';
  }
}
