/**
 * libp2p's Noise as it is on the wire, with less work around it.
 *
 * libp2p writes the parts of an encrypted message to the socket one by one, a system call each, joins what it received before
 * decrypting it into yet another buffer, and leaves every buffer to the garbage collector. V8 counts these bytes and collects the
 * whole heap after each 64 MiB of them: at 64 KiB every two seconds to 31 children that was two thirds of the processor's time, and
 * encrypting into fresh memory costs four times as much as into memory that was just given back (docs/decisions/0048).
 * Here a message leaves in one system call, and whoever knows that nobody needs a buffer any more gives its memory back at once: what
 * came from a socket when it is decrypted, what goes to one when the kernel has it. Keys are made ready once and not for every
 * message, and the end of what came is not told by an exception with a stack. libp2p has no setting for this, so
 * methods are replaced on single connections; a version that is built otherwise is left as it is.
 */
import type { KeyObject } from 'node:crypto';
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { Socket } from 'node:net';
import type { MessageStream, SecuredConnection } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { Uint8ArrayList } from 'uint8arraylist';
import { giveBack } from './give-back.ts';

type MakeNoise = ReturnType<typeof noise>;
type Bytes = Uint8Array | Uint8ArrayList;

/** The part of libp2p's Noise that encrypts. */
interface Ciphers {
  encrypt: (plain: Bytes, nonce: Uint8Array, extra: Uint8Array, key: Uint8Array) => Bytes;
  decrypt: (cipher: Bytes, nonce: Uint8Array, extra: Uint8Array, key: Uint8Array, into?: Uint8Array) => Bytes;
}

interface Sent {
  readonly sentBytes: number;
  readonly canSendMore: boolean;
}

/** A libp2p connection on a TCP socket. */
interface OnSocket {
  readonly socket: Socket;
  sendData: (data: Uint8ArrayList) => Sent;
}

/** What Noise makes of it. */
interface Encrypted {
  readonly handshake: {
    encrypt(plain: Bytes): Bytes;
    decrypt(cipher: Bytes, into?: Uint8Array): Bytes;
  };
  readonly decoder: { readonly buffer: Uint8ArrayList; lengthDecoder: (data: Uint8ArrayList) => number };
  sendData: (data: Uint8ArrayList) => Sent;
  decrypt: (cipher: Uint8ArrayList) => Uint8ArrayList;
}

/** Of one Noise message, encrypted. */
const MESSAGE_BYTES_MAX = 65_535;
const TAG_BYTES = 16;
const LENGTH_BYTES = 2;
/** Up to here bytes are copied into one piece, because a further piece costs more. libp2p's Noise encrypts these without Node's help. */
const SMALL_BYTES = 1_200;
const CIPHER = 'chacha20-poly1305';
const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };
/** How libp2p's decoder is told that the length has not come yet. */
const NO_LENGTH_YET = new RangeError('the length has not come yet');

export function leanNoise(): MakeNoise {
  const make = noise();
  return (components) => {
    const encrypter = make(components);
    useReadyKeys((encrypter as unknown as { readonly crypto?: Partial<Ciphers> }).crypto);
    const [outbound, inbound] = [encrypter.secureOutbound.bind(encrypter), encrypter.secureInbound.bind(encrypter)];
    encrypter.secureOutbound = async (connection, options) => leaner(connection, await outbound(connection, options));
    encrypter.secureInbound = async (connection, options) => leaner(connection, await inbound(connection, options));
    return encrypter;
  };
}

/** Node looks three times as long at bytes that are a key as at a key object. */
function useReadyKeys(ciphers: Partial<Ciphers> | undefined): void {
  const { encrypt, decrypt } = ciphers ?? {};
  if (ciphers === undefined || encrypt === undefined || decrypt === undefined) return;
  const keys = new WeakMap<Uint8Array, KeyObject>();
  const ready = (bytes: Uint8Array): KeyObject => {
    const key = keys.get(bytes) ?? createSecretKey(bytes);
    keys.set(bytes, key);
    return key;
  };
  ciphers.encrypt = (plain, nonce, extra, key) => {
    if (plain.byteLength < SMALL_BYTES) return encrypt(plain, nonce, extra, key);
    const cipher = createCipheriv(CIPHER, ready(key), nonce, CIPHER_OPTIONS);
    cipher.setAAD(extra, { plaintextLength: plain.byteLength });
    const sealed = new Uint8ArrayList();
    for (const piece of plain instanceof Uint8Array ? [plain] : plain) sealed.append(cipher.update(piece));
    cipher.final();
    sealed.append(cipher.getAuthTag());
    return sealed;
  };
  ciphers.decrypt = (sealed, nonce, extra, key, into) => {
    if (sealed.byteLength < SMALL_BYTES) return decrypt(sealed, nonce, extra, key, into);
    const end = sealed.byteLength - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, ready(key), nonce, CIPHER_OPTIONS);
    decipher.setAAD(extra, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    decipher.final();
    return plain;
  };
}

