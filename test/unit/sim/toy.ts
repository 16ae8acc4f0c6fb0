/**
 * A toy protocol for tests of the simulator: numbered notes that hop on, periodic timers, and a record of all input.
 */
import type { Contact } from '../../../src/core/contact.ts';
import type { Codec, Env, Protocol, StreamId, TimerKind } from '../../../src/core/env.ts';
import { WireError } from '../../../src/core/errors.ts';
import { randomFrom } from '../../../src/core/random.ts';
import { makeContact } from '../../../src/sim/contacts.ts';
import { ConstantLatency } from '../../../src/sim/latency/latency-model.ts';
import type { WorldOptions } from '../../../src/sim/world.ts';
import { World } from '../../../src/sim/world.ts';

export interface Note {
  readonly type: number;
  readonly hops: number;
  readonly to: readonly string[];
}
export type Fact = { readonly kind: 'heard'; readonly hops: number };
export type ToyWorld = World<Note, Fact>;

export const toyCodec: Codec<Note> = {
  encode: (note) => new TextEncoder().encode(JSON.stringify(note)),
  parts: (note) => [toyCodec.encode(note)],
  decode: (bytes) => {
    const note = JSON.parse(new TextDecoder().decode(bytes)) as Note;
    if (note.type === 99) throw new WireError('unknown');
    return note;
  },
  size: (note) => JSON.stringify(note).length,
  number: (note) => note.type,
  name: (number) => `note-${number}`,
};

/** Records what it is told; what else it does is set from outside. */
export class Toy implements Protocol<Note> {
  readonly env: Env<Note, Fact>;
  readonly self: Contact;
  readonly heard: { from: Contact; note: Note; at: number }[] = [];
  readonly timers: { kind: TimerKind; at: number }[] = [];
  readonly unreachable: { peer: string; at: number }[] = [];
  readonly streams: string[] = [];
  readonly opened: StreamId[] = [];
  receivedBytes = 0;
  onNote: (from: Contact, note: Note) => void = () => undefined;
  onTick: (kind: TimerKind) => void = () => undefined;
  onBytes: (stream: StreamId, bytes: Uint8Array) => void = () => undefined;

  constructor(env: Env<Note, Fact>, self: Contact) {
    this.env = env;
    this.self = self;
  }

  onMessage(from: Contact, note: Note, at: number): void {
    this.heard.push({ from, note, at });
    this.env.emit({ kind: 'heard', hops: note.hops });
    this.onNote(from, note);
  }

  onTimer(kind: TimerKind): void {
    this.timers.push({ kind, at: this.env.now() });
    this.onTick(kind);
  }

  onPeerUnreachable(peer: Contact): void {
    this.unreachable.push({ peer: peer.peerId, at: this.env.now() });
  }

  onStreamOpened(from: Contact, stream: StreamId, purpose: number): void {
    this.opened.push(stream);
    this.streams.push(`${this.env.now()} opened ${stream} by ${from.peerId} for ${purpose}`);
  }

  onStreamData(stream: StreamId, bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    this.streams.push(`${this.env.now()} data ${stream} ${bytes[0]}x${bytes.length}`);
    this.onBytes(stream, bytes);
  }

  onStreamWritable(stream: StreamId): void {
    this.streams.push(`${this.env.now()} writable ${stream}`);
  }

  onStreamClosed(stream: StreamId, how: string): void {
    this.streams.push(`${this.env.now()} ${how} ${stream}`);
  }
}

export function toyWorld(options: Partial<WorldOptions<Note>> = {}): ToyWorld {
  return new World<Note, Fact>({ seed: 1, codec: toyCodec, latency: new ConstantLatency(50), ...options });
}

export function spawnToys(world: ToyWorld, count: number): Toy[] {
  return Array.from({ length: count }, () => spawnToy(world));
}

export function spawnToy(world: ToyWorld): Toy {
  const contact = makeContact(randomFrom(7), world.peerCount);
  const made: Toy[] = [];
  world.spawn(contact, (env, self) => {
    const toy = new Toy(env, self);
    made.push(toy);
    return toy;
  });
  return made[0] as Toy;
}

export function note(type = 1, hops = 0): Note {
  return { type, hops, to: [] };
}

/** Peers that gossip on timers, so that a run draws from everything: for comparing fingerprints. */
export function gossip(options: Partial<WorldOptions<Note>>, count = 20): ToyWorld {
  const world = toyWorld(options);
  const toys = spawnToys(world, count);
  for (const toy of toys) {
    const target = (): Contact => (toys[toy.env.random.below(count)] as Toy).self;
    toy.onTick = () => {
      toy.env.send(target(), note(1 + toy.env.random.below(3)));
      toy.env.arm(0, toy.env.now() + 100 + toy.env.random.below(50));
    };
    toy.onNote = (from, heard) => {
      if (heard.hops < 3) toy.env.send(heard.hops === 2 ? from : target(), note(heard.type, heard.hops + 1));
    };
    toy.env.arm(0, toy.env.random.below(100));
  }
  return world;
}
