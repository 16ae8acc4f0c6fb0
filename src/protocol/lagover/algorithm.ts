/**
 * The algorithms by name: what to do at the source, what to do on meeting somebody, and which maintenance goes with it.
 *
 * Two kinds. The paper's know what they see of the two that meet. An informed one also knows what travels along the tree
 * (informed-views.ts), and remembers whom to turn to (succession.ts).
 */
import { decideAdaptive, decideAdaptiveAtSource } from './adaptive.ts';
import { decideGreedy, decideGreedyAtSource } from './greedy.ts';
import { decideHybrid, decideHybridAtSource } from './hybrid.ts';
import type { InformedCounterpart, InformedInitiator, InformedSource } from './informed-views.ts';
import type { MaintenanceForm } from './maintenance.ts';
import type { Action, CounterpartView, InitiatorView, RuleOptions, SourceView } from './views.ts';

export const ALGORITHM_NAMES = ['greedy', 'hybrid', 'adaptive'] as const;
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

interface Rules<I, J, S> {
  readonly maintenance: MaintenanceForm;
  readonly atSource: (i: I, source: S, options: RuleOptions) => Action;
  readonly meet: (i: I, j: J, options: RuleOptions) => Action;
}

export interface PlainAlgorithm extends Rules<InitiatorView, CounterpartView, SourceView> {
  readonly informed: false;
}

export interface InformedAlgorithm extends Rules<InformedInitiator, InformedCounterpart, InformedSource> {
  readonly informed: true;
}

export type Algorithm = PlainAlgorithm | InformedAlgorithm;

export const ALGORITHMS: Readonly<Record<AlgorithmName, Algorithm>> = {
  greedy: { informed: false, maintenance: 'algorithm-1', atSource: decideGreedyAtSource, meet: decideGreedy },
  hybrid: { informed: false, maintenance: 'timeout', atSource: decideHybridAtSource, meet: decideHybrid },
  adaptive: { informed: true, maintenance: 'timeout', atSource: decideAdaptiveAtSource, meet: decideAdaptive },
};
