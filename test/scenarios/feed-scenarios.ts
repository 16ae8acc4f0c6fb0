/**
 * A feed shared by a pool: a few peers poll, all get every version in order, and what holds for simulated peers holds for
 * real ones.
 */
import assert from 'node:assert/strict';
import { positionFromLead } from '../../src/core/position.ts';
import type { FeedTerms } from '../../src/protocol/feed/feed.ts';
import { hashText } from '../../src/protocol/pool/state.ts';
import { FeedHost } from '../../src/sim/feed/feed-host.ts';
import { MemoryShelf } from '../../src/sim/feed/memory-shelf.ts';
import { ToyOrigin } from '../../src/sim/feed/toy-origin.ts';
import { toyTools } from '../../src/sim/feed/toy-tools.ts';
import type { Cluster, Scenario } from './cluster.ts';
import { grow } from './steps.ts';

const KEY = positionFromLead(hashText('https://example.org/feed'));
const STALE_MS = 2_500;
const POLLERS = 3;
const READY_MS = 20_000;
const DELIVERED_MS = 40_000;

class Readers {
  readonly origin: ToyOrigin;
  readonly #cluster: Cluster;
  readonly #hosts = new Map<number, FeedHost>();
  readonly #shelves = new Map<number, MemoryShelf>();

  constructor(cluster: Cluster, itemBytes?: number) {
    this.#cluster = cluster;
    this.origin = new ToyOrigin(toyTools('origin'), itemBytes);
  }

  subscribe(peer: number, terms: Partial<FeedTerms> = {}): void {
    const cluster = this.#cluster;
    const node = cluster.node(peer);
    const { env, contact } = node.local;
    const shelf = this.shelf(peer);
    const host = new FeedHost({
      origin: this.origin, shelf, now: () => env.now(), wallClock: () => env.wallClock(), pool: () => node.feeds,
      after: (delayMs, action) => cluster.after(delayMs, () => {
        if (cluster.alive().includes(peer) && cluster.node(peer) === node) cluster.input(peer, action);
      }),
    });
    this.#hosts.set(peer, host);
    cluster.input(peer, () => {
      node.feeds.use({ shelf, tools: toyTools(contact.peerId), events: host });
      node.feeds.subscribe({ key: KEY, maxStalenessMs: STALE_MS, fanout: 3, canPoll: true, floorMs: 0, ...terms });
    });
  }

  shelf(peer: number): MemoryShelf {
    const known = this.#shelves.get(peer) ?? new MemoryShelf();
    this.#shelves.set(peer, known);
    return known;
  }

  host(peer: number): FeedHost {
    return this.#hosts.get(peer) as FeedHost;
  }

  pollers(): number[] {
    return this.#cluster.alive().filter((peer) => this.#hosts.get(peer)?.role.kind === 'poller');
  }

  lead(): number | undefined {
    return this.pollers().find((peer) => {
      const { role } = this.host(peer);
      return role.kind === 'poller' && role.slot === 0;
    });
  }

  /** All pollers have their slots, and everybody else a parent. */
  async ready(): Promise<void> {
    const { alive } = this.#cluster;
    const cluster = this.#cluster;
    const isReady = (): boolean => this.pollers().length === Math.min(POLLERS, alive.call(cluster).length)
      && alive.call(cluster).every((peer) => this.host(peer).role.kind !== 'seeking' && (peer === this.lead() || cluster.node(peer).feeds.status(KEY)?.role !== undefined));
    assert.ok(await cluster.until(isReady, READY_MS), `${POLLERS} peers poll, ${cluster.replay}: ${alive.call(cluster).map((peer) => this.host(peer).role.kind).join(' ')}`);
  }

  /** Changes the document and waits until everybody has it. */
  async publish(): Promise<void> {
    const cluster = this.#cluster;
    this.origin.change(0);
    const isThere = (): boolean => cluster.alive().every((peer) => this.shelf(peer).latest(KEY)?.hash === this.origin.hash);
    assert.ok(await cluster.until(isThere, DELIVERED_MS), `everybody has the change, ${cluster.replay}: ${cluster.alive().filter((peer) => this.shelf(peer).latest(KEY)?.hash !== this.origin.hash).join()} have not`);
  }

  /** What each was told is what the origin was, from some version on, in order and without repetition. */
  check(): void {
    for (const peer of this.#cluster.alive()) {
      const told = this.host(peer).told.map(({ hash }) => hash);
      const first = this.origin.history.indexOf(told[0] ?? '');
      assert.deepEqual(told, this.origin.history.slice(first), `peer ${peer}, ${this.#cluster.replay}`);
    }
  }
}

export const feedScenarios: Scenario[] = [
  {
    name: 'three peers poll for all, and everybody gets every version in order',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const readers = new Readers(cluster);
      for (const peer of cluster.alive()) readers.subscribe(peer);
      await readers.ready();
      for (let change = 0; change < 4; change++) await readers.publish();
      readers.check();
      const asked = cluster.alive().filter((peer) => readers.host(peer).polls > 0);
      assert.ok(asked.length <= POLLERS, `${asked.length} peers asked the origin, ${cluster.replay}`);
      const audits = cluster.alive().reduce((sum, peer) => sum + readers.host(peer).audits, 0);
      assert.ok(readers.origin.requests[200] - audits <= POLLERS + 4, `${readers.origin.requests[200]} whole answers, ${cluster.replay}`);
    },
  },
  {
    name: 'the lead is killed, then leaves: the next one leads, nothing is lost and nothing repeated',
    sizes: [24, 8],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const readers = new Readers(cluster);
      for (const peer of cluster.alive()) readers.subscribe(peer);
      await readers.ready();
      await readers.publish();
      await cluster.kill(readers.lead() as number);
      await readers.publish();
      await readers.ready();
      await cluster.leave(readers.lead() as number);
      await readers.publish();
      await readers.publish();
      readers.check();
    },
  },
  {
    name: 'a peer that was away gets what it missed from its parent, and not from the origin',
    sizes: [16, 6],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const readers = new Readers(cluster);
      for (const peer of cluster.alive()) readers.subscribe(peer, { canPoll: peer < POLLERS });
      await readers.ready();
      await readers.publish();
      const away = cluster.alive().at(-1) as number;
      const before = readers.host(away).told.length;
      await cluster.kill(away);
      await readers.publish();
      await readers.publish();
      await cluster.restart(away);
      assert.ok(await cluster.until(() => cluster.node(away).standing === 'active', READY_MS));
      readers.subscribe(away, { canPoll: false });
      await readers.publish();
      assert.equal(readers.host(away).told.length, 3, `told once of each that it missed, ${cluster.replay}`);
      assert.equal(readers.shelf(away).all(KEY).length, before + 3);
      assert.equal(readers.host(away).polls, 0);
      readers.check();
    },
  },
  {
    name: 'a document too large for a message is pulled in pieces, by pollers and consumers',
    sizes: [12, 6],
    async run(cluster, peers) {
      await grow(cluster, peers);
      const readers = new Readers(cluster, 20_000);
      for (const peer of cluster.alive()) readers.subscribe(peer);
      await readers.ready();
      for (let change = 0; change < 3; change++) await readers.publish();
      readers.check();
    },
  },
];
