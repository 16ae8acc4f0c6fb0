/**
 * What churn, faults and workloads need of a world: its clock and its control events.
 * Small, so that their tests need no world.
 */
import type { Millis } from '../core/env.ts';

export interface Schedule {
  now(): Millis;
  at(timeMs: Millis, action: () => void): void;
}
