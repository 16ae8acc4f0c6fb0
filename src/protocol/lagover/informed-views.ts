/**
 * What a decision of `adaptive` is told: the values of views.ts, and what peers learn from their neighbours in the tree.
 *
 * Up the tree, with each heartbeat, a child reports its free slots, its children, up to which delay its whole subtree is in
 * time, and two counts of its subtree for every class of constraint: free slots, and peers that could stand deeper. Down the
 * tree, with the path to the root, come the same counts for each ancestor. So all of this is known to a real peer, some
 * heartbeats old. A view holds the counts for one constraint only, that of i: which of them are looked up is not the rules' affair.
 *
 * A "limit" is the largest delay of a peer at which it and everybody below it is in time. Hops between peers that never met
 * are not known; the rules count the hop between j and i for them, and who is late for that leaves by maintenance.
 */
import type { ConsumerView, ParentView } from './views.ts';

/** A peer with all that hangs below it. */
export interface SubtreeView extends ConsumerView {
  readonly limit: number;
  readonly openSlots: number;
}

/** A child of j, as j knows it. Of very many children only some are shown, here as everywhere. */
export interface InformedChild extends SubtreeView {
  readonly children: readonly SubtreeView[];
  /** Free slots below it that i would reach in time, less the requests j already sent there since it last heard. */
  readonly room: number;
  /** Peers below it who stand early enough for i and accept more delay than i; less those requests as well. */
  readonly laxer: number;
}

/** i, which floats. */
export interface InformedInitiator extends SubtreeView {
  readonly children: readonly SubtreeView[];
  /** Drawn uniformly from 0 <= x < 1 for this meeting. */
  readonly chance: number;
}

/** Where i might be placed: a peer whose delay is known, and its children. */
export interface Surroundings {
  readonly id: number;
  readonly delay: number;
  /** What a hop costs around here. */
  readonly hop: number;
  readonly openSlots: number;
  readonly children: readonly InformedChild[];
}

/** j, whom i meets. */
export interface InformedCounterpart extends Surroundings, SubtreeView {
  /** Undefined while j floats. */
  readonly parent: ParentView | undefined;
  readonly root: { readonly id: number; readonly limit: number };
  /** j floats as well, and is about to take the place of the parent that both lost: the delay it will have there. */
  readonly awaited: number | undefined;
  /** The nearest ancestor below which there is room for i. */
  readonly roomAt: number | undefined;
  /** The nearest ancestor below which somebody laxer than i stands early enough. */
  readonly laxerAt: number | undefined;
}

export interface InformedSource {
  readonly hop: number;
  readonly openSlots: number;
  /** Some of its children: it may have a hundred thousand. */
  readonly children: readonly InformedChild[];
  /** One of its children, drawn in proportion to the room below it; undefined when there is none. */
  readonly roomAt: number | undefined;
  /** One of its children, drawn in proportion to the laxer peers below it. */
  readonly laxerAt: number | undefined;
}
