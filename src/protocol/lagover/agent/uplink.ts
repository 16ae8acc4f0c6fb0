/**
 * The link to the parent: reports that renew the lease of the slot, the path that comes down with their answers, and the
 * moment when the parent is taken to be gone.
 *
 * A report that is not answered within a measured round trip is sent twice more soon, and little more is waited for than these
 * copies' round trips: what is at stake is how long a subtree is cut off. A lease counts from when the report was sent, so the parent's count ends later. A parent that
 * lies about its path, or whose stamp of the source stands still, is left.
 */
import type { Contact } from '../../../core/contact.ts';
import { samePeer } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { LagPath, LagReport, LagReportReply } from '../../wire/lagover-messages.ts';
import type { Context } from './context.ts';
import { pathFault } from './path.ts';
import { ATTEMPTS } from './tree.ts';

/** From the second copy of an unanswered report to the third, of a heartbeat: where the dead are found late anyway, the slow are given time. */
const REPEAT_SHARE = 0.08;
/** Changes within so long are told together. */
const COALESCE_MS = 40;
/** Beyond one heartbeat a level, how many heartbeats the source's stamp may take on its way. */
const STAMP_SLACK = 4;

/** Why a parent is left: it does not answer, it said so or is back from a crash, it says that we hold no slot, it lies, or we stand above it. */
export type LossReason = 'silent' | 'left' | 'dropped' | 'false' | 'cycle';

export interface Parent {
  readonly contact: Contact;
  readonly link: number;
  leaseUntil: Millis;
  path: LagPath;
  pathVersion: number;
  stamp: number;
  stampAt: Millis;
}

/** What was granted, and when it was asked for: the lease counts from there. */
export interface Grant {
  readonly contact: Contact;
  readonly link: number;
  readonly path: LagPath;
  readonly pathVersion: number;
  readonly stamp: number;
  readonly askedAt: Millis;
}

export interface UplinkEvents {
  /** Without op, tree and link, which the uplink knows. */
  report(): Omit<LagReport, 'type' | 'op' | 'tree' | 'link' | 'version' | 'same' | 'pathVersion'>;
  onPath(before: LagPath): void;
  onLost(parent: Parent, why: LossReason): void;
}

export class Uplink {
  readonly #context: Context;
  readonly #events: UplinkEvents;
  #parent: Parent | undefined;
  /** Of the copies of a report that are under way. */
  readonly #ops = new Set<number>();
  /** Since the last answer. */
  #sent = 0;
  #failed = 0;
  /** Copies without an answer that are enough; somebody else's word that the parent is gone stands for one. */
  #attempts = ATTEMPTS;
  #dueAt: Millis = Infinity;
  #version = 0;
  #confirmed = 0;
  #changed = true;

  constructor(context: Context, events: UplinkEvents) {
    this.#context = context;
    this.#events = events;
  }

  get parent(): Parent | undefined {
    return this.#parent;
  }

  nextDueAt(): Millis {
    return this.#parent === undefined ? Infinity : Math.min(this.#dueAt, this.#parent.leaseUntil);
  }

