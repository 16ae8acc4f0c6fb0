/**
 * Getting a body from the peer that names it: out of the message itself, or pulled piece by piece, and then unpacked and compared
 * with its digest. What does not fit its digest or its size is nobody's body.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { FeedShelf, FeedTools, FoundVersion } from './feed.ts';
import { ATTEMPTS, PACKED_BYTES_MAX, PIECE_BYTES_MAX, PIECES_AT_ONCE, PULLING_BYTES_MAX, TRANSFER_MS } from './bounds.ts';
import type { Packing } from './packing.ts';
import { bytesOfHex, hexOfBytes } from './record.ts';

export interface Offer {
  readonly from: Contact;
  readonly key: Position;
  readonly version: FoundVersion;
  /** Empty: packed without a dictionary. */
  readonly base: Uint8Array;
  /** Empty: to be pulled. */
  readonly packed: Uint8Array;
}

/** `plain`: the base is not here. `false`: the bytes are not what they are said to be. `busy`: too much is being pulled. */
export type Taken = { readonly kind: 'body'; readonly body: Uint8Array } | { readonly kind: 'pulling' | 'plain' | 'false' | 'busy' };

/** What versions cost that came from other peers: over one another, the delivery factor. */
export interface DeliveryTally {
  /** As it travelled, repetitions included. */
  receivedBytes: number;
  /** Of the bodies that were new here. */
  neededBytes: number;
}

export class Intake {
  readonly tally: DeliveryTally = { receivedBytes: 0, neededBytes: 0 };
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #shelf: FeedShelf;
  readonly #tools: FeedTools;
  readonly #packing: Packing;
  #pullingBytes = 0;

  constructor(local: Local, requests: Requests, shelf: FeedShelf, tools: FeedTools, packing: Packing) {
    this.#local = local;
    this.#requests = requests;
    this.#shelf = shelf;
    this.#tools = tools;
    this.#packing = packing;
  }

  /** `onPulled` runs once if it is pulled: with the body, or with undefined. */
  take(offer: Offer, onPulled: (body: Uint8Array | undefined) => void): Taken {
    const { base, packed, version } = offer;
    const dictionary = base.length === 0 ? undefined : this.#shelf.body(hexOfBytes(base));
    if (base.length > 0 && dictionary === undefined) return { kind: 'plain' };
    if (packed.length > 0) {
      const body = this.#open(offer, packed, dictionary);
      return body === undefined ? { kind: 'false' } : { kind: 'body', body };
    }
    if (this.#pullingBytes + version.size > PULLING_BYTES_MAX) return { kind: 'busy' };
    this.#pull(offer, (whole) => onPulled(whole === undefined ? undefined : this.#open(offer, whole, dictionary)));
    return { kind: 'pulling' };
  }

  #open({ key, base, version: { hash, size } }: Offer, packed: Uint8Array, dictionary: Uint8Array | undefined): Uint8Array | undefined {
    this.tally.receivedBytes += packed.length;
    if (this.#shelf.find(key, hash) === undefined) this.tally.neededBytes += size;
    const body = this.#tools.unpack(packed, dictionary, size);
    if (body === undefined || body.length !== size || this.#tools.hash(body) !== hash) return undefined;
    // Whoever stands below gets it as it came.
    this.#packing.keep(hash, hexOfBytes(base), packed);
    return body;
  }

  /** The first piece tells how long it is; then several at a time. */
  #pull({ from, key, version, base }: Offer, onDone: (whole: Uint8Array | undefined) => void): void {
    const reserved = version.size;
    this.#pullingBytes += reserved;
    let whole: Uint8Array | undefined;
    let next = 0;
    let open = 0;
    let filled = 0;
    let isOver = false;
    const end = (result: Uint8Array | undefined): void => {
      if (isOver) return;
      isOver = true;
      this.#pullingBytes -= reserved;
      onDone(result);
    };
    const ask = (offset: number): void => {
      open++;
      next = offset + PIECE_BYTES_MAX;
      this.#requests.ask({
        to: from, attempts: ATTEMPTS, timeoutMs: this.#local.timeoutTo(undefined) + TRANSFER_MS,
        message: (op) => ({ type: 'feedPull', op, key, hash: bytesOfHex(version.hash), base, offset }),
        onReply: (reply) => {
          open--;
          if (isOver) return;
          if (reply.type !== 'feedPiece' || !reply.known) return end(undefined);
          whole ??= reply.total > 0 && reply.total <= Math.min(PACKED_BYTES_MAX, 2 * version.size + PIECE_BYTES_MAX) ? new Uint8Array(reply.total) : undefined;
          if (whole === undefined || whole.length !== reply.total || reply.piece.length !== Math.min(PIECE_BYTES_MAX, whole.length - offset)) return end(undefined);
          whole.set(reply.piece, offset);
          filled += reply.piece.length;
          if (filled === whole.length) return end(whole);
          while (open < PIECES_AT_ONCE && next < whole.length) ask(next);
        },
        onSilent: () => end(undefined),
      });
    };
    ask(0);
  }
}
