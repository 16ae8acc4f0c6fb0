/**
 * Where the members of a JSON text are, so that a value can be replaced and the rest stay as it was written. A text that is
 * not JSON gives undefined; nothing is recursive, so nesting costs no stack.
 */

export interface Place {
  readonly start: number;
  readonly end: number;
}

export interface Member extends Place {
  readonly key: string;
}

const SPACE = ' \t\r\n';
/** More in one object or array is no feed. */
const MEMBERS_MAX = 100_000;

/** The members of the object that begins at `from`, each with the place of its value. */
export function membersOf(text: string, from: number): readonly Member[] | undefined {
  const members: Member[] = [];
  let at = skipSpace(text, from);
  if (text[at] !== '{') return undefined;
  at = skipSpace(text, at + 1);
  if (text[at] === '}') return members;
  while (members.length < MEMBERS_MAX) {
    const keyEnd = stringEnd(text, at);
    if (keyEnd === undefined) return undefined;
    const key = stringAt(text, { start: at, end: keyEnd });
    at = skipSpace(text, keyEnd);
    if (key === undefined || text[at] !== ':') return undefined;
    const value = valueAt(text, at + 1);
    if (value === undefined) return undefined;
    members.push({ key, ...value });
    at = skipSpace(text, value.end);
    if (text[at] === '}') return members;
    if (text[at] !== ',') return undefined;
    at = skipSpace(text, at + 1);
  }
  return undefined;
}

/** The elements of the array that begins at `from`. */
export function elementsOf(text: string, from: number): readonly Place[] | undefined {
  const elements: Place[] = [];
  let at = skipSpace(text, from);
  if (text[at] !== '[') return undefined;
  at = skipSpace(text, at + 1);
  if (text[at] === ']') return elements;
  while (elements.length < MEMBERS_MAX) {
    const value = valueAt(text, at);
    if (value === undefined) return undefined;
    elements.push(value);
    at = skipSpace(text, value.end);
    if (text[at] === ']') return elements;
    if (text[at] !== ',') return undefined;
    at = skipSpace(text, at + 1);
  }
  return undefined;
}

/** The string at a place; undefined when something else is there. */
export function stringAt(text: string, place: Place): string | undefined {
  if (text[place.start] !== '"') return undefined;
  try {
    return JSON.parse(text.slice(place.start, place.end)) as string;
  } catch {
    return undefined;
  }
}

function valueAt(text: string, from: number): Place | undefined {
  const start = skipSpace(text, from);
  const first = text[start];
  const end = first === '"' ? stringEnd(text, start) : first === '{' || first === '[' ? bracketsEnd(text, start) : wordEnd(text, start);
  return end === undefined ? undefined : { start, end };
}

/** After the closing quote. */
function stringEnd(text: string, start: number): number | undefined {
  if (text[start] !== '"') return undefined;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return undefined;
}

function bracketsEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      if (end === undefined) return undefined;
      at = end - 1;
    } else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
  return undefined;
}

function wordEnd(text: string, start: number): number | undefined {
  let at = start;
  while (at < text.length && /[\w.+-]/.test(text[at] ?? '')) at++;
  return at === start ? undefined : at;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && SPACE.includes(text[at] ?? '-')) at++;
  return at;
}
