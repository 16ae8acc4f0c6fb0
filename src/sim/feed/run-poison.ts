/**
 * How soon a peer that poisons those below it in the tree is caught: an interior poller with about so large a share of the pool below it begins to
 * give them something else, while the document changes now and then.
 */
import { randomFrom } from '../../core/random.ts';
import { protocolOptions } from '../../protocol/options.ts';
import { EuclideanLatency } from '../latency/latency-model.ts';
import { FeedWorld } from './feed-world.ts';

export interface PoisonResult {
  readonly seed: number;
  /** Share of the subscribers below the liar when it begins. */
  readonly share: number;
  /** Of the whole pool, until somebody knew; undefined: nobody did. */
  readonly audits: number | undefined;
  readonly versions: number;
  /** Who accused somebody else than the liar. */
  readonly wrong: number;
  /** At the end: below the liar, and whose latest version is false. */
  readonly stillBelow: number;
  readonly stillFalse: number;
  /** Peers at which a false version had a second signature at any time. */
  readonly attested: number;
}

const FANOUT = 3;
const CHANGE_MS = 70_000;
const VERSIONS_MAX = 20;
const SETTLED_MS = 160_000;

/** Undefined when no poller had between half and twice that share below it. */
export function runPoison(seed: number, peers: number, share: number): PoisonResult | undefined {
  const feeds = new FeedWorld(peers, { seed, latency: new EuclideanLatency(randomFrom(seed)) }, protocolOptions(), () => ({ maxStalenessMs: 30_000, fanout: FANOUT, canPoll: true }));
  const { world } = feeds.ring;
  for (let peer = 0; peer < peers; peer++) feeds.subscribe(peer);
  world.runFor(60_000);
  feeds.change();
  world.runFor(60_000);
  const shareBelow = (peer: number): number => feeds.below(peer).length / peers;
  const liar = feeds.pollers().sort((a, b) => Math.abs(shareBelow(a) - share) - Math.abs(shareBelow(b) - share))[0];
  if (liar === undefined || shareBelow(liar) < share / 2 || shareBelow(liar) > 2 * share) return undefined;
  const begun = shareBelow(liar);
  const auditsOf = (): number => feeds.subscribers().reduce((sum, peer) => sum + feeds.host(peer).audits, 0);
  const before = auditsOf();
  let audits: number | undefined;
  let wrong = 0;
  world.onFact((_peer, fact) => {
    if (fact.kind !== 'feed-liar') return;
    audits ??= auditsOf() - before;
    if (fact.peerId !== world.contact(liar).peerId) wrong++;
  });
  feeds.poison(liar);
  let versions = 0;
  while (versions < VERSIONS_MAX && audits === undefined) {
    versions++;
    feeds.change();
    world.runFor(CHANGE_MS);
  }
  feeds.change();
  world.runFor(SETTLED_MS);
  const isTrue = (hash: string | undefined): boolean => hash !== undefined && feeds.origin.history.includes(hash);
  const others = feeds.subscribers().filter((peer) => peer !== liar);
  return {
    seed, share: begun, audits, versions, wrong, stillBelow: feeds.below(liar).length,
    stillFalse: others.filter((peer) => !isTrue(feeds.shelf(peer).latest(feeds.key)?.hash)).length,
    attested: others.filter((peer) => feeds.shelf(peer).all(feeds.key).some(({ hash, attestations }) => !isTrue(hash) && new Set(attestations.map(({ peerId }) => peerId)).size > 1)).length,
  };
}
