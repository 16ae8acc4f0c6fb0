/**
 * The most capable machine becomes the root ([0061]): the two swap positions, and nobody else moves.
 *
 * The root's machine asks the tree now and then who is better than itself by a good margin; whoever was the best several times
 * running is called, and asks for the swap. Both sign, each tells the other who stands around it, and then the present root
 * moves first: between its move and the caller's lies one message, in which the root has no machine. What they own
 * they hand to each other. Damped by the margin, by the repetition and by a pause after each swap; a machine without a notary,
 * which is the default, neither calls nor answers.
 */
import { assert } from '../../core/assert.ts';
import type { Contact, PositionProof } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Position } from '../../core/position.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Membership } from '../ring/membership.ts';
import type { SwapAnswer, SwapAsk, SwapDone, SwapGo } from '../wire/swap-messages.ts';

/** The first takes the second's place, and the other way round. */
export interface SwapTerms {
  readonly first: string;
  readonly second: string;
  readonly firstPosition: Position;
  readonly secondPosition: Position;
  /** The first one's clock in ms. */
  readonly at: number;
}

/** Signatures, as real peers make them; a simulation may have simpler ones. */
export interface Notary {
  sign(terms: SwapTerms): Uint8Array;
  isSigned(terms: SwapTerms, by: string, signature: Uint8Array): boolean;
  /** What both will show from now on, given what they show now; undefined when it would prove nothing, or be too long. */
  proofOf(terms: SwapTerms, signatures: readonly [Uint8Array, Uint8Array], proofs: readonly (PositionProof | undefined)[]): PositionProof | undefined;
}

export interface Best {
  readonly peerId: string;
  readonly capability: number;
}

export interface PromotionParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly membership: Membership;
  /** The most capable machine above this, if there is one. */
  find(above: number, onBest: (best: Best | undefined) => void): void;
  /** Calls the machine to the root. */
  call(best: Best): void;
  ownCapability(): number;
  /** Takes another's place, with these around it; the partner as it will be takes ours. */
  move(self: Contact, partner: Contact, neighbours: readonly Contact[]): void;
}

interface Agreement {
  readonly terms: SwapTerms;
  readonly partner: Contact;
  readonly proof: PositionProof;
  /** Who stands around the partner. */
  readonly neighbours: readonly Contact[];
  readonly signature: Uint8Array;
  readonly until: Millis;
}

/** So many times the root's own capability, at so many looks running. */
const MARGIN = 1.5;
const LOOKS = 3;
/** Of a machine that says nothing of its bandwidth: any number is better. */
const CAPABILITY_MIN = 1e-9;
/** How long whoever was called may ask, and what was agreed may be done. */
const CALLED_MS = 30_000;
const AGREED_MS = 20_000;
const ATTEMPTS = 5;
const NOTHING = new Uint8Array(0);

export class Promotion {
  /** Undefined: this machine takes no part. */
  notary: Notary | undefined;
  readonly #parts: PromotionParts;
  #lookedAt: Millis = -Infinity;
  #best: { readonly peerId: string; readonly looks: number } | undefined;
  #called: { readonly peerId: string; readonly until: Millis } | undefined;
  #agreed: Agreement | undefined;
  #movedAt: Millis = -Infinity;
  /** The swap that was done last: it may be asked about again. */
  #doneAt = Number.NaN;

  constructor(parts: PromotionParts) {
    this.#parts = parts;
  }

  /** Something heard from the partner could mean that it has moved. */
  get isWaiting(): boolean {
    return this.#agreed !== undefined;
  }

  /** This machine leaves: it takes part in nothing any more, whatever was agreed. */
  stop(): void {
    this.notary = undefined;
    this.#called = undefined;
    this.#agreed = undefined;
  }

  // --- at the root ---

