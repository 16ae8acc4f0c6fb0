/**
 * A simulated ring: peers that join, crash, leave and look keys up, beside an oracle that knows the truth.
 *
 * Tests, scenarios, benchmarks and `grove sim ring` all drive this one class.
 */
import { must } from '../../core/assert.ts';
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Random } from '../../core/random.ts';
import type { Fact } from '../../protocol/facts.ts';
import { Node } from '../../protocol/node.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import type { LookupResult } from '../../protocol/routing/router.ts';
import { createCodec } from '../../protocol/wire/codec.ts';
import type { Message } from '../../protocol/wire/messages.ts';
import { drawPosition } from '../contacts.ts';
import type { WorldOptions } from '../world.ts';
import { World } from '../world.ts';
import { SizesByIndex } from './contact-sizes.ts';
import { RingOracle } from './oracle.ts';
import { leafsetOf, tableOf } from './wiring.ts';

export interface LookupCounts {
  issued: number;
  delivered: number;
  wrongOwner: number;
  lost: number;
  /** Issued by a peer that did not live to see the answer. */
  abandoned: number;
}

export type RingWorldOptions = Omit<WorldOptions<Message>, 'codec'>;

export class RingWorld {
  readonly world: World<Message, Fact>;
  readonly options: ProtocolOptions;
  readonly oracle = new RingOracle();
  readonly lookups: LookupCounts = { issued: 0, delivered: 0, wrongOwner: 0, lost: 0, abandoned: 0 };
  readonly #identities: Random;
  readonly #wiring: Random;

  constructor(world: RingWorldOptions, options: ProtocolOptions) {
    this.world = new World<Message, Fact>({ ...world, codec: createCodec({ contactSizes: new SizesByIndex() }) });
    this.options = options;
    this.#identities = this.world.random('identities');
    this.#wiring = this.world.random('wiring');
    this.world.onFact((index, fact) => this.#onFact(index, fact));
  }

  /** A converged ring of `count` members, at drawn positions or where `placeOf` puts the i-th of them. */
  wire(count: number, placeOf?: (i: number) => Position): void {
    const first = this.world.peerCount;
    for (let i = 0; i < count; i++) this.#spawn(placeOf === undefined ? this.#newContact() : { ...this.#newContact(), position: placeOf(i) });
    const contacts: Contact[] = [];
    for (let i = first; i < first + count; i++) contacts.push(this.world.contact(i));
    this.oracle.addAll(contacts);
    const total = this.oracle.size;
    for (let place = 0; place < total; place++) {
      const self = must(this.oracle.at(place), 'a member');
      const table = tableOf(this.oracle, place, this.options, this.#wiring);
      const index = this.world.indexOf(self);
      this.node(index).startWired(leafsetOf(this.oracle, place, this.options.leafsetRadius), table);
    }
  }

  /** A new peer that joins through a member (or begins the ring). Returns its index. */
  join(through?: number): number {
    const index = this.#spawn(this.#newContact());
    this.enter(index, through);
    return index;
  }

  enter(index: number, through?: number): void {
    const introducer = through ?? this.anyMember(index);
    this.node(index).join(introducer === undefined ? [] : [this.world.contact(introducer)]);
  }

  /** The same peer again, after a crash: same identity, position and store, next incarnation. */
  restart(index: number, through?: number): void {
    const old = this.world.contact(index);
    this.world.respawn(index, { ...old, incarnation: old.incarnation + 1 }, (env) => new Node(env, this.options, this.world.contact(index)));
    this.enter(index, through);
  }

  crash(index: number): void {
    this.oracle.remove(this.world.contact(index));
    this.world.crash(index);
  }

  /** Graceful: says goodbye, and is gone two seconds later. */
  leave(index: number): void {
    this.node(index).leave();
    this.world.at(this.world.now() + 2_000, () => {
      if (this.world.isAlive(index)) this.crash(index);
    });
  }

  node(index: number): Node {
    return must(this.world.protocol(index), 'a living peer') as Node;
  }

  /** A member other than `except`, at random; undefined when there is none. */
  anyMember(except = -1): number | undefined {
    for (let tries = 0; tries < 8 && this.oracle.size > 0; tries++) {
      const contact = must(this.oracle.at(this.#identities.below(this.oracle.size)), 'a member');
      const index = this.world.indexOf(contact);
      if (index !== except) return index;
    }
    return undefined;
  }

  /** One lookup of `key` by `index`, counted; `onDone` when it was answered. */
  lookup(index: number, key: Position, onDone?: (result: LookupResult) => void): void {
    this.lookups.issued++;
    let open = true;
    this.node(index).lookup(key, (result) => {
      open = false;
      this.lookups.delivered++;
      onDone?.(result);
    }, () => {
      open = false;
      this.lookups.lost++;
    });
    if (!open) return;
    const limit = this.options.lookupRetryMs * (this.options.lookupAttempts + 1);
    const node = this.world.protocol(index);
    this.world.at(this.world.now() + limit, () => {
      if (!open) return;
      if (this.world.isAlive(index) && this.world.protocol(index) === node) this.lookups.lost++;
      else this.lookups.abandoned++;
    });
  }

  randomKey(random: Random): Position {
    return drawPosition(random);
  }

  /** A round trip between two peers as the latency model has it. */
  directMs(from: number, to: Contact): Millis {
    return 2 * this.world.latencyMs(from, this.world.indexOf(to));
  }

  #newContact(): Contact {
    const index = this.world.peerCount;
    const random = this.#identities.fork('peer', index);
    return {
      // As long as a real identity and address, so that byte counts mean something.
      peerId: `12D3KooW${String(index).padStart(7, '0')}`.padEnd(52, 'x'),
      position: drawPosition(random),
      addresses: [`/ip4/10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}/tcp/4001`],
      name: `peer-${index}`,
      incarnation: 1,
    };
  }

  #spawn(contact: Contact): number {
    const index = this.world.peerCount;
    return this.world.spawn(contact, (env) => new Node(env, this.options, this.world.contact(index)));
  }

  #onMoved(index: number, contact: Contact): void {
    this.oracle.remove(this.world.contact(index));
    this.world.setContact(index, contact);
    this.oracle.add(this.world.contact(index));
  }

  #onFact(index: number, fact: Fact): void {
    if (fact.kind === 'ring-joined') this.oracle.add(this.world.contact(index));
    else if (fact.kind === 'ring-left') this.oracle.remove(this.world.contact(index));
    else if (fact.kind === 'self-moved') this.#onMoved(index, fact.contact);
    else if (fact.kind === 'lookup-delivered') {
      const owner = this.oracle.ownerOf(fact.key);
      if (owner && owner.peerId !== this.world.contact(index).peerId) this.lookups.wrongOwner++;
    }
  }
}
