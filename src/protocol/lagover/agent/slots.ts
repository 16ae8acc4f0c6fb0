/**
 * The slots of one peer: who holds them, and until when. The only authority over them (INV-LAG-4).
 *
 * A slot is held from the grant until its child releases it or its lease ends. The child's own lease of its parent began when
 * it sent what is answered here, so it ends first: no two children can believe at once that they hold one slot.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { LagMember, LagReport } from '../../wire/lagover-messages.ts';
import type { Counts } from './counts.ts';
import { CLASSES, NOTHING } from './counts.ts';

export interface Child {
  readonly contact: Contact;
  readonly link: number;
  leaseUntil: Millis;
  self: LagMember;
  children: readonly LagMember[];
  counts: Counts;
  /** Of its reports. */
  version: number;
  /** By class: requests that were sent down to it since it last reported. */
  promised: number[];
  claimed: number[];
}

export class Slots {
  readonly #children = new Map<string, Child>();

  get held(): number {
    return this.#children.size;
  }

  /** In order of identity, so that equal trees look equal to the rules wherever they are seen. */
  all(): Child[] {
    return [...this.#children.values()].sort((a, b) => (a.contact.peerId < b.contact.peerId ? -1 : 1));
  }

  find(peerId: string): Child | undefined {
    return this.#children.get(peerId);
  }

  grant(contact: Contact, link: number, self: LagMember, children: readonly LagMember[], leaseUntil: Millis): Child {
    const child: Child = { contact, link, leaseUntil, self, children, counts: NOTHING, version: 0, promised: zeros(), claimed: zeros() };
    this.#children.set(contact.peerId, child);
    return child;
  }

  /** False when it refers to a version that never arrived. */
  renew(child: Child, report: LagReport, leaseUntil: Millis): boolean {
    child.leaseUntil = leaseUntil;
    if (report.same) return report.version === child.version;
    // Copies overtake one another.
    if (report.version <= child.version || report.self === undefined) return true;
    child.version = report.version;
    child.self = report.self;
    child.children = report.children;
    child.counts = { room: report.room, laxer: report.laxer };
    child.promised = zeros();
    child.claimed = zeros();
    return true;
  }

  remove(peerId: string): void {
    this.#children.delete(peerId);
  }

  /** Removes whose lease has ended, and returns who they were. */
  expire(now: Millis): string[] {
    const gone = [...this.#children.values()].filter(({ leaseUntil }) => leaseUntil <= now).map(({ contact }) => contact.peerId);
    for (const peerId of gone) this.#children.delete(peerId);
    return gone;
  }

  nextExpiry(): Millis {
    let next = Infinity;
    for (const { leaseUntil } of this.#children.values()) if (leaseUntil < next) next = leaseUntil;
    return next;
  }
}

function zeros(): number[] {
  return new Array<number>(CLASSES).fill(0);
}
