/**
 * Fields of the JSON files that describe runs: each is checked where it is read, and what is wrong is said in one sentence.
 * Unknown fields are refused by those who read, because a misspelt one would silently change what is measured.
 */
/** What is wrong with a description, as one sentence without its full stop; `peer` counts from 0. */
export class SpecFault extends Error {
  override readonly name = 'SpecFault';
  readonly peer: number | undefined;

  constructor(sentence: string, peer?: number) {
    super(sentence);
    this.peer = peer;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

export function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new SpecFault(`${what} must be a JSON object`);
}

export function onlyFields(fields: Fields, known: readonly string[], what: string): void {
  for (const field of Object.keys(fields)) {
    if (!known.includes(field)) throw new SpecFault(`${what} has an unknown field ${JSON.stringify(field)}; it may have ${known.join(', ')}`);
  }
}

export function oneOf<T extends string>(fields: Fields, field: string, names: readonly T[], otherwise: T | undefined): T {
  const value = fields[field] === undefined ? otherwise : fields[field];
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new SpecFault(`${field} must be one of ${names.join(', ')}${value === undefined ? '' : `, not ${JSON.stringify(value)}`}`);
}

export function within(fields: Fields, field: string, min: number, max: number, otherwise: number | undefined): number {
  const value = fields[field] === undefined ? otherwise : fields[field];
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new SpecFault(`${field} must be a number from ${min} to ${max}${value === undefined ? '; it is missing' : `, not ${JSON.stringify(value)}`}`);
}

export function whole(fields: Fields, field: string, min: number, max: number, otherwise: number | undefined): number {
  const value = fields[field] === undefined ? otherwise : fields[field];
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new SpecFault(`${field} must be a whole number from ${min} to ${max}${value === undefined ? '; it is missing' : `, not ${JSON.stringify(value)}`}`);
}
