/**
 * What a peer says of itself to its owner: the value behind `grove status` and GET /api/v1/status.
 * Flat enough to read at a glance, and stable: programs build on it.
 */
import type { HostCounters } from '../host/facts.ts';
import type { PoolSettings } from './pool.ts';
import type { RingMember } from './ring-view.ts';

export interface DaemonStatus extends RingMember {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly directory: string | null;
  readonly api: string | null;
  /** What others can dial. */
  readonly addresses: readonly string[];
  readonly pool: PoolSettings & { readonly id: string };
  readonly ring: { readonly neighbours: number; readonly size: number };
  /** What this peer stores for the pool. */
  readonly storage: { readonly objects: number; readonly bytes: number; readonly quotaBytes: number };
  readonly network: {
    readonly connections: number;
    readonly links: number;
    readonly streams: number;
    readonly relays: number;
    /** Own operations under way. */
    readonly operations: number;
  };
  /** Since the peer entered its pool. */
  readonly counters: Readonly<HostCounters>;
}
