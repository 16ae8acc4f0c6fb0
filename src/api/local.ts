/**
 * What the API keeps beside the daemon for as long as it serves: the readers' side of the feeds, and what is counted for
 * monitoring. Both exist only where there is an API.
 */
import type { Readers } from '../daemon/feeds/readers.ts';
import type { Metrics } from './metrics.ts';

export interface Local {
  readonly readers: Readers;
  readonly metrics: Metrics;
  /** What the addresses in documents begin with, for whoever is served: `http://127.0.0.1:PORT`, or how readers elsewhere reach this peer. */
  readonly base: () => string;
}
