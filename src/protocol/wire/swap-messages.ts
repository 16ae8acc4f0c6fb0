/**
 * The messages of a swap of positions ([0061]), as protocol code sees them; the rest are in messages.ts.
 * Asked and answered once each, then done: somo/promotion.ts says who may ask, and what if a message is lost.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';

/** The asker signs first: each of the two takes the other's place. */
export interface SwapAsk {
  readonly type: 'swapAsk';
  readonly op: number;
  readonly position: Position;
  readonly otherPosition: Position;
  /** The asker's clock in ms: makes each swap a different text. */
  readonly swapAt: number;
  readonly signature: Uint8Array;
  /** Who stands around the asker, for whoever takes its place. */
  readonly leafset: readonly Contact[];
}

export interface SwapAnswer {
  readonly type: 'swapAnswer';
  readonly op: number;
  /** Empty: it does not agree. */
  readonly signature: Uint8Array;
  readonly leafset: readonly Contact[];
}

/** What was agreed is done now: the receiver moves, then answers, and then the sender moves. */
export interface SwapGo {
  readonly type: 'swapGo';
  readonly op: number;
  readonly swapAt: number;
  readonly signature: Uint8Array;
}

export interface SwapDone {
  readonly type: 'swapDone';
  readonly op: number;
  readonly moved: boolean;
}

/** To the neighbours of a place: another peer stands there from now on. */
export interface Moved {
  readonly type: 'moved';
  readonly position: Position;
  readonly to: Contact;
}

export type SwapMessage = SwapAsk | SwapAnswer | SwapGo | SwapDone | Moved;
