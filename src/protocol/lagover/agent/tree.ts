/**
 * What all peers of one latency-graded tree agree on, what each brings along, and the bounds of everything an agent keeps.
 *
 * Delays are counted in hops, as in the paper, or in milliseconds as they are measured. Times are chosen for a network with
 * round trips up to half a second: see docs/decisions/0021-lagover-agent.md for what each is made of.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { AlgorithmName } from '../algorithm.ts';
import type { RuleSet, SourceKind } from '../views.ts';

export interface Tree {
  readonly id: string;
  readonly source: Contact;
  /** Peers that keep the tree's directory, if they are chosen: shard by shard. None: the owners of its keys in the DHT do. */
  readonly directory: readonly Contact[];
  readonly algorithm: AlgorithmName;
  readonly rules: RuleSet;
  readonly sourceKind: SourceKind;
  readonly unit: 'hops' | 'ms';
  /** In hops what one costs; in milliseconds what one is taken to cost between peers that never met, and the width of the classes of delay. */
  readonly hop: number;
  /** In milliseconds: what a peer needs to pass on what it got, beside the way of the message. */
  readonly allowanceMs: Millis;
  /** Between reports to the parent. Raising it costs less and finds the dead later. */
  readonly heartbeatMs: Millis;
  /** A slot is the child's for so long after a report. Raising it survives longer silence, and keeps the place of the dead longer. */
  readonly leaseMs: Millis;
  /** A plan is carried out within this or not at all. Raising it survives slower parties, and blocks longer when one dies. */
  readonly lockMs: Millis;
  /** After so many heartbeats without a parent a peer contacts the source. */
  readonly timeout: number;
  /** After so many heartbeats of lateness a peer leaves its parent. */
  readonly maintenance: number;
  /** As far as this peer is concerned: it was not in this tree in any former life. */
  readonly isNew: boolean;
}

export type TreeWishes = Pick<Tree, 'id' | 'source'> & Partial<Tree>;

/** One way half around the world, nearly, and the allowance. */
const USUAL_HOP_MS = 110;
const ALLOWANCE_MS = 10;

export function treeOf(wishes: TreeWishes): Tree {
  return Object.freeze({
    directory: [], algorithm: 'adaptive', rules: 'displacing', sourceKind: 'pull', unit: 'hops', hop: wishes.unit === 'ms' ? USUAL_HOP_MS : 1, allowanceMs: ALLOWANCE_MS, heartbeatMs: 750, leaseMs: 1_700, lockMs: 2_000, timeout: 8, maintenance: 3, isNew: false, ...wishes,
  } satisfies Tree);
}

/** What one peer offers and demands. The source has fan-out only. */
export interface Terms {
  readonly fanout: number;
  readonly constraint: number;
}

/** From a member's parent to it, as it measured, or else as hops usually are. */
export function hopOf(tree: Tree, member: { readonly hop: number }): number {
  return member.hop > 0 ? member.hop : tree.hop;
}

/** Trees of one peer; more are refused. */
export const TREES_MAX = 1_024;
/** Length of a path to the root; whoever stands that deep takes no children. */
export const PATH_MAX = 64;
/** Children named in a message or shown to a rule; of more, those with the smallest identities. */
export const SHOWN_MAX = 32;
/** Children that the source shows to a rule: those with room, the laxest, and some others. */
export const SHOWN_BY_SOURCE_MAX = 16;
/** Peers that one plan may touch; a larger one is not carried out. */
export const PARTIES_MAX = 48;
/** Peers that wait for a slot; further ones are refused. */
export const WAITING_MAX = 64;
/** Whom a peer turns to next; the last is forgotten first. */
export const CONTACTS_MAX = 16;
/** Peers that are avoided for a while; the oldest is forgotten first. */
export const AVOIDED_MAX = 32;
/** Of these, how many whoever is met is told of; the latest. */
export const AVOIDED_TOLD_MAX = 8;
/** Times a question is sent before its receiver is taken to be gone. */
export const ATTEMPTS = 3;
