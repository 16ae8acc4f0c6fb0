/**
 * What a decision of LagOver is told, and what it may answer.
 *
 * The rules (greedy.ts, hybrid.ts, maintenance.ts) see plain values about the two peers that meet, i and j, about j's parent
 * k and about their children (paper 2.1.3: what is piggy-backed over the chain), and answer with one action. So the same
 * functions decide in round-based runs on columns and between real peers that learnt these values from messages.
 *
 * Delays are numbers: every hop adds `hop`, which is 1 in the paper's mode and predicted milliseconds otherwise. A floating
 * chain counts its root as if it stood directly below the source (CORRECTIONS 5.4: optimistic). Fan-out never counts the
 * link to the parent. Legend of the comments: i <- j is "j is the parent of i", l a latency constraint, f a fan-out.
 */

/** The source is node 0. */
export const SOURCE = 0;

export type RuleSet = 'paper' | 'displacing';
export type SourceKind = 'pull' | 'push';

export interface RuleOptions {
  /** `paper`: CORRECTIONS 5.2 and 5.3 without displacement. `displacing`: a stricter node may also turn a laxer one out. */
  readonly rules: RuleSet;
  /** `push`: anyone may stand below the source, so fan-out decides there too. `pull`: strictness does. */
  readonly source: SourceKind;
}

export interface ConsumerView {
  readonly id: number;
  readonly fanout: number;
  /** The latency constraint: the largest delay this consumer accepts. */
  readonly constraint: number;
}

/** A child of i, of j or of the source. */
export interface ChildView extends ConsumerView {
  /** Delay of a hop between i and this child. */
  readonly hop: number;
}

/** i: it floats, so it is the root of its own subtree. */
export interface InitiatorView extends ConsumerView {
  readonly children: readonly ChildView[];
}

/** k: the parent of j, which may be the source (id 0, delay 0, constraint 0). */
export interface ParentView {
  readonly id: number;
  readonly constraint: number;
  readonly delay: number;
  /** Delay of a hop between k and i; below a source that is polled, what polling costs. */
  readonly hop: number;
}

/** j: whom i meets. */
export interface CounterpartView extends ChildView {
  readonly delay: number;
  /** Undefined while j floats. */
  readonly parent: ParentView | undefined;
  readonly children: readonly ChildView[];
}

/** The source, as i sees it. It may have very many children; only the laxest one can be worth a word. */
export interface SourceView {
  readonly hasFreeSlot: boolean;
  /** Delay of a hop between the source and i. */
  readonly hop: number;
  readonly laxestChild: ChildView | undefined;
}

export type Action =
  /** `child` goes below `parent`, which has a free slot. One of the two is i. */
  | { readonly kind: 'attach'; readonly child: number; readonly parent: number }
  /** i takes `child`'s place below `parent` and becomes its parent; `discarded`, a child of i, floats. */
  | { readonly kind: 'insert'; readonly parent: number; readonly child: number; readonly discarded: number | undefined }
  /** i takes `displaced`'s place below `parent`; `displaced` floats with its subtree. */
  | { readonly kind: 'displace'; readonly parent: number; readonly displaced: number }
  /**
   * Adaptive only. `floats` leave their parents with their subtrees; all children of `takenOver` become children of i; then each
   * link's child leaves its parent and goes below the new one, in this order. Whether i is among them or goes on floating shows there.
   */
  | {
    readonly kind: 'rearrange'; readonly links: readonly Link[]; readonly floats: readonly number[]; readonly takenOver: number | undefined;
  }
  /** Nothing changes; i meets `to` next, who may stand upstream or downstream, or the source. */
  | { readonly kind: 'refer'; readonly to: number }
  /** Nothing changes; i asks the oracle next. */
  | { readonly kind: 'ask' };

export interface Link {
  readonly child: number;
  readonly parent: number;
}

export const ASK: Action = { kind: 'ask' };

export function hasFreeSlot(node: { readonly fanout: number; readonly children: readonly unknown[] }): boolean {
  return node.children.length < node.fanout;
}
