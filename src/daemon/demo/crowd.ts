/**
 * The peers of a demonstration: whole daemons in one process, each with a directory of its own, that subscribe to one feed.
 *
 * A killed peer says no farewell; it comes back with its identity and what it had stored, as after a power cut.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../core/assert.ts';
import { GroveError } from '../../core/errors.ts';
import type { DeliveryTally } from '../../protocol/feed/intake.ts';
import type { Daemon } from '../daemon.ts';
import { startDaemon } from '../daemon.ts';
import type { FeedSummary } from '../feeds/views.ts';
import type { Arrival, Receipt } from './figures.ts';

export interface CrowdOptions {
  readonly url: string;
  /** Wished by each peer. */
  readonly maxStalenessMs: (peer: number) => number;
  readonly originFloorMs: number;
  readonly signal: AbortSignal;
  /** Of a pool that is there already; undefined: the first peer begins one. */
  readonly invite?: string | undefined;
}

/** A question to the origin. */
export interface Poll {
  readonly peer: number;
  /** Unix ms, when its answer was there. */
  readonly at: number;
  readonly outcome: string;
  readonly because: string;
}

interface Member {
  readonly directory: string;
  daemon: Daemon | undefined;
  feed: string;
  readonly known: Set<string>;
}

const START_ATTEMPTS = 6;
const ITEMS_MAX = 100_000;
/** Started at one time: more only compete for the processor. */
const START_AT_ONCE = 4;

export class Crowd {
  readonly receipts: Receipt[] = [];
  readonly arrivals: Arrival[] = [];
  readonly polls: Poll[] = [];
  readonly upSince = new Map<number, number>();
  readonly #options: CrowdOptions;
  readonly #folder: string;
  readonly #members: Member[] = [];
  /** Of those that were killed. */
  readonly #past: DeliveryTally[] = [];

  private constructor(options: CrowdOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  static async create(options: CrowdOptions): Promise<Crowd> {
    return new Crowd(options, await mkdtemp(join(tmpdir(), 'grove-demo-')));
  }

  get size(): number {
    return this.#members.length;
  }

  living(): number[] {
    return this.#members.flatMap(({ daemon }, peer) => (daemon === undefined ? [] : [peer]));
  }

  daemon(peer: number): Daemon {
    return must(this.#members[peer]?.daemon, 'a living peer');
  }

  /** Starts so many; the first begins the pool. */
  async start(count: number, onStarted: (living: number) => void): Promise<void> {
    await this.add();
    onStarted(1);
    for (let left = count - 1; left > 0; left -= START_AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(left, START_AT_ONCE) }, async () => {
        await this.add();
        onStarted(this.living().length);
      }));
    }
  }

  /** A newcomer. Returns its number. */
  async add(): Promise<number> {
    const peer = this.#members.length;
    this.#members.push({ directory: join(this.#folder, `peer-${peer}`), daemon: undefined, feed: '', known: new Set() });
    await this.restart(peer);
    return peer;
  }

  /** The same peer again. */
  async restart(peer: number): Promise<void> {
    const member = this.#member(peer);
    const { url, maxStalenessMs } = this.#options;
    const daemon = await this.#start(peer, member.directory);
    member.daemon = daemon;
    this.upSince.set(peer, Date.now());
    daemon.feeds.on('version', ({ version }) => {
      this.receipts.push({ peer, hash: version.hash, at: Date.now() });
      this.#look(peer);
    });
    daemon.events.listen(({ event, outcome, because }) => {
      if (event === 'feed-polled') this.polls.push({ peer, at: Date.now(), outcome: String(outcome), because: String(because) });
    });
    member.feed = daemon.feeds.add({ url, maxStalenessMs: maxStalenessMs(peer) }).id;
    this.#look(peer);
  }

  /** On a machine that is busy with the others a start may take too long: then once more. */
  async #start(peer: number, directory: string, attempt = 1): Promise<Daemon> {
    const { originFloorMs, signal, invite } = this.#options;
    const introducer = this.living()[0];
    const through = introducer === undefined ? invite : this.daemon(introducer).invite();
    try {
      return await startDaemon({
        directory, listen: ['/ip4/127.0.0.1/tcp/0'], name: `peer-${peer}`, metered: true, signal,
        join: through === undefined ? [] : [through],
        feeds: { allowPrivateNetworks: true, originFloorMs },
      });
    } catch (error) {
      const isSlow = error instanceof GroveError && (error.code === 'timeout' || error.code === 'unreachable');
      if (!isSlow || attempt === START_ATTEMPTS) throw error;
      return this.#start(peer, directory, attempt + 1);
    }
  }

  async kill(peer: number): Promise<void> {
    const member = this.#member(peer);
    const { daemon } = member;
    if (daemon !== undefined) this.#past.push(this.#tallyOf(peer));
    member.daemon = undefined;
    await daemon?.stop(false);
  }

  /** The titles of the items that a living peer has, as often as it has them. */
  held(peer: number): string[] {
    return this.daemon(peer).feeds.items(this.#member(peer).feed, ITEMS_MAX).map(({ title }) => title);
  }

  /** Bytes received for versions over the bytes of the versions, of all that lived. */
  get deliveryFactor(): number {
    const all = [...this.#past, ...this.living().map((peer) => this.#tallyOf(peer))];
    const neededBytes = all.reduce((sum, tally) => sum + tally.neededBytes, 0);
    return neededBytes === 0 ? 0 : all.reduce((sum, tally) => sum + tally.receivedBytes, 0) / neededBytes;
  }

  /** Whether it asks the origin, and who serves it. */
  placeOf(peer: number): { readonly role: FeedSummary['role']; readonly parent: string | undefined } {
    const { role, parent } = this.daemon(peer).feeds.show(this.#member(peer).feed);
    return { role, parent: parent?.name };
  }

  /** Of its wish. */
  stateOf(peer: number): FeedSummary['state'] {
    return this.daemon(peer).feeds.show(this.#member(peer).feed).state;
  }

  #tallyOf(peer: number): DeliveryTally {
    return { ...(this.daemon(peer).session.node.feeds.tally ?? { receivedBytes: 0, neededBytes: 0 }) };
  }

  #member(peer: number): Member {
    return must(this.#members[peer], 'a known peer');
  }

  async stop(): Promise<void> {
    await Promise.all(this.living().map(async (peer) => this.kill(peer)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What is new at this peer since the last look. */
  #look(peer: number): void {
    const member = this.#member(peer);
    if (member.daemon === undefined) return;
    const at = Date.now();
    for (const item of this.held(peer)) {
      if (member.known.has(item)) continue;
      member.known.add(item);
      this.arrivals.push({ peer, item, at });
    }
  }
}
