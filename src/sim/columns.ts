/**
 * Longer copies of typed-array columns: the one allocation the simulator's hot parts make.
 * Columns double, so that their cost per event vanishes in a long run.
 */

export function longerDoubles(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(capacity);
  longer.set(column);
  return longer;
}

export function longerInts(column: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(capacity);
  longer.set(column);
  return longer;
}

/** The next power of two above `index`, at least `least`: what a column needs to have a place for it. */
export function capacityFor(index: number, least = 64): number {
  let capacity = least;
  while (capacity <= index) capacity *= 2;
  return capacity;
}
