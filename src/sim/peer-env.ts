/**
 * The Env of one life of one simulated peer.
 *
 * It is small (a world of 10^5 peers has 10^5 of them): everything that most peers never use is made at first use. It
 * belongs to one life of its peer, and after a crash it is deaf: code that still holds it acts on nothing, exactly like
 * code of a killed process.
 */
import type { Contact } from '../core/contact.ts';
import type { Env, Millis, Store, Streams, TimerKind } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import type { Kernel } from './kernel.ts';

export class PeerEnv<M, F> implements Env<M, F> {
  readonly #kernel: Kernel<M, F>;
  readonly #index: number;
  readonly #life: number;
  #random: Random | undefined = undefined;
  #streams: Streams | undefined = undefined;

  constructor(kernel: Kernel<M, F>, index: number, life: number) {
    this.#kernel = kernel;
    this.#index = index;
    this.#life = life;
  }

  get random(): Random {
    return (this.#random ??= this.#kernel.randomOf(this.#index, this.#life));
  }

  get store(): Store {
    return this.#kernel.storeOf(this.#index);
  }

  get streams(): Streams {
    return (this.#streams ??= this.#kernel.streams.ofPeer(this.#index, this.#life));
  }

  now(): Millis {
    return this.#kernel.now;
  }

  wallClock(): Millis {
    return this.#kernel.wallClockOf(this.#index);
  }

  send(to: Contact, message: M): void {
    if (this.#kernel.isLife(this.#index, this.#life)) this.#kernel.send(this.#index, to, message);
  }

  arm(kind: TimerKind, at: Millis): void {
    if (this.#kernel.isLife(this.#index, this.#life)) this.#kernel.arm(this.#index, kind, at);
  }

  disarm(kind: TimerKind): void {
    if (this.#kernel.isLife(this.#index, this.#life)) this.#kernel.disarm(this.#index, kind);
  }

  emit(fact: F): void {
    if (this.#kernel.isLife(this.#index, this.#life)) this.#kernel.emit(this.#index, fact);
  }
}
