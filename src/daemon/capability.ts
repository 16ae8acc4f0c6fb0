/**
 * What this machine is worth at the root of the metadata tree ([0061]), by its own report.
 *
 * The operator may give an expression. Without one: the smaller of its two bandwidths in bit/s, weighted by how long it has
 * been up (half after an hour), and nothing when some members cannot dial it.
 */
import type { Report } from '../protocol/pool/report.ts';

export type Capability = (report: Report, isHidden: boolean) => number | undefined;

const HALF_WEIGHT_SECONDS = 3_600;

export const byBandwidth: Capability = (report, isHidden) => {
  const [up, down, uptime] = ['net.up', 'net.down', 'uptime'].map((name) => report.get(name));
  if (isHidden || typeof up !== 'number' || typeof down !== 'number' || typeof uptime !== 'number') return 0;
  return Math.min(up, down) * (uptime / (uptime + HALF_WEIGHT_SECONDS));
};
