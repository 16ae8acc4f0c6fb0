/**
 * The directory that the metadata tree fills (section 2.1.4; [0067]): places in a latency-graded tree as one aggregate.
 *
 * Each machine tells its own place; on the way up a bounded number a class of delay is kept, those with free slots first and
 * otherwise at random, so that what reaches the top is a reservoir sample of every class. The tree's source registers the
 * query and answers whoever asks from the latest result, which is as old as the metadata tree's periods make it.
 */
import type { Millis } from '../../../core/env.ts';
import { CIRCLE } from '../../../core/position.ts';
import { contactIn, contactText } from '../../pool/contact-text.ts';
import type { Op } from '../../pool/ops.ts';
import type { State } from '../../pool/state.ts';
import { hashText } from '../../pool/state.ts';
import type { Somo } from '../../somo/somo.ts';
import { EVERYWHERE } from '../../somo/somo.ts';
import type { LagEntry } from '../../wire/lagover-messages.ts';
import type { DirectoryHost } from './directory-host.ts';
import type { Follower } from './oracle.ts';
import type { Tree } from './tree.ts';

export const PLACES_OP = 'lag_places';
/** Deeper than that counts as that. */
const CLASSES = 16;
const KEPT_OF_CLASS = 4;
/** A sample is drawn anew so often. */
const EPOCH_MS = 10_000;
const NUMBERS = 4;
const WATCH_LEASE_MS = 60_000;
const WATCH_RENEW_MS = 20_000;
const RETRY_MS = 2_000;
/** Of results, before nothing is believed any more. */
const RESULT_PERIODS = 3;

/** What names a tree in a query: the operation takes a number. */
export function treeNumber(treeId: string): number {
  return hashText(`lagover/${treeId}`);
}

/** `own`: this machine's place in that tree, if it takes part and hears from the source; `width` of a class of delay there. */
export type OwnPlace = (number: number) => { readonly entry: LagEntry; readonly width: number } | undefined;

export function placesOp(own: OwnPlace, now: () => Millis): Op {
  return {
    name: PLACES_OP, takes: 'nothing', parameter: { min: 0, max: CIRCLE, otherwise: 0 },
    init(_machine, { parameter }) {
      const place = own(parameter);
      if (place === undefined || !place.entry.rooted) return undefined;
      const { contact, delay, openSlots } = place.entry;
      const chance = hashText(contact.peerId, Math.floor(now() / EPOCH_MS) % CIRCLE) / CIRCLE;
      const group = Math.min(CLASSES - 1, Math.max(0, Math.floor(delay / place.width)));
      return { numbers: [group, (openSlots > 0 ? 0 : 1) + chance, delay, openSlots], texts: [contactText(contact)] };
    },
    merge: (a, b) => stateOf(kept([...rowsOf(a), ...rowsOf(b)])),
    finish: (state) => rowsOf(state).map(({ numbers: [, , delay, openSlots], text }) => ({ peer: contactIn(text)?.peerId ?? '', delay: delay as number, slots: openSlots as number })),
    isSane(state, machines) {
      const { numbers, texts } = state;
      if (numbers.length !== NUMBERS * texts.length || texts.length > Math.min(machines, CLASSES * KEPT_OF_CLASS)) return false;
      return rowsOf(state).every(({ numbers: [group, rank, delay, slots], text }) =>
        Number.isInteger(group) && (group as number) >= 0 && (group as number) < CLASSES && (rank as number) >= 0 && (rank as number) <= 2
        && (delay as number) >= 0 && Number.isInteger(slots) && (slots as number) >= 0 && contactIn(text) !== undefined);
    },
  };
}

/** What a result tells of the tree's places. */
export function entriesIn(state: State | undefined, ageMs: Millis): LagEntry[] {
  const entries: LagEntry[] = [];
  for (const { numbers: [, , delay, openSlots], text } of rowsOf(state)) {
    const contact = contactIn(text);
    if (contact) entries.push({ contact, delay: delay as number, openSlots: Math.min(openSlots as number, 2 ** 16), rooted: true, ageMs });
  }
  return entries;
}

/** At the source: keeps the query registered, and the directory filled from its results. */
export class PlacesWatch implements Follower {
  readonly #somo: Somo;
  readonly #now: () => Millis;
  readonly #watch: Parameters<Somo['watch']>[0];
  readonly #onNews: Parameters<Somo['watch']>[1];
  #dueAt: Millis;

  constructor(somo: Somo, host: DirectoryHost, tree: Tree, periodMs: Millis, now: () => Millis) {
    this.#somo = somo;
    this.#now = now;
    this.#dueAt = now();
    const calls = [{ op: PLACES_OP, field: '', parameter: treeNumber(tree.id) }];
    this.#watch = { id: somo.newId(), calls, region: EVERYWHERE, where: '', leaseMs: WATCH_LEASE_MS, topic: '' };
    this.#onNews = ({ states, ageMs }) => host.fill(tree.id, entriesIn(states[0], ageMs), RESULT_PERIODS * periodMs);
  }

  nextDueAt(): Millis {
    return this.#dueAt;
  }

  onTimer(now: Millis): void {
    if (now < this.#dueAt) return;
    this.#dueAt = now + WATCH_RENEW_MS;
    // Before the pool is one, nobody takes it: soon again.
    this.#somo.watch(this.#watch, this.#onNews, ({ matched }) => {
      if (matched === 0) this.#dueAt = Math.min(this.#dueAt, this.#now() + RETRY_MS);
    });
  }
}

interface Row {
  readonly numbers: readonly number[];
  readonly text: string;
}

function rowsOf(state: State | undefined): Row[] {
  return (state?.texts ?? []).map((text, i) => ({ numbers: state?.numbers.slice(NUMBERS * i, NUMBERS * (i + 1)) ?? [], text }));
}

function stateOf(rows: readonly Row[]): State {
  return { numbers: rows.flatMap(({ numbers }) => numbers), texts: rows.map(({ text }) => text) };
}

function kept(rows: readonly Row[]): Row[] {
  const sorted = [...rows].sort((a, b) => (a.numbers[0] as number) - (b.numbers[0] as number) || (a.numbers[1] as number) - (b.numbers[1] as number) || (a.text < b.text ? -1 : 1));
  const counts = new Array<number>(CLASSES).fill(0);
  return sorted.filter(({ numbers }) => {
    const group = numbers[0] as number;
    counts[group] = (counts[group] as number) + 1;
    return (counts[group] as number) <= KEPT_OF_CLASS;
  });
}
