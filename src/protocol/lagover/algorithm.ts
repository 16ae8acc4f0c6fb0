/**
 * The algorithms by name: what to do at the source, what to do on meeting somebody, and which maintenance goes with it.
 *
 * One interface, so that round-based runs and peers choose by name and neither knows what distinguishes them.
 */
import { decideAdaptive, decideAdaptiveAtSource } from './adaptive.ts';
import { decideGreedy, decideGreedyAtSource } from './greedy.ts';
import { decideHybrid, decideHybridAtSource } from './hybrid.ts';
import type { MaintenanceForm } from './maintenance.ts';
import type { Action, CounterpartView, InitiatorView, RuleOptions, SourceView } from './views.ts';

export const ALGORITHM_NAMES = ['greedy', 'hybrid', 'adaptive'] as const;
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

export interface Algorithm {
  readonly maintenance: MaintenanceForm;
  /** Whether it wants the summaries of free slots that travel with the delay data. */
  readonly usesSummaries: boolean;
  /**
   * Whether a peer begins with whom it knows: the source when it is new or the oracle knows nobody, and its
   * grandparent when its parent is gone.
   */
  readonly usesMemory: boolean;
  readonly atSource: (i: InitiatorView, source: SourceView, options: RuleOptions) => Action;
  readonly meet: (i: InitiatorView, j: CounterpartView, options: RuleOptions) => Action;
}

export const ALGORITHMS: Readonly<Record<AlgorithmName, Algorithm>> = {
  greedy: { maintenance: 'algorithm-1', atSource: decideGreedyAtSource, meet: decideGreedy, usesSummaries: false, usesMemory: false },
  hybrid: { maintenance: 'timeout', atSource: decideHybridAtSource, meet: decideHybrid, usesSummaries: false, usesMemory: false },
  adaptive: {
    maintenance: 'timeout', atSource: decideAdaptiveAtSource, meet: decideAdaptive, usesSummaries: true, usesMemory: true,
  },
};
