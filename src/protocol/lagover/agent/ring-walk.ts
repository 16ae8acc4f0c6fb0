/**
 * The oracle of section 2.1.4 as a random walk over ring neighbours and routing tables.
 *
 * The enquirer walks itself: it asks a peer whether it will do, and that peer names one of its own neighbours at random for the next
 * step. So every step is a question with an answer, a lost one costs one step and not the walk, and nobody forwards anything
 * for anybody. The first steps only mix; a walk that met nobody suitable within its length knows nobody.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { LagLook } from '../../wire/lagover-messages.ts';
import type { Lagover } from './lagover.ts';
import type { PeerOracle, Wish } from './oracle.ts';

/** Those of sim/lagover/oracles.ts that need no memory. */
export const WALK_NAMES = ['random', 'random-capacity', 'random-delay-capacity', 'random-delay'] as const;
export type WalkName = (typeof WALK_NAMES)[number];

const MIXING_STEPS = 2;
const STEPS_MAX = 12;
const ATTEMPTS = 2;

type Look = Pick<LagLook, 'tree' | 'delayBelow' | 'openSlot'>;

export class RingWalk {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #lagover: Lagover;
  readonly #randomNeighbour: () => Contact | undefined;

  constructor(local: Local, requests: Requests, lagover: Lagover, randomNeighbour: () => Contact | undefined) {
    this.#local = local;
    this.#requests = requests;
    this.#lagover = lagover;
    this.#randomNeighbour = randomNeighbour;
  }

  oracle(name: WalkName): PeerOracle {
    const byDelay = name === 'random-delay' || name === 'random-delay-capacity';
    const openSlot = name === 'random-capacity' || name === 'random-delay-capacity';
    return {
      ask: ({ tree, constraint }: Wish, onAnswer) => this.#step({ tree, delayBelow: byDelay ? constraint : 0, openSlot }, this.#randomNeighbour(), 1, onAnswer),
    };
  }

  onLook(from: Contact, { op, tree, delayBelow, openSlot }: LagLook): void {
    const agent = this.#lagover.agent(tree);
    const suits = agent !== undefined && !agent.isBelow(from) && (delayBelow <= 0 || agent.delay < delayBelow) && (!openSlot || agent.openSlots > 0);
    this.#local.env.send(from, { type: 'lagNamed', op, suits, next: this.#randomNeighbour() });
  }

  #step(look: Look, to: Contact | undefined, step: number, onAnswer: (peer: Contact | undefined) => void): void {
    if (to === undefined || step > STEPS_MAX) return onAnswer(undefined);
    const goOn = (next: Contact | undefined): void => this.#step(look, next ?? this.#randomNeighbour(), step + 1, onAnswer);
    // The walk came back to where it began.
    if (this.#local.isSelf(to)) return goOn(undefined);
    this.#requests.ask({
      to, attempts: ATTEMPTS, timeoutMs: this.#local.timeoutTo(undefined),
      message: (op) => ({ type: 'lagLook', op, ...look }),
      onReply: (reply, _rttMs, from) => {
        if (reply.type !== 'lagNamed') return goOn(undefined);
        if (reply.suits && step > MIXING_STEPS) onAnswer(from);
        else goOn(reply.next);
      },
      onSilent: () => goOn(undefined),
    });
  }
}
