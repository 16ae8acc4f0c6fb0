/**
 * What a peer knows of the slots and the delays below it: two counts for every class of delay, one class a hop.
 *
 * `room[x]`: free slots at most x hops below, so they stay right when the subtree moves. `laxer[x]`: peers that stand at most
 * at delay class x and accept more. They travel up with the reports; an ancestor's are told downwards as the nearest class with
 * room and one bit a class (informed-views.ts says what they are for; sim/lagover/summaries.ts computes the same on columns).
 */

/** Deeper and laxer than that counts as that. */
export const CLASSES = 32;

export interface Counts {
  readonly room: readonly number[];
  readonly laxer: readonly number[];
}

export interface Own {
  readonly openSlots: number;
  /** Undefined unless it hears from the source: only then it counts as laxer than somebody. */
  readonly delay: number | undefined;
  readonly constraint: number;
}

export const NOTHING: Counts = { room: [], laxer: [] };

/** `hop`: the width of a class; a child's own hop moves its subtree so many classes further. */
export function countsOf(own: Own, below: readonly { readonly counts: Counts; readonly hop: number }[], hop: number): Counts {
  const room = new Array<number>(CLASSES).fill(0);
  const laxer = new Array<number>(CLASSES).fill(0);
  for (let x = 1; x < CLASSES; x++) room[x] = own.openSlots;
  if (own.delay !== undefined) {
    const end = Math.min(CLASSES, Math.ceil(own.constraint / hop));
    for (let x = Math.floor(own.delay / hop); x < end; x++) laxer[x] = 1;
  }
  for (const { counts, hop: childHop } of below) {
    const further = Math.max(1, Math.round(childHop / hop));
    for (let x = 0; x < CLASSES; x++) {
      if (x >= further) room[x] = (room[x] as number) + (counts.room[x - further] ?? 0);
      laxer[x] = (laxer[x] as number) + (counts.laxer[x] ?? 0);
    }
  }
  return { room, laxer };
}

export function classOf(delay: number, hop: number): number {
  return Math.max(0, Math.min(CLASSES - 1, Math.floor(delay / hop)));
}

/** The nearest class with room; 0 when there is none. */
export function roomFrom({ room }: Counts): number {
  return Math.max(0, room.findIndex((slots) => slots > 0));
}

export function laxerBits({ laxer }: Counts): number {
  let bits = 0;
  for (let x = 0; x < CLASSES; x++) if ((laxer[x] ?? 0) > 0) bits |= 1 << x;
  return bits >>> 0;
}

export function hasBit(bits: number, x: number): boolean {
  return (bits & (1 << x)) !== 0;
}
