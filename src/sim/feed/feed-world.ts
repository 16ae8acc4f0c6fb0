/**
 * A simulated pool that shares one feed: peers of a ring with an origin that changes, beside checkers that know the truth.
 *
 * Every check looks at all peers: how many hold slots (INV-FEED-1), whether anybody was told a version out of order or twice
 * (INV-FEED-2), and whose fan-out is exceeded (INV-FEED-4).
 */
import { must } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import { positionFromLead } from '../../core/position.ts';
import type { FeedTerms, FeedTools } from '../../protocol/feed/feed.ts';
import { PATH_MAX } from '../../protocol/lagover/agent/tree.ts';
import type { Node } from '../../protocol/node.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import { hashText } from '../../protocol/pool/state.ts';
import type { RingWorldOptions } from '../ring/ring-world.ts';
import { RingWorld } from '../ring/ring-world.ts';
import { FeedHost } from './feed-host.ts';
import { MemoryShelf } from './memory-shelf.ts';
import { toyPoison } from './poison.ts';
import { ToyOrigin } from './toy-origin.ts';
import { toyTools } from './toy-tools.ts';

const CHECK_EVERY_MS = 100;
/** Whoever is given a slot may hear of it before the one who lost it does. */
const NEWS_MS = 1_000;

export interface FeedFaults {
  /** Checks at which more peers polled than there are slots, and did so for longer than news of that take. */
  pollers: number;
  /** Checks at which somebody served more children than it offered. */
  exceeded: number;
}

export interface FeedWishes {
  readonly maxStalenessMs: Millis;
  readonly fanout: number;
  readonly canPoll: boolean;
}

export class FeedWorld {
  readonly ring: RingWorld;
  readonly key: Position;
  readonly origin: ToyOrigin;
  /** Instead of the toy one, for whoever measures bytes. Set before anybody subscribes. */
  compression: Partial<Pick<FeedTools, 'pack' | 'unpack'>> = {};
  readonly faults: FeedFaults = { pollers: 0, exceeded: 0 };
  readonly #wishesOf: (peer: number) => FeedWishes;
  readonly #hosts: (FeedHost | undefined)[] = [];
  readonly #shelves: MemoryShelf[] = [];
  #tooManyChecks = 0;

  constructor(peers: number, world: RingWorldOptions, options: ProtocolOptions, wishesOf: (peer: number) => FeedWishes, url = 'https://example.org/feed') {
    this.ring = new RingWorld(world, options);
    this.key = positionFromLead(hashText(url));
    this.#wishesOf = wishesOf;
    this.origin = new ToyOrigin(toyTools('origin'));
    this.ring.wire(peers);
    this.#checkLater();
  }

  host(peer: number): FeedHost {
    return must(this.#hosts[peer], 'a subscriber');
  }

  shelf(peer: number): MemoryShelf {
    return (this.#shelves[peer] ??= new MemoryShelf());
  }

  /** From now on that peer's shelf gives others something else. */
  poison(peer: number): void {
    this.shelf(peer).poison = toyPoison(this.ring.world.contact(peer).peerId, this.key);
  }

  /** Of those who hear from the lead: below that peer, itself not counted. */
  below(peer: number): number[] {
    const { world } = this.ring;
    const parentOf = (child: number): number => {
      const { role } = this.host(child);
      return role.kind === 'seeking' || role.parent === undefined ? -1 : world.indexOf(role.parent);
    };
    return this.subscribers().filter((child) => {
      for (let at = parentOf(child), steps = 0; at >= 0 && steps < PATH_MAX; at = parentOf(at), steps++) if (at === peer) return true;
      return false;
    });
  }

  subscribers(): number[] {
    return this.ring.world.alive().filter((peer) => this.#hosts[peer] !== undefined);
  }

  subscribe(peer: number): void {
    const { world } = this.ring;
    const node = this.ring.node(peer);
    const host = new FeedHost({
      origin: this.origin, shelf: this.shelf(peer), now: () => world.now(), wallClock: () => node.local.env.wallClock(), pool: () => node.feeds,
      after: (delayMs, action) => world.at(world.now() + delayMs, () => {
        if (world.isAlive(peer) && this.#isCurrent(peer, node)) action();
      }),
    });
    this.#hosts[peer] = host;
    node.feeds.use({ shelf: this.shelf(peer), tools: { ...toyTools(node.local.contact.peerId), ...this.compression }, events: host });
    node.feeds.subscribe(this.termsOf(peer));
    host.begin(this.key, this.ring.world.random(`first ${peer}`).unit());
  }

  termsOf(peer: number): FeedTerms {
    return { key: this.key, floorMs: 0, ...this.#wishesOf(peer) };
  }

  crash(peer: number): void {
    this.#hosts[peer] = undefined;
    this.ring.crash(peer);
  }

  /** With what it had on its shelf. */
  restart(peer: number): void {
    this.ring.restart(peer);
    this.subscribe(peer);
  }

  unsubscribe(peer: number): void {
    this.#hosts[peer] = undefined;
    this.ring.node(peer).feeds.unsubscribe(this.key);
  }

  /** Of the origin, now. */
  change(): void {
    this.origin.change(this.ring.world.now());
  }

  pollers(): number[] {
    return this.subscribers().filter((peer) => this.host(peer).role.kind === 'poller');
  }

  lead(): number | undefined {
    return this.subscribers().find((peer) => {
      const { role } = this.host(peer);
      return role.kind === 'poller' && role.slot === 0;
    });
  }

  /** Whoever keeps the feed's register. */
  keeper(): number | undefined {
    return this.ring.world.alive().find((peer) => this.ring.node(peer).membership.owns(this.key));
  }

  /** Whether everybody has what the origin has. */
  isCaughtUp(): boolean {
    return this.subscribers().every((peer) => this.shelf(peer).latest(this.key)?.hash === this.origin.hash);
  }

  /** Who holds versions in another order than the origin had them, holds or was told one twice: in words. */
  disorder(): string[] {
    return this.subscribers().flatMap((peer) => {
      const held = this.shelf(peer).all(this.key).map(({ hash }) => this.origin.history.indexOf(hash));
      const told = this.host(peer).told.map(({ hash }) => hash);
      const isOrdered = held.every((version, i) => i === 0 || version > (held[i - 1] as number));
      return isOrdered && new Set(told).size === told.length ? [] : [`peer ${peer} holds ${held.join(' ')}`];
    });
  }

  #isCurrent(peer: number, node: Node): boolean {
    return this.ring.world.protocol(peer) === node;
  }

  #checkLater(): void {
    const { world } = this.ring;
    world.at(world.now() + CHECK_EVERY_MS, () => {
      this.#check();
      this.#checkLater();
    });
  }

  #check(): void {
    this.#tooManyChecks = this.pollers().length > this.ring.options.pollers ? this.#tooManyChecks + 1 : 0;
    if (this.#tooManyChecks * CHECK_EVERY_MS > NEWS_MS) this.faults.pollers++;
    for (const peer of this.subscribers()) {
      const children = this.ring.node(peer).feeds.status(this.key)?.children ?? [];
      if (children.length > this.#wishesOf(peer).fanout) this.faults.exceeded++;
    }
  }
}
