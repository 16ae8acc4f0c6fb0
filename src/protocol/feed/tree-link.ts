/**
 * A feed's place in its latency-graded tree: one tree for each lead, which is its source.
 *
 * Whoever loses its way to the lead for longer than a repair takes says so, because the lead itself may be gone. A newcomer meets the lead
 * first, which sends it to where there is room; in a large pool it begins with somebody else whom the register named.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Agent } from '../lagover/agent/agent.ts';
import type { Lagover } from '../lagover/agent/lagover.ts';
import { treeOf } from '../lagover/agent/tree.ts';
import type { Local } from '../local.ts';
import type { Alarms } from '../overlay/alarms.ts';
import { CONSTRAINT_MIN_MS, LOST_AGAIN_MAX_MS, LOST_MS } from './bounds.ts';

const HEARTBEAT_MS = 5_000;
const LEASE_MS = 12_000;

export interface TreeLinkEvents {
  onParent(parent: Contact | undefined): void;
  /** There is no way to the lead. */
  onLost(): void;
  /** Its parent of a moment ago is gone, or has sent it away. */
  onParentGone(peerId: string): void;
  /** Another subscriber, to be met. */
  sample(): Contact | undefined;
}

export interface TreeWish {
  readonly fanout: number;
  /** What the way down the tree may take. */
  readonly staleMs: Millis;
  /** It had nothing of this feed from the pool when this life began. A lead's tree is new anyway: a new life never goes on with an old epoch. */
  readonly isNewcomer: boolean;
}

export class TreeLink {
  readonly #key: Position;
  readonly #parts: { readonly local: Local; readonly alarms: Alarms; readonly lagover: Lagover };
  readonly #events: TreeLinkEvents;
  #id = '';
  #lead: Contact | undefined;
  #epoch = 0;
  #watch: number | undefined;
  #lostAgainMs: Millis = LOST_MS;
  /** Identity of the last parent. */
  #last = '';

  constructor(key: Position, parts: { readonly local: Local; readonly alarms: Alarms; readonly lagover: Lagover }, events: TreeLinkEvents) {
    this.#key = key;
    this.#parts = parts;
    this.#events = events;
  }

  get parent(): Contact | undefined {
    return this.#agent?.parent;
  }

  get ancestors(): readonly Contact[] {
    return this.#agent?.ancestors ?? [];
  }

  get children(): readonly Contact[] {
    return this.#agent?.children ?? [];
  }

  get delayMs(): Millis {
    return this.#agent?.delay ?? 0;
  }

  /** Parent or child. */
  isNear(peerId: string): boolean {
    return this.parent?.peerId === peerId || this.children.some((child) => child.peerId === peerId);
  }

  join(lead: Contact, epoch: number, wish: TreeWish): void {
    this.leave();
    this.#lead = lead;
    this.#last = '';
    this.#epoch = epoch;
    // Two leads of one epoch, as two halves of a pool may have had, have two trees.
    this.#id = `${this.#key.hex}:${epoch}:${lead.peerId.slice(-8)}`;
    const { local, lagover } = this.#parts;
    const tree = treeOf({ id: this.#id, source: lead, unit: 'ms', heartbeatMs: HEARTBEAT_MS, leaseMs: LEASE_MS, isNew: local.isSelf(lead) || wish.isNewcomer });
    const constraint = local.isSelf(lead) ? 0 : Math.max(CONSTRAINT_MIN_MS, wish.staleMs);
    const id = this.#id;
    lagover.join(tree, { fanout: wish.fanout, constraint }, { ask: (_wish, onAnswer) => onAnswer(this.#events.sample() ?? lead) }, (parent) => {
      if (id === this.#id) this.#onParent(parent);
    });
    this.#lostAgainMs = LOST_MS;
    this.#watchFor(LOST_MS);
  }

  /** With other terms. */
  rejoin(wish: TreeWish): void {
    if (this.#lead !== undefined) this.join(this.#lead, this.#epoch, wish);
  }

  leave(): void {
    if (this.#id === '') return;
    const id = this.#id;
    this.#id = '';
    this.#parts.lagover.leave(id);
    if (this.#watch !== undefined) this.#parts.alarms.cancel(this.#watch);
    this.#watch = undefined;
  }

  /** Goes below that peer instead, if it has room. */
  moveTo(to: Contact, onDone: (isThere: boolean) => void): void {
    const id = this.#id;
    const agent = this.#agent;
    if (agent === undefined) return onDone(false);
    agent.moveTo(to, (isThere) => {
      if (id === this.#id) onDone(isThere);
    });
    this.#parts.lagover.touch(id);
  }

  /** More slots than before. */
  offer(fanout: number): void {
    this.#agent?.offer(fanout);
    this.#parts.lagover.touch(this.#id);
  }

  /** It lies: it is left and avoided, and the way to the lead is looked for elsewhere. */
  distrustParent(): void {
    this.#agent?.distrustParent();
    this.#parts.lagover.touch(this.#id);
  }

  get #agent(): Agent | undefined {
    return this.#id === '' ? undefined : this.#parts.lagover.agent(this.#id);
  }

  #onParent(parent: Contact | undefined): void {
    this.#events.onParent(parent);
    // The lead itself did not answer.
    if (parent === undefined && this.#last === this.#lead?.peerId) this.#events.onLost();
    else if (parent === undefined && this.#last !== '') this.#events.onParentGone(this.#last);
    this.#last = parent?.peerId ?? '';
    this.#lostAgainMs = LOST_MS;
    this.#watchFor(LOST_MS);
  }

  #watchFor(delayMs: Millis): void {
    if (this.#watch !== undefined) return;
    this.#watch = this.#parts.alarms.in(delayMs, () => {
      this.#watch = undefined;
      const agent = this.#agent;
      if (agent === undefined || agent.isRooted) return;
      this.#events.onLost();
      // The register may not know yet what has become of the lead.
      this.#watchFor(this.#lostAgainMs);
      this.#lostAgainMs = Math.min(LOST_AGAIN_MAX_MS, 2 * this.#lostAgainMs);
    });
  }
}
