/**
 * Exponentially distributed lengths without a logarithm.
 *
 * `Math.log` may differ in its last bit between versions of the engine, and a session length feeds every later event.
 * John von Neumann's method (1951) needs only comparisons of uniform draws, so it is exact everywhere: draw a falling
 * run of uniforms; if it has an odd length its first element is the fraction of the result, otherwise one is added to
 * the whole part and the game starts again. It takes about six draws.
 */
import type { Random } from '../core/random.ts';

export function exponential(random: Random, mean: number): number {
  for (let whole = 0; ; whole++) {
    const first = random.unit();
    let last = first;
    let length = 1;
    for (;;) {
      const next = random.unit();
      if (next >= last) break;
      last = next;
      length++;
    }
    if (length % 2 === 1) return mean * (whole + first);
  }
}
