/**
 * The directory as an oracle (section 2.1.4): a peer lists itself where its shard is hosted, and asks any shard for samples.
 *
 * The directory is an object of the DHT under the tree's key, in shards with keys of their own, or it lies at peers that the
 * tree names (`tree.directory`): long-lived ones that need not take part. A host that does not answer is looked up anew, and one that
 * the tree names is passed over for a while, so that a directory survives its hosts. What was sampled is used up before anybody is asked again.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Position } from '../../../core/position.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { LagAsk, LagEntry, LagList, LagSamples } from '../../wire/lagover-messages.ts';
import type { Message } from '../../wire/messages.ts';
import type { DirectoryHost } from './directory-host.ts';
import { LIST_MS, rankOf, shardKey, shardOf, SHARDS_MAX } from './directory-host.ts';
import type { Followed, Follower, PeerOracle, Wish } from './oracle.ts';
import type { Tree } from './tree.ts';

const ATTEMPTS = 2;
/** Samples older than that say little about free slots. */
const SAMPLES_KEPT_MS = 3_000;
/** A chosen host that was silent is not asked for so long; the owner of the key is. */
const PASSED_OVER_MS = 30_000;
const HOSTS_MAX = SHARDS_MAX;
const SOON_MS = 200;

export type FindOwner = (key: Position, onDone: (owner: Contact) => void, onFail: () => void) => void;

export interface DirectoryOptions {
  /** Where samples are kept; the tree's shards, or chosen peers. */
  readonly pinned: readonly Contact[];
  /** Whether peers list themselves; the metadata tree needs nobody to. */
  readonly lists: boolean;
}

interface Host {
  readonly contact: Contact;
  readonly pinned: boolean;
}

export class Directory implements PeerOracle {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #here: DirectoryHost;
  readonly #findOwner: FindOwner;
  readonly #tree: Tree;
  readonly #options: DirectoryOptions;
  /** By shard. */
  readonly #hosts = new Map<number, Host>();
  readonly #passedOver = new Map<string, Millis>();
  #shards: number;
  #samples: LagEntry[] = [];
  #sampledAt: Millis = -Infinity;

  constructor(local: Local, requests: Requests, here: DirectoryHost, findOwner: FindOwner, tree: Tree, options: DirectoryOptions) {
    this.#local = local;
    this.#here = here;
    this.#requests = requests;
    this.#findOwner = findOwner;
    this.#tree = tree;
    this.#options = options;
    this.#shards = Math.max(1, Math.min(SHARDS_MAX, powerOf2(options.pinned.length)));
  }

  /** As many as it knows of. */
  get shards(): number {
    return this.#shards;
  }

