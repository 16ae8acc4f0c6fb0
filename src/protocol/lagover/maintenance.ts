/**
 * When a consumer leaves its parent because it hears too late (paper 3.2, Algorithm 1; CORRECTIONS 5.3 step 35).
 *
 * Only what hangs on the source is judged: a floating chain's delay is a guess. Algorithm 1 asks for DelayAt(i) = l_i + 1,
 * which in hops means "late, but in time at the parent's delay": nobody further down need do anything. Greedy links are
 * ordered, so the first late node of a chain always meets that form; hybrid links are not, so being late for a while is
 * enough as well. A node that leaves keeps its own subtree.
 */
export type MaintenanceForm =
  /** Algorithm 1 alone: sufficient for greedy. */
  | 'algorithm-1'
  /** Algorithm 1 at once, and any lateness after a time-out. */
  | 'timeout';

export interface Lateness {
  readonly rootedAtSource: boolean;
  readonly delay: number;
  readonly constraint: number;
  /** Delay of the hop from the parent: 1 in the paper's mode. */
  readonly hop: number;
  /** For how many rounds in a row, this one included, it has been late. */
  readonly lateRounds: number;
}

export function decideToLeave(state: Lateness, form: MaintenanceForm, maintenanceRounds: number): boolean {
  const { rootedAtSource, delay, constraint, hop, lateRounds } = state;
  if (!rootedAtSource || delay <= constraint) return false;
  if (delay - hop <= constraint) return true;
  return form === 'timeout' && lateRounds >= maintenanceRounds;
}
