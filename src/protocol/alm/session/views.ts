/**
 * Sessions as people see them: values only, ready for JSON.
 * Only the root knows the tree; everybody else sees its own part.
 */

export interface MemberView {
  readonly peerId: string;
  readonly name: string;
  readonly parent: string | null;
  readonly depth: number;
  readonly children: number;
  /** Links that it may have in the tree now, and why these are fewer than it offered; empty: they are not. */
  readonly degree: number;
  readonly whyFewer: string;
  readonly isHelper: boolean;
  /** From the root to it, as planned and as its chunks took lately: the median, and what one in a hundred exceeds. */
  readonly plannedMs: number;
  readonly latencyMs: number;
  readonly latencyHighMs: number;
  /** The chunk that it gets next. */
  readonly head: number;
  readonly hasStarted: boolean;
  /** Chunks that came from an ancestor after a parent was lost. */
  readonly refilled: number;
}

export interface GoneView {
  readonly peerId: string;
  readonly name: string;
  readonly why: string;
}

export interface CastView {
  readonly name: string;
  readonly session: string;
  readonly role: 'root' | 'member' | 'helper';
  readonly root: { readonly peerId: string; readonly name: string };
  readonly priority: number;
  readonly rateBps: number;
  readonly contentType: string;
  /** Of this peer's own part. */
  readonly parent: { readonly peerId: string; readonly name: string } | null;
  readonly children: readonly string[];
  readonly chunks: number;
  readonly bytes: number;
  readonly sentBytes: number;
  readonly refilled: number;
  readonly repeated: number;
  readonly latencyMs: number;
  readonly latencyHighMs: number;
  readonly isComplete: boolean;
  /** Known to the root alone. */
  readonly tree: readonly MemberView[];
  readonly heightMs: number;
  /** Null: without them there is no tree. */
  readonly withoutHelpersMs: number | null;
  readonly help: readonly HelpView[];
  readonly amcastHeightMs: number | null;
  readonly starBoundMs: number;
  readonly replans: number;
  readonly moved: number;
  readonly gone: readonly GoneView[];
  /** Members that have everything, and all below them too. */
  readonly finished: readonly { readonly peerId: string; readonly name: string }[];
  /** Vanished members whose part is kept for them, and for how long yet. */
  readonly awaited: readonly AwaitedView[];
}

export interface AwaitedView {
  readonly peerId: string;
  readonly name: string;
  readonly forMs: number;
}

/** What one helper does for a session. */
export interface HelpView {
  readonly peerId: string;
  readonly name: string;
  /** The one to its parent included. */
  readonly links: number;
  /** Names of its children. */
  readonly serves: readonly string[];
  /** How high the tree would be if somebody with a higher priority took it; null: there would be none. */
  readonly withoutItMs: number | null;
}

export interface InvitationView {
  readonly name: string;
  readonly session: string;
  readonly from: { readonly peerId: string; readonly name: string };
}
