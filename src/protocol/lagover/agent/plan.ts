/**
 * A decision as a plan: who leaves whom and goes below whom, and what each peer that it touches must agree to.
 *
 * What one grant does needs no plan: i below the peer that decides. What leads to a free slot of somebody else is not
 * carried out from afar either: i is referred there.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Action } from '../views.ts';
import type { Cast } from './cast.ts';

export interface Move {
  readonly child: Contact;
  /** Undefined: it floats. */
  readonly from: Contact | undefined;
  /** Undefined: it is to float. */
  readonly to: Contact | undefined;
}

export interface Plan {
  readonly initiator: Contact;
  readonly moves: readonly Move[];
  /** All its children become children of the initiator; only it knows who they all are. */
  readonly takenOver: Contact | undefined;
}

/** What one peer is asked to agree to. */
export interface Party {
  readonly contact: Contact;
  readonly leave: string[];
  readonly come: string[];
  moves: boolean;
  /** The parent that a mover is believed to have; empty: it floats. */
  parent: string;
  allLeave: boolean;
}

export type Step =
  | { readonly kind: 'grant' }
  | { readonly kind: 'refer'; readonly to: Contact }
  | { readonly kind: 'ask' }
  | { readonly kind: 'plan'; readonly plan: Plan };

/** `parentOf`: as the deciding peer knows it. */
export function stepOf(action: Action, cast: Cast, i: Contact, j: Contact, parentOf: (peer: Contact) => Contact | undefined): Step {
  if (action.kind === 'refer') return { kind: 'refer', to: cast.contact(action.to) };
  if (action.kind === 'ask') return { kind: 'ask' };
  const { links, floats, takenOver } = linksOf(action, cast.id(i));
  if (links.length + floats.length === 0) return { kind: 'ask' };
  const only = links.length === 1 && floats.length === 0 && takenOver === undefined ? links[0] : undefined;
  if (only !== undefined && only.child === cast.id(i)) {
    return only.parent === cast.id(j) ? { kind: 'grant' } : { kind: 'refer', to: cast.contact(only.parent) };
  }
  const move = (child: number, parent: number | undefined): Move => {
    const contact = cast.contact(child);
    return { child: contact, from: child === cast.id(i) ? undefined : parentOf(contact), to: parent === undefined ? undefined : cast.contact(parent) };
  };
  const moves = [...links.map(({ child, parent }) => move(child, parent)), ...floats.map((child) => move(child, undefined))];
  return { kind: 'plan', plan: { initiator: i, moves, takenOver: takenOver === undefined ? undefined : cast.contact(takenOver) } };
}

interface Links {
  readonly links: readonly { readonly child: number; readonly parent: number }[];
  readonly floats: readonly number[];
  readonly takenOver: number | undefined;
}

function linksOf(action: Exclude<Action, { kind: 'refer' | 'ask' }>, i: number): Links {
  switch (action.kind) {
    case 'attach': return { links: [{ child: action.child, parent: action.parent }], floats: [], takenOver: undefined };
    case 'insert': return {
      links: [{ child: i, parent: action.parent }, { child: action.child, parent: i }], floats: action.discarded === undefined ? [] : [action.discarded], takenOver: undefined,
    };
    case 'displace': return { links: [{ child: i, parent: action.parent }], floats: [action.displaced], takenOver: undefined };
    case 'rearrange': return action;
  }
}

/** The plan once it is known who the children of the one taken over are; who moves by itself anyway is not taken along. */
export function withTakenOver(plan: Plan, children: readonly Contact[]): Plan {
  const taken = children.filter((child) => plan.moves.every((move) => move.child.peerId !== child.peerId));
  return { ...plan, takenOver: undefined, moves: [...plan.moves, ...taken.map((child) => ({ child, from: plan.takenOver, to: plan.initiator }))] };
}

export function partiesOf(plan: Plan): Map<string, Party> {
  const parties = new Map<string, Party>();
  const party = (contact: Contact): Party => {
    const known = parties.get(contact.peerId) ?? { contact, leave: [], come: [], moves: false, parent: '', allLeave: false };
    parties.set(contact.peerId, known);
    return known;
  };
  for (const { child, from, to } of plan.moves) {
    const mover = party(child);
    mover.moves = true;
    mover.parent = from?.peerId ?? '';
    if (from !== undefined) party(from).leave.push(child.peerId);
    if (to !== undefined) party(to).come.push(child.peerId);
  }
  if (plan.takenOver !== undefined) party(plan.takenOver).allLeave = true;
  return parties;
}