  /** This machine hosts the root, and has its view. */
  onView(): void {
    const { local, find, ownCapability } = this.#parts;
    const now = local.env.now();
    if (!this.notary || now - this.#lookedAt < local.options.promotionLookMs || now - this.#movedAt < local.options.promotionPauseMs) return;
    this.#lookedAt = now;
    find(Math.max(CAPABILITY_MIN, ownCapability()) * MARGIN, (best) => this.#onBest(best));
  }

  #onBest(best: Best | undefined): void {
    if (!best || best.peerId === this.#parts.local.contact.peerId) {
      this.#best = undefined;
      return;
    }
    const looks = this.#best?.peerId === best.peerId ? this.#best.looks + 1 : 1;
    this.#best = { peerId: best.peerId, looks };
    if (looks < LOOKS) return;
    this.#best = undefined;
    this.#called = { peerId: best.peerId, until: this.#parts.local.env.now() + CALLED_MS };
    this.#parts.call(best);
  }

  onAsk(from: Contact, ask: SwapAsk): void {
    const { env } = this.#parts.local;
    const agreed = this.#agree(from, ask);
    const answer: SwapAnswer = { type: 'swapAnswer', op: ask.op, signature: agreed?.signature ?? NOTHING, leafset: agreed ? this.#parts.membership.leafset.contacts() : [] };
    env.send(from, answer);
  }

  #agree(from: Contact, ask: SwapAsk): Agreement | undefined {
    const { local } = this.#parts;
    const now = local.env.now();
    const self = local.contact;
    const known = this.#agreed;
    // The same question again: its answer was lost.
    if (known && now < known.until) return known.terms.first === from.peerId && known.terms.at === ask.swapAt ? known : undefined;
    const isCalled = this.#called?.peerId === from.peerId && now < this.#called.until;
    if (!this.notary || !isCalled || local.standing !== 'active') return undefined;
    const terms: SwapTerms = { first: from.peerId, second: self.peerId, firstPosition: ask.position, secondPosition: ask.otherPosition, at: ask.swapAt };
    if (ask.position.hex !== from.position.hex || ask.otherPosition.hex !== self.position.hex || !this.notary.isSigned(terms, from.peerId, ask.signature)) return undefined;
    const signature = this.notary.sign(terms);
    const proof = this.notary.proofOf(terms, [ask.signature, signature], [from.proof, self.proof]);
    if (!proof) return undefined;
    this.#agreed = { terms, partner: from, proof, neighbours: ask.leafset, signature, until: now + AGREED_MS };
    return this.#agreed;
  }

  onGo(from: Contact, go: SwapGo): void {
    const { env } = this.#parts.local;
    const agreed = this.#agreed;
    const isMeant = agreed?.terms.first === from.peerId && agreed.terms.at === go.swapAt && env.now() < agreed.until;
    if (isMeant) this.#move(agreed);
    const done: SwapDone = { type: 'swapDone', op: go.op, moved: isMeant || this.#doneAt === go.swapAt };
    env.send(from, done);
  }

  // --- at the machine that is called ---

  onCalled(root: Contact, peerId: string): void {
    const { local, requests, membership } = this.#parts;
    const { env, contact: self } = local;
    const { notary } = this;
    const now = env.now();
    if (!notary || peerId !== self.peerId || samePeer(root, self) || local.standing !== 'active') return;
    if ((this.#agreed && now < this.#agreed.until) || now - this.#movedAt < local.options.promotionPauseMs) return;
    const terms: SwapTerms = { first: self.peerId, second: root.peerId, firstPosition: self.position, secondPosition: root.position, at: env.wallClock() };
    const signature = notary.sign(terms);
    requests.ask({
      to: root, attempts: ATTEMPTS, timeoutMs: local.options.initialTimeoutMs,
      message: (op) => ({ type: 'swapAsk', op, position: self.position, otherPosition: root.position, swapAt: terms.at, signature, leafset: membership.leafset.contacts() }),
      onReply: (reply) => {
        if (reply.type === 'swapAnswer') this.#onAnswer(root, terms, signature, reply);
      },
      onSilent: () => undefined,
    });
  }

  #onAnswer(root: Contact, terms: SwapTerms, signature: Uint8Array, answer: SwapAnswer): void {
    const { local, requests } = this.#parts;
    if (!this.notary || answer.signature.length === 0 || !this.notary.isSigned(terms, root.peerId, answer.signature)) return;
    if (local.position.hex !== terms.firstPosition.hex || local.standing !== 'active') return;
    const proof = this.notary.proofOf(terms, [signature, answer.signature], [local.contact.proof, root.proof]);
    if (!proof) return;
    const agreed: Agreement = { terms, partner: root, proof, neighbours: answer.leafset, signature, until: local.env.now() + AGREED_MS };
    this.#agreed = agreed;
    requests.ask({
      to: root, attempts: ATTEMPTS, timeoutMs: local.options.initialTimeoutMs,
      message: (op) => ({ type: 'swapGo', op, swapAt: terms.at, signature: answer.signature }),
      onReply: (reply) => {
        if (this.#agreed !== agreed || reply.type !== 'swapDone') return;
        if (reply.moved) this.#move(agreed);
        else this.#agreed = undefined;
      },
      // It may have moved all the same: then it is heard from our own place (onHeard), or it is gone.
      onSilent: () => undefined,
    });
  }

  /** The partner speaks. If it stands where we stand, it has moved, and its word for it was lost. */
  onHeard(from: Contact): void {
    const agreed = this.#agreed;
    if (!agreed) return;
    const { local } = this.#parts;
    const isFirst = agreed.terms.first === local.contact.peerId;
    if (isFirst && samePeer(from, agreed.partner) && from.position.hex === local.position.hex) this.#move(agreed);
    else if (local.env.now() >= agreed.until) this.#agreed = undefined;
  }

  #move({ terms, partner, proof, neighbours }: Agreement): void {
    const { local, move } = this.#parts;
    const { contact } = local;
    assert(local.standing === 'active', 'only members swap');
    this.#agreed = undefined;
    this.#called = undefined;
    this.#movedAt = local.env.now();
    this.#doneAt = terms.at;
    const isFirst = terms.first === contact.peerId;
    const [mine, theirs] = isFirst ? [terms.secondPosition, terms.firstPosition] : [terms.firstPosition, terms.secondPosition];
    move(
      { ...contact, position: mine, incarnation: contact.incarnation + 1, proof },
      { ...partner, position: theirs, incarnation: partner.incarnation + 1, proof },
      neighbours,
    );
  }
}
