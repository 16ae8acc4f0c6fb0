/**
 * Byte streams between relays of one session, without a network: whatever was written is delivered when the test says so, in order,
 * as the host would. Whoever opens a stream is served by the relay at the other end, or waits.
 */
import type { Contact } from '../../../src/core/contact.ts';
import type { StreamId, Streams } from '../../../src/core/env.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { Frame } from '../../../src/protocol/alm/stream/frames.ts';
import { FrameReader } from '../../../src/protocol/alm/stream/frames.ts';
import type { Relay } from '../../../src/protocol/alm/stream/relay.ts';

interface End {
  readonly owner: string;
  readonly id: StreamId;
  other: End | undefined;
  isPaused: boolean;
  isClosed: boolean;
  /** Takes nothing at present: writes are kept, and answered false. */
  isStuck: boolean;
  readonly items: (Uint8Array | 'ended' | 'reset')[];
  /** Before the relay has accepted it. */
  stranger: FrameReader | undefined;
}

export function contactNamed(peerId: string): Contact {
  return { peerId, position: positionFromLead([...peerId].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7)), addresses: [], name: peerId, incarnation: 1 };
}

export class Wires {
  readonly #relays = new Map<string, Relay>();
  readonly #ends = new Map<StreamId, End>();
  /** Who asked whom for a stream, and whether that was granted. */
  readonly asked: string[] = [];
  #lastId = 0;

  add(peerId: string, relay: Relay): Relay {
    this.#relays.set(peerId, relay);
    return relay;
  }

  streamsOf(owner: string): Streams {
    return {
      open: (to) => {
        const [near, far] = [this.#end(owner), this.#end(to.peerId)];
        near.other = far;
        far.other = near;
        far.stranger = new FrameReader();
        far.isClosed = !this.#relays.has(to.peerId);
        if (far.isClosed) near.items.push('reset');
        return near.id;
      },
      write: (id, bytes) => {
        const end = this.#ends.get(id);
        if (end === undefined || end.isClosed) return false;
        end.other?.items.push(bytes.slice());
        return !end.isStuck;
      },
      end: (id) => void this.#ends.get(id)?.other?.items.push('ended'),
      reset: (id) => {
        const end = this.#ends.get(id);
        if (end === undefined || end.isClosed) return;
        end.isClosed = true;
        end.other?.items.push('reset');
      },
      pause: (id) => this.#set(id, true),
      resume: (id) => this.#set(id, false),
    };
  }

  /** Everything from and to it breaks. */
  kill(peerId: string): void {
    this.#relays.delete(peerId);
    for (const end of this.#ends.values()) if (end.owner === peerId && !end.isClosed) this.streamsOf(peerId).reset(end.id);
  }

  /** It is there, and does nothing any more. */
  mute(peerId: string): void {
    this.#relays.delete(peerId);
  }

  /** From now on it takes nothing of that parent's. */
  stick(from: string, to: string): void {
    for (const end of this.#ends.values()) if (end.owner === from && end.other?.owner === to) end.isStuck = true;
  }

  /** Delivers until nothing moves. */
  run(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const end of [...this.#ends.values()]) {
        while (!end.isClosed && !end.isPaused && end.items.length > 0) {
          moved = true;
          this.#deliver(end, end.items.shift() as Uint8Array | 'ended' | 'reset');
        }
      }
    }
  }

  #deliver(end: End, item: Uint8Array | 'ended' | 'reset'): void {
    const relay = this.#relays.get(end.owner);
    if (typeof item === 'string') {
      end.isClosed = true;
      if (item === 'ended' && end.other !== undefined && !end.other.isClosed) end.other.items.push('ended');
      if (end.stranger === undefined) relay?.onClosed(end.id);
      return;
    }
    if (end.stranger === undefined || relay === undefined) return relay?.onData(end.id, item);
    end.stranger.push(item);
    const wish = end.stranger.next();
    if (wish?.kind === 'subscribe') this.#admit(end, wish);
  }

  #admit(end: End, wish: Extract<Frame, { readonly kind: 'subscribe' }>): void {
    const from = end.other?.owner ?? '';
    const isServed = this.#relays.get(end.owner)?.accept(contactNamed(from), end.id, wish, end.stranger as FrameReader) === true;
    if (isServed) end.stranger = undefined;
    this.asked.push(`${from} asks ${end.owner} from ${wish.from}${wish.upTo > 0 ? ` to ${wish.upTo}` : ''}: ${isServed ? 'served' : 'waits'}`);
  }

  #end(owner: string): End {
    const end: End = { owner, id: ++this.#lastId, other: undefined, isPaused: false, isClosed: false, isStuck: false, items: [], stranger: undefined };
    this.#ends.set(end.id, end);
    return end;
  }

  #set(id: StreamId, isPaused: boolean): void {
    const end = this.#ends.get(id);
    if (end !== undefined) end.isPaused = isPaused;
  }
}