function leaner<T>(connection: MessageStream, secured: SecuredConnection<T>): SecuredConnection<T> {
  const encrypted = secured.connection as unknown as Encrypted;
  if (!isOnSocket(connection) || !isEncrypted(encrypted)) return secured;
  writeAtOnce(connection);
  giveBackWhatIsSent(connection, encrypted);
  giveBackWhatIsRead(connection, encrypted);
  return secured;
}

function isOnSocket(connection: MessageStream): connection is MessageStream & OnSocket {
  const { socket, sendData } = connection as unknown as Partial<OnSocket>;
  return socket instanceof Socket && typeof sendData === 'function';
}

function isEncrypted({ handshake, decoder, sendData, decrypt }: Partial<Encrypted>): boolean {
  return typeof handshake?.encrypt === 'function' && typeof handshake.decrypt === 'function' && decoder?.buffer instanceof Uint8ArrayList && typeof decoder.lengthDecoder === 'function' && typeof sendData === 'function' && typeof decrypt === 'function';
}

/** All that is sent together in one system call. */
function writeAtOnce(connection: OnSocket): void {
  const { socket } = connection;
  connection.sendData = (data) => {
    socket.cork();
    for (const piece of data) socket.write(piece);
    socket.uncork();
    return { sentBytes: data.byteLength, canSendMore: socket.writableLength < socket.writableHighWaterMark };
  };
}

function giveBackWhatIsSent(connection: MessageStream & OnSocket, encrypted: Encrypted): void {
  encrypted.sendData = (data) => {
    const sealed = seal(encrypted, data);
    const canSendMore = connection.send(sealed);
    // Nothing waits in this process: the kernel has its copy.
    if (connection.writeBufferLength === 0 && connection.socket.writableLength === 0) for (const piece of sealed) giveBack(piece);
    return { sentBytes: data.byteLength, canSendMore };
  };
}

function seal({ handshake }: Encrypted, data: Uint8ArrayList): Uint8ArrayList {
  const sealed = new Uint8ArrayList();
  const step = MESSAGE_BYTES_MAX - TAG_BYTES;
  for (let at = 0; at < data.byteLength; at += step) {
    const plain = data.sublist(at, Math.min(at + step, data.byteLength));
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt16BE(plain.byteLength + TAG_BYTES);
    const cipher = handshake.encrypt(joinedStart(plain));
    if (plain.byteLength < SMALL_BYTES) sealed.append(Buffer.concat([length, cipher.subarray()]));
    else sealed.append(length, cipher);
  }
  return sealed;
}

/** The headers in front of the bytes as one piece, because each is encrypted on its own. */
function joinedStart(plain: Uint8ArrayList): Uint8ArrayList {
  let bytes = 0;
  for (const piece of plain) {
    if (bytes + piece.byteLength > SMALL_BYTES) break;
    bytes += piece.byteLength;
  }
  return bytes === 0 ? plain : new Uint8ArrayList(plain.subarray(0, bytes), plain.sublist(bytes));
}

function giveBackWhatIsRead(connection: MessageStream, encrypted: Encrypted): void {
  const { handshake, decoder } = encrypted;
  encrypted.decrypt = (cipher) => {
    // Not into the bytes that came: their memory is given back.
    if (cipher.byteLength < SMALL_BYTES) return new Uint8ArrayList(handshake.decrypt(cipher, Buffer.allocUnsafe(cipher.byteLength - TAG_BYTES)));
    const joined = [...cipher].length > 1;
    const whole = cipher.subarray();
    const plain = new Uint8ArrayList(handshake.decrypt(whole));
    if (joined) giveBack(whole);
    return plain;
  };
  decoder.lengthDecoder = (data) => {
    if (data.byteLength < LENGTH_BYTES) throw NO_LENGTH_YET;
    return data.get(0) * 256 + data.get(1);
  };
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  // Hears of every piece after Noise, which was here first and has decrypted all whole messages.
  connection.addEventListener('message', ({ data }) => {
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      held.push(piece);
      heldBytes += piece.byteLength;
    }
    for (let first = held[0]; first !== undefined && heldBytes - first.byteLength >= decoder.buffer.byteLength; first = held[0]) {
      held.shift();
      heldBytes -= first.byteLength;
      giveBack(first);
    }
  });
}
