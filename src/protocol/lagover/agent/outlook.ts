/**
 * What a peer knows and says of its own place: delay, slots, limit, the counts of its subtree and the path for its children.
 *
 * All of it follows from the link to the parent and from who the children are, so it is computed when asked for and kept
 * nowhere. A floating peer counts as standing directly below the source (CORRECTIONS 5.4).
 */
import type { Millis } from '../../../core/env.ts';
import type { LagMember, LagPath } from '../../wire/lagover-messages.ts';
import { heirAmong } from '../succession.ts';
import { Cast } from './cast.ts';
import type { Context } from './context.ts';
import type { Counts } from './counts.ts';
import { countsOf, laxerBits, roomFrom } from './counts.ts';
import type { Slots } from './slots.ts';
import { hopOf, PATH_MAX, SHOWN_MAX } from './tree.ts';
import type { Parent } from './uplink.ts';

export interface Surrounding {
  parent(): Parent | undefined;
  /** Slots that a plan keeps for those who are to come. */
  reserved(): number;
  /** No slot is granted before. */
  readonly grantsFrom: Millis;
}

export class Outlook {
  readonly #context: Context;
  readonly #slots: Slots;
  readonly #around: Surrounding;

  constructor(context: Context, slots: Slots, around: Surrounding) {
    this.#context = context;
    this.#slots = slots;
    this.#around = around;
  }

  get isRooted(): boolean {
    return this.#context.isSource || (this.#around.parent()?.path.rooted ?? false);
  }

  get delay(): number {
    if (this.#context.isSource) return 0;
    const parent = this.#around.parent();
    return parent === undefined ? this.#context.tree.hop : (parent.path.steps[0]?.delay ?? 0) + this.#context.hopTo(parent.contact);
  }

  /** Slots that somebody could be granted now. */
  get openSlots(): number {
    if (this.#context.now() < this.#around.grantsFrom || (this.#around.parent()?.path.steps.length ?? 0) >= PATH_MAX - 1) return 0;
    return Math.max(0, this.#context.terms.fanout - this.#slots.held - this.#around.reserved());
  }

  self(): LagMember {
    const { terms, tree, local, isSource } = this.#context;
    const parent = this.#around.parent();
    let limit = isSource ? 0 : terms.constraint;
    for (const { self } of this.#slots.all()) limit = Math.min(limit, self.limit - hopOf(tree, self));
    return {
      contact: local.contact, fanout: terms.fanout, constraint: isSource ? 0 : terms.constraint, limit: isSource ? 0 : limit, openSlots: this.openSlots,
      hop: parent === undefined ? 0 : this.#context.measuredHopTo(parent.contact),
    };
  }

  introduction(): { self: LagMember; children: LagMember[] } {
    return { self: this.self(), children: this.#slots.all().slice(0, SHOWN_MAX).map(({ self }) => self) };
  }

  counts(): Counts {
    const { tree, terms, isSource } = this.#context;
    const own = { openSlots: this.openSlots, delay: this.isRooted && !isSource ? this.delay : undefined, constraint: terms.constraint };
    return countsOf(own, this.#slots.all().map(({ counts, self }) => ({ counts, hop: hopOf(tree, self) })), tree.hop);
  }

  /** What children are told. */
  pathBelow(): LagPath {
    const { local, terms, isSource, tree } = this.#context;
    const above = this.#around.parent()?.path;
    const counts = this.counts();
    const children = this.#slots.all();
    const cast = new Cast(tree.source, children.map(({ contact }) => contact));
    const heir = heirAmong(children.map(({ self }) => ({ ...self, id: cast.id(self.contact) })));
    return {
      steps: [
        { contact: local.contact, delay: this.delay, constraint: isSource ? 0 : terms.constraint, roomFrom: roomFrom(counts), laxer: laxerBits(counts) },
        ...(above?.steps ?? []),
      ],
      rooted: this.isRooted, rootLimit: above?.rootLimit ?? this.self().limit, heir: heir === undefined ? undefined : cast.contact(heir),
    };
  }
}