  attach(grant: Grant): void {
    const now = this.#context.now();
    this.#forgetReport();
    this.#parent = {
      contact: grant.contact, link: grant.link, leaseUntil: grant.askedAt + this.#context.tree.leaseMs, path: grant.path, pathVersion: grant.pathVersion,
      stamp: grant.stamp, stampAt: now,
    };
    this.#changed = true;
    this.#confirmed = 0;
    this.#dueAt = now;
  }

  /** Without a word to the parent. */
  detach(): Parent | undefined {
    const parent = this.#parent;
    this.#forgetReport();
    this.#parent = undefined;
    this.#dueAt = Infinity;
    return parent;
  }

  /** Something that reports tell has changed. */
  touch(): void {
    this.#changed = true;
    if (this.#parent !== undefined && this.#ops.size === 0) this.#dueAt = Math.min(this.#dueAt, this.#context.now() + COALESCE_MS);
  }

  /** Somebody has reason to think that the parent is gone: asks at once. */
  doubt(peer: Contact): void {
    if (this.#parent === undefined || !samePeer(this.#parent.contact, peer) || this.#attempts < ATTEMPTS) return;
    this.#attempts = ATTEMPTS - 1;
    if (this.#sent < this.#attempts) this.#dueAt = this.#context.now();
  }

  /** It was found lying. */
  distrust(parent: Parent): void {
    this.#lose(parent, 'false');
  }

  onTimer(now: Millis): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    if (parent.leaseUntil <= now) this.#lose(parent, 'silent');
    else if (this.#dueAt <= now) this.#report(parent, now);
  }

  /** The path as the parent tells it, with a reply or on its own. */
  onPath(parent: Parent, path: LagPath | undefined, version: number, stamp: number): void {
    const { tree, local } = this.#context;
    const now = this.#context.now();
    if (stamp > parent.stamp) {
      parent.stamp = stamp;
      parent.stampAt = now;
    }
    if (path !== undefined && version > parent.pathVersion) {
      const fault = pathFault(tree, local.contact, parent.contact, path);
      if (fault !== undefined) return this.#lose(parent, fault);
      const before = parent.path;
      if (path.rooted && !before.rooted) parent.stampAt = now;
      parent.path = path;
      parent.pathVersion = version;
      this.#events.onPath(before);
    }
    const stampMaxMs = (parent.path.steps.length + STAMP_SLACK) * tree.heartbeatMs;
    if (parent.path.rooted && now - parent.stampAt > stampMaxMs) this.#lose(parent, 'false');
  }

  #report(parent: Parent, now: Millis): void {
    const { tree, requests } = this.#context;
    if (this.#changed) this.#version++;
    this.#changed = false;
    const version = this.#version;
    const same = this.#confirmed === version;
    const body = same ? { self: undefined, children: [], room: [], laxer: [] } : this.#events.report();
    const timeoutMs = this.#context.timeoutTo(parent.contact);
    const repeatMs = REPEAT_SHARE * tree.heartbeatMs;
    const isFirst = this.#sent === 0 && this.#attempts === ATTEMPTS;
    this.#sent++;
    this.#dueAt = this.#sent < this.#attempts ? now + (isFirst ? timeoutMs : repeatMs) : Infinity;
    const op = requests.ask({
      // An earlier copy is waited for as long as the last one: its answer may only be slow, and tells how slow.
      to: parent.contact, attempts: 1, timeoutMs: timeoutMs + (isFirst ? timeoutMs : 0) + repeatMs * (this.#attempts - this.#sent),
      message: (number) => ({ type: 'lagReport', op: number, tree: tree.id, link: parent.link, version, same, ...body, pathVersion: parent.pathVersion }),
      onReply: (reply, rttMs, from) => {
        this.#context.learnRtt(parent.contact, rttMs);
        this.#forgetReport();
        if (reply.type === 'lagReportReply') this.#onReply(parent, from, reply, version, now);
      },
      onSilent: () => {
        this.#ops.delete(op);
        this.#failed++;
        if (this.#failed >= this.#attempts) this.#lose(parent, 'silent');
      },
    });
    this.#ops.add(op);
  }

  #onReply(parent: Parent, from: Contact, reply: LagReportReply, version: number, sentAt: Millis): void {
    const { tree } = this.#context;
    if (!reply.held) return this.#lose(parent, from.incarnation > parent.contact.incarnation ? 'left' : 'dropped');
    this.#confirmed = reply.needFull ? 0 : version;
    parent.leaseUntil = Math.max(parent.leaseUntil, sentAt + tree.leaseMs);
    const now = this.#context.now();
    this.#dueAt = reply.needFull ? now : this.#changed ? now + COALESCE_MS : sentAt + tree.heartbeatMs;
    this.onPath(parent, reply.path, reply.version, reply.stamp);
  }

  #lose(parent: Parent, why: LossReason): void {
    if (this.#parent !== parent) return;
    this.detach();
    this.#events.onLost(parent, why);
  }

  #forgetReport(): void {
    for (const op of this.#ops) this.#context.requests.cancel(op);
    this.#ops.clear();
    this.#sent = 0;
    this.#failed = 0;
    this.#attempts = ATTEMPTS;
  }
}
