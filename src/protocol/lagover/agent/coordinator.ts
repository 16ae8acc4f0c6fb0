/**
 * Carries out the plan that this peer decided on: locks every party, then tells the movers to move.
 *
 * A single refusal or silence undoes it all: nothing has moved by then. Once the movers are told, the parties finish among
 * themselves (party.ts); a mover that is not reached keeps what it has when its lock ends.
 */
import type { Context } from './context.ts';
import type { Party, Plan } from './plan.ts';
import { partiesOf, withTakenOver } from './plan.ts';
import type { PlanParty } from './party.ts';
import type { Slots } from './slots.ts';
import { ATTEMPTS, PARTIES_MAX } from './tree.ts';

const LOCK_ATTEMPTS = 2;

interface Running {
  readonly id: number;
  plan: Plan;
  readonly locked: Set<string>;
  /** Questions under way. */
  readonly ops: Set<number>;
  readonly onUndone: () => void;
}

export class Coordinator {
  readonly #context: Context;
  readonly #party: PlanParty;
  readonly #slots: Slots;
  #running: Running | undefined;

  constructor(context: Context, party: PlanParty, slots: Slots) {
    this.#context = context;
    this.#party = party;
    this.#slots = slots;
  }

  /** False when it cannot even begin; `onUndone` runs when somebody did not agree. */
  start(plan: Plan, onUndone: () => void): boolean {
    const self = this.#context.local.contact;
    if (this.#running !== undefined || this.#party.isLocked) return false;
    const known = plan.takenOver?.peerId === self.peerId ? withTakenOver(plan, this.#slots.all().map(({ contact }) => contact)) : plan;
    const id = Math.floor(this.#context.local.env.random.unit() * 2 ** 48);
    this.#running = { id, plan: known, locked: new Set(), ops: new Set(), onUndone };
    this.#proceed(this.#running);
    return true;
  }

  /** Locks who is not locked yet; the one taken over first, because it knows who else is concerned. */
  #proceed(running: Running): void {
    const parties = partiesOf(running.plan);
    if (parties.size > PARTIES_MAX) return this.#abort(running);
    const { takenOver } = running.plan;
    const first = takenOver === undefined ? [...parties.values()] : [parties.get(takenOver.peerId) as Party];
    const self = first.find(({ contact }) => this.#context.local.isSelf(contact));
    if (self !== undefined && !this.#party.lock(self.contact, { ...self, plan: running.id })) return this.#abort(running);
    if (self !== undefined) running.locked.add(self.contact.peerId);
    for (const party of first) {
      if (this.#running === running && !running.locked.has(party.contact.peerId)) this.#lock(running, party);
    }
    this.#commitWhenLocked(running);
  }

  #lock(running: Running, party: Party): void {
    const { tree, requests } = this.#context;
    const { contact, leave, come, moves, parent, allLeave } = party;
    const op = requests.ask({
      to: contact, attempts: LOCK_ATTEMPTS, timeoutMs: this.#context.timeoutTo(contact),
      message: (number) => ({ type: 'lagLock', op: number, tree: tree.id, plan: running.id, leave, come, moves, parent, allLeave }),
      onReply: (reply, rttMs) => {
        running.ops.delete(op);
        this.#context.learnRtt(contact, rttMs);
        if (this.#running !== running) return;
        if (reply.type !== 'lagLocked' || !reply.locked) return this.#abort(running);
        running.locked.add(contact.peerId);
        if (allLeave) {
          running.plan = withTakenOver(running.plan, reply.children);
          this.#proceed(running);
        } else this.#commitWhenLocked(running);
      },
      onSilent: () => {
        running.ops.delete(op);
        running.locked.add(contact.peerId);
        this.#abort(running);
      },
    });
    running.ops.add(op);
  }

  #commitWhenLocked(running: Running): void {
    if (this.#running !== running || running.ops.size > 0 || running.plan.takenOver !== undefined) return;
    this.#running = undefined;
    const { tree, requests, local } = this.#context;
    const by = running.plan.initiator;
    for (const { child, to } of running.plan.moves) {
      if (local.isSelf(child)) {
        this.#party.onMove(child, { plan: running.id, to, by });
        continue;
      }
      const nothing = (): void => undefined;
      requests.ask({
        to: child, attempts: ATTEMPTS, timeoutMs: this.#context.timeoutTo(child),
        message: (op) => ({ type: 'lagMove', op, tree: tree.id, plan: running.id, to, by }), onReply: nothing, onSilent: nothing,
      });
    }
  }

  #abort(running: Running): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    for (const op of running.ops) this.#context.requests.cancel(op);
    const { tree, local } = this.#context;
    this.#party.unlock(local.contact, running.id);
    for (const { contact } of partiesOf(running.plan).values()) {
      if (!local.isSelf(contact)) local.env.send(contact, { type: 'lagUnlock', tree: tree.id, plan: running.id });
    }
    running.onUndone();
  }

  /** Whether a plan for that peer waits for its parties. */
  isPlanningFor(peerId: string): boolean {
    return this.#running?.plan.initiator.peerId === peerId;
  }

  stop(): void {
    if (this.#running !== undefined) this.#abort(this.#running);
  }
}
