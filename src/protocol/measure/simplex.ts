/**
 * Downhill simplex (Nelder and Mead), with restarts: the optimiser of the patent's coordinates ([0074]).
 *
 * A function of a few variables is minimised without derivatives, by moving the corners of a simplex. Pure and bounded: so
 * many evaluations and no more, so that a peer can afford it at every exchange.
 */
export interface SimplexLimits {
  readonly evaluationsMax: number;
  /** Length of the first edges. */
  readonly step: number;
  /** Good enough when the corners differ by no more than this share. */
  readonly tolerance: number;
  /** How often it begins anew at what it found: a simplex that has collapsed finds no way on. */
  readonly restarts: number;
}

interface Corner {
  readonly at: readonly number[];
  readonly value: number;
}

export function minimise(f: (x: readonly number[]) => number, start: readonly number[], limits: SimplexLimits): Corner {
  let best: Corner = { at: start, value: f(start) };
  let left = limits.evaluationsMax - 1;
  for (let round = 0; round <= limits.restarts && left > start.length; round++) {
    const descent = descend(f, best, { ...limits, step: limits.step / 2 ** round, evaluationsMax: left });
    left -= descent.evaluations;
    if (descent.best.value < best.value) best = descent.best;
  }
  return best;
}

function descend(f: (x: readonly number[]) => number, start: Corner, { evaluationsMax, step, tolerance }: SimplexLimits): { readonly best: Corner; readonly evaluations: number } {
  let evaluations = 0;
  const corner = (at: readonly number[]): Corner => {
    evaluations++;
    return { at, value: f(at) };
  };
  const corners = [start, ...start.at.map((_, i) => corner(start.at.map((value, j) => (i === j ? value + step : value))))];
  const byValue = (a: Corner, b: Corner): number => a.value - b.value;
  corners.sort(byValue);
  while (evaluations < evaluationsMax) {
    const best = corners[0] as Corner;
    const worst = corners[corners.length - 1] as Corner;
    if (worst.value - best.value <= tolerance * Math.abs(best.value)) break;
    const centre = start.at.map((_, i) => corners.slice(0, -1).reduce((sum, { at }) => sum + (at[i] as number), 0) / (corners.length - 1));
    const along = (share: number): Corner => corner(centre.map((value, i) => value + share * (value - (worst.at[i] as number))));
    const reflected = along(1);
    let next: Corner | undefined = reflected;
    if (reflected.value < best.value) {
      const expanded = along(2);
      if (expanded.value < reflected.value) next = expanded;
    } else if (reflected.value >= (corners[corners.length - 2] as Corner).value) {
      const contracted = along(reflected.value < worst.value ? 0.5 : -0.5);
      next = contracted.value < Math.min(reflected.value, worst.value) ? contracted : undefined;
    }
    if (next) corners[corners.length - 1] = next;
    else for (let i = 1; i < corners.length; i++) corners[i] = corner((corners[i] as Corner).at.map((value, j) => ((best.at[j] as number) + value) / 2));
    corners.sort(byValue);
  }
  return { best: corners[0] as Corner, evaluations };
}
