/**
 * Bottleneck bandwidth as an objective ([0080]): the widest tree, and among the widest the lowest.
 *
 * A link carries min(up of the sender, down of the receiver). So a tree of width b exists exactly if every member's downlink is at
 * least b and the links of those whose uplink is at least b suffice. The widest b is found among the bandwidths there are; for the
 * planner, whoever is too slow to send then has no links but the one to its parent.
 */
import { must } from '../../core/assert.ts';
import type { Instance } from './instance.ts';
import { missingLinks, ROOT } from './instance.ts';

/** The instance in which every tree is as wide as any can be. As it is when nothing is feasible. */
export function widest(instance: Instance, mayHelp: boolean): Instance {
  const up = must(instance.upMbps, 'the objective bottleneck needs uplinks');
  const down = must(instance.downMbps, 'the objective bottleneck needs downlinks');
  const widths = [...new Set([...up, ...down])].sort((a, b) => a - b);
  let low = -1;
  for (let high = widths.length; high - low > 1;) {
    const middle = (low + high) >> 1;
    if (isFeasible(restricted(instance, widths[middle] as number), widths[middle] as number, mayHelp)) low = middle;
    else high = middle;
  }
  return low < 0 ? instance : restricted(instance, widths[low] as number);
}

/** Who sends too slowly sends to nobody; helpers that also receive too slowly are no helpers. */
function restricted(instance: Instance, mbps: number): Instance {
  const { members, upMbps, downMbps } = instance;
  const degrees = instance.degrees.map((degree, node) => {
    if ((upMbps?.[node] as number) >= mbps && (node < members || (downMbps?.[node] as number) >= mbps)) return degree;
    return node === ROOT || node >= members ? 0 : Math.min(degree, 1);
  });
  return { ...instance, degrees };
}

function isFeasible(instance: Instance, mbps: number, mayHelp: boolean): boolean {
  const { members, size, degrees, downMbps } = instance;
  if (members > 1 && degrees[ROOT] === 0) return false;
  for (let node = 1; node < members; node++) if ((downMbps?.[node] as number) < mbps || degrees[node] === 0) return false;
  let missing = missingLinks(instance);
  for (let node = members; mayHelp && node < size; node++) missing -= Math.max(0, (degrees[node] as number) - 2);
  return missing <= 0;
}
