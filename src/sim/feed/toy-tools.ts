/**
 * Digests, signatures and compression for simulated feeds that anybody could forge or undo: a simulation is about who sends what
 * to whom. A difference is what lies between the common beginning and the common end of two bodies.
 */
import { claimedNetworks } from '../../core/network.ts';
import type { FeedTools } from '../../protocol/feed/feed.ts';

const HEADER = 9;
const SIGNATURE_BYTES = 64;

export function toyTools(self: string): FeedTools {
  const sign = (by: string, statement: Uint8Array): Uint8Array => {
    const words = digest(statement, by);
    const signature = new Uint8Array(SIGNATURE_BYTES);
    const view = new DataView(signature.buffer);
    words.forEach((word, i) => view.setUint32(4 * i, word));
    return signature;
  };
  return {
    hash: (body) => digest(body, '').map((word) => word.toString(16).padStart(8, '0')).join(''),
    sign: (statement) => sign(self, statement),
    verify: (peerId, statement, signature) => {
      const right = sign(peerId, statement);
      return signature.length === right.length && right.every((byte, i) => byte === signature[i]);
    },
    pack, unpack,
    networksOf: claimedNetworks,
  };
}

/** Eight words of 32 bits. */
function digest(bytes: Uint8Array, salt: string): number[] {
  const words = Array.from({ length: 8 }, (_, i) => (2_166_136_261 + 97 * i) >>> 0);
  const mix = (byte: number): void => {
    for (let i = 0; i < 8; i++) words[i] = Math.imul((words[i] as number) ^ (byte + i), 16_777_619) >>> 0;
  };
  for (let i = 0; i < salt.length; i++) mix(salt.charCodeAt(i) & 255);
  for (const byte of bytes) mix(byte);
  return words;
}

function pack(body: Uint8Array, base: Uint8Array | undefined): Uint8Array {
  const limit = base === undefined ? 0 : Math.min(base.length, body.length);
  let head = 0;
  while (head < limit && body[head] === base?.[head]) head++;
  let tail = 0;
  while (tail < limit - head && body[body.length - 1 - tail] === base?.[base.length - 1 - tail]) tail++;
  const packed = new Uint8Array(HEADER + body.length - head - tail);
  const view = new DataView(packed.buffer);
  packed[0] = base === undefined ? 0 : 1;
  view.setUint32(1, head);
  view.setUint32(5, tail);
  packed.set(body.subarray(head, body.length - tail), HEADER);
  return packed;
}

function unpack(packed: Uint8Array, base: Uint8Array | undefined, size: number): Uint8Array | undefined {
  if (packed.length < HEADER || packed[0] !== (base === undefined ? 0 : 1)) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset);
  const head = view.getUint32(1);
  const tail = view.getUint32(5);
  const middle = packed.length - HEADER;
  if (head + middle + tail !== size || head + tail > (base?.length ?? 0)) return undefined;
  const body = new Uint8Array(size);
  if (base !== undefined) {
    body.set(base.subarray(0, head), 0);
    body.set(base.subarray(base.length - tail), size - tail);
  }
  body.set(packed.subarray(HEADER), head);
  return body;
}
