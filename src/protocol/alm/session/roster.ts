/**
 * What the root of a session knows of its members and helpers: who they are, what they offer, how they are doing, and whom not to
 * join with whom.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { CastJoin, CastReport } from '../../wire/cast-messages.ts';
import type { Coordinate } from '../../wire/messages.ts';
import { BARRED_MS, DISTRUST_MS, LOSSES_MAX, LOSSES_WITHIN_MS, SLOW_MS } from './bounds.ts';
import type { Knowledge, Party } from './planning.ts';

export interface Entry {
  contact: Contact;
  readonly isHelper: boolean;
  /** Links that a member offers. */
  readonly offered: number;
  /** Links that it can have now: of those offered, or granted. */
  degree: number;
  coordinate: Coordinate | undefined;
  upBps: number;
  downBps: number;
  heardAt: Millis;
  hasStarted: boolean;
  head: number;
  latencyMs: Millis;
  latencyHighMs: Millis;
  refilled: number;
  /** Until then it serves nobody. */
  distrustedUntil: Millis;
  /** It was found slow: until then it serves nobody, and if nobody finds it so again, that is forgotten. */
  slowUntil: Millis | undefined;
  losses: Millis[];
  /** Lost its parent then, or was told to take another, and did not say yet that this one serves it. */
  orphanSince: Millis | undefined;
}

export class Roster {
  /** In the order of their coming; the root is not in here. */
  readonly entries = new Map<string, Entry>();
  readonly #rtts = new Map<string, Millis>();
  readonly #barred = new Map<string, Millis>();

  add(contact: Contact, message: Pick<CastJoin, 'degree' | 'coordinate' | 'upBps' | 'downBps'>, isHelper: boolean, now: Millis): Entry {
    const entry: Entry = {
      contact, isHelper, offered: message.degree, degree: message.degree, coordinate: message.coordinate, upBps: message.upBps, downBps: message.downBps, heardAt: now, hasStarted: false,
      head: 0, latencyMs: 0, latencyHighMs: 0, refilled: 0, distrustedUntil: -Infinity, slowUntil: undefined, losses: [], orphanSince: undefined,
    };
    this.entries.set(contact.peerId, entry);
    return entry;
  }

  remove(peerId: string): void {
    this.entries.delete(peerId);
    for (const table of [this.#rtts, this.#barred]) for (const pair of table.keys()) if (pair.includes(peerId)) table.delete(pair);
  }

  get members(): Entry[] {
    return [...this.entries.values()].filter((entry) => !entry.isHelper);
  }

  get helpers(): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.isHelper);
  }

  note(entry: Entry, report: CastReport, now: Millis): void {
    entry.heardAt = now;
    if (!entry.isHelper && report.links > 0) entry.degree = Math.min(entry.offered, report.links);
    entry.hasStarted ||= report.started;
    entry.head = report.head;
    if (report.latencyHighMs > 0) {
      entry.latencyMs = report.latencyMs;
      entry.latencyHighMs = report.latencyHighMs;
    }
    entry.refilled = report.refilled;
    if (report.parent !== '' && report.rttMs > 0) this.#rtts.set(pairOf(report.parent, entry.contact.peerId), report.rttMs);
  }

  /** It could not use that parent. Whether that has now happened so often that it is to blame itself. */
  noteLoss(entry: Entry, parent: string, now: Millis): boolean {
    this.#barred.set(pairOf(parent, entry.contact.peerId), now + BARRED_MS);
    const lost = this.entries.get(parent);
    if (lost !== undefined) lost.distrustedUntil = now + DISTRUST_MS;
    entry.losses = [...entry.losses.filter((at) => now - at < LOSSES_WITHIN_MS), now];
    return entry.losses.length >= LOSSES_MAX;
  }

  /** A parent let it go because it took too little; below it nobody would fare better. Whether another one has done so not long ago. */
  noteSlow(entry: Entry, parent: string, now: Millis): boolean {
    this.#barred.set(pairOf(parent, entry.contact.peerId), now + BARRED_MS);
    const isAgain = entry.slowUntil !== undefined;
    entry.slowUntil = now + SLOW_MS;
    return isAgain;
  }

  /** Links that it may have in the tree now. */
  linksOf({ distrustedUntil, slowUntil, degree }: Entry, now: Millis): number {
    return distrustedUntil > now || slowUntil !== undefined ? 1 : degree;
  }

  /** Empty: it may have all that it offered. */
  whyFewer({ distrustedUntil, slowUntil, degree, offered }: Entry, now: Millis): string {
    if (slowUntil !== undefined) return 'it was found slow not long ago';
    if (distrustedUntil > now) return 'a child lost it not long ago';
    return degree < offered ? `${offered - degree} of its ${offered} are taken by other sessions` : '';
  }

  /** For the planner, as things stand. What children measured goes before `triedMs`. */
  knowledge(root: Party, now: Millis, triedMs: Knowledge['rttMs']): Knowledge {
    const party = (entry: Entry): Party => ({
      peerId: entry.contact.peerId, degree: this.linksOf(entry, now), coordinate: entry.coordinate, upBps: entry.upBps, downBps: entry.downBps,
    });
    return {
      members: [root, ...this.members.map(party)],
      helpers: this.helpers.map(party),
      rttMs: (a, b) => this.#rtts.get(pairOf(a, b)) ?? triedMs(a, b),
      // Barred is very far, not impossible: where there is no other way it is tried again.
      isBarred: (a, b) => (this.#barred.get(pairOf(a, b)) ?? -Infinity) > now,
    };
  }
}

export function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