  ask(wish: Wish, onAnswer: (peer: Contact | undefined) => void): void {
    const kept = this.#take(wish);
    if (kept !== undefined) return onAnswer(kept);
    const shard = this.#local.env.random.below(this.#shards);
    this.#withHost(shard, (host) => {
      const message = (op: number): LagAsk => ({ type: 'lagAsk', op, tree: wish.tree, shard, pinned: host.pinned, delayBelow: wish.constraint });
      this.#send(shard, host, message, (from, ask) => this.#here.ask(from, ask), (reply) => {
        if (reply?.type === 'lagSamples' && reply.known) this.#onSamples(reply);
        else if (reply !== undefined) this.#forget(shard, host);
        onAnswer(this.#take(wish));
      });
    }, () => onAnswer(undefined));
  }

  #onSamples({ entries, shards }: LagSamples): void {
    // A shard with nobody in it: there are fewer than was thought.
    this.#learnShards(entries.length === 0 ? Math.max(1, this.#shards / 2) : shards);
    this.#samples = shuffledByRank(entries, () => this.#local.env.random.unit());
    this.#sampledAt = this.#local.env.now();
  }

  follow(peer: Followed): Follower | undefined {
    return this.#options.lists ? new Listing(this.#local, peer, (entry) => this.#list(entry)) : undefined;
  }

  #list(entry: LagEntry): void {
    const shard = shardOf(entry.contact.peerId, this.#shards);
    this.#withHost(shard, (host) => {
      const message = (op: number): LagList => ({ type: 'lagList', op, tree: this.#tree.id, shard, pinned: host.pinned, entry });
      this.#send(shard, host, message, (from, list) => this.#here.list(from, list), (reply) => {
        if (reply?.type !== 'lagListed') return;
        if (!reply.taken) this.#forget(shard, host);
        else if (reply.shards > this.#shards) this.#learnShards(reply.shards);
      });
    }, () => undefined);
  }

  /** The host may be this peer. Silence forgets it; `onReply` runs once. */
  #send<M extends LagAsk | LagList>(shard: number, host: Host, message: (op: number) => M, here: (from: Contact, message: M) => Message, onReply: (reply: Message | undefined) => void): void {
    if (this.#local.isSelf(host.contact)) return onReply(here(this.#local.contact, message(0)));
    this.#requests.ask({
      to: host.contact, attempts: ATTEMPTS, timeoutMs: this.#local.timeoutTo(undefined), message, onReply,
      onSilent: () => {
        this.#forget(shard, host);
        onReply(undefined);
      },
    });
  }

  /** The next sample that may do. */
  #take({ self, constraint }: Wish): Contact | undefined {
    if (this.#local.env.now() - this.#sampledAt > SAMPLES_KEPT_MS) this.#samples = [];
    for (;;) {
      const next = this.#samples.shift();
      if (next === undefined) return undefined;
      if (next.contact.peerId !== self.peerId && next.delay < constraint) return next.contact;
    }
  }

  #withHost(shard: number, onHost: (host: Host) => void, onNobody: () => void): void {
    const known = this.#hosts.get(shard);
    if (known) return onHost(known);
    const { pinned } = this.#options;
    const chosen = pinned.length === 0 ? undefined : pinned[shard % pinned.length];
    if (chosen && (this.#passedOver.get(chosen.peerId) ?? -Infinity) < this.#local.env.now()) return onHost({ contact: chosen, pinned: true });
    this.#findOwner(shardKey(this.#tree.id, shard), (contact) => {
      const host = { contact, pinned: false };
      if (this.#hosts.size < HOSTS_MAX) this.#hosts.set(shard, host);
      onHost(host);
    }, onNobody);
  }

  #forget(shard: number, host: Host): void {
    if (host.pinned) this.#passedOver.set(host.contact.peerId, this.#local.env.now() + PASSED_OVER_MS);
    else this.#hosts.delete(shard);
  }

  #learnShards(shards: number): void {
    if (shards >= 1 && shards <= SHARDS_MAX && Number.isInteger(Math.log2(shards))) this.#shards = shards;
  }
}

/** Tells the directory of one peer every so often, and soon after it gained or lost its last free slot or its way to the source. */
class Listing implements Follower {
  readonly #local: Local;
  readonly #peer: Followed;
  readonly #list: (entry: LagEntry) => void;
  #dueAt: Millis;
  #told = '';

  constructor(local: Local, peer: Followed, list: (entry: LagEntry) => void) {
    this.#local = local;
    this.#peer = peer;
    this.#list = list;
    this.#dueAt = local.env.now() + SOON_MS;
  }

  nextDueAt(): Millis {
    if (this.#standing !== this.#told) this.#dueAt = Math.min(this.#dueAt, this.#local.env.now() + SOON_MS);
    return this.#dueAt;
  }

  onTimer(now: Millis): void {
    if (now < this.#dueAt) return;
    this.#told = this.#standing;
    this.#dueAt = now + LIST_MS;
    const { delay, openSlots, isRooted } = this.#peer;
    this.#list({ contact: this.#local.contact, delay, openSlots, rooted: isRooted, ageMs: 0 });
  }

  get #standing(): string {
    return `${this.#peer.isRooted} ${this.#peer.openSlots > 0}`;
  }
}

/** The best kind first, and within a kind in any order: many ask at once. */
function shuffledByRank(entries: readonly LagEntry[], unit: () => number): LagEntry[] {
  return entries.map((entry) => ({ entry, rank: rankOf(entry) + unit() })).sort((a, b) => a.rank - b.rank).map(({ entry }) => entry);
}

function powerOf2(least: number): number {
  let power = 1;
  while (power < least) power *= 2;
  return power;
}
