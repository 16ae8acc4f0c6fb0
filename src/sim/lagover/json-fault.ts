/**
 * Where a text stops being JSON. The engine's own message names a position only for some mistakes, and whoever wrote a million
 * lines by program needs the line. Called only for a text that the engine has refused.
 */
const SPACE = /[ \t\n\r]*/y;
const SCALAR = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** What may come next. */
type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end';

/** The line, from 1, of the first character that cannot stand where it does; the last line when the text only ends too early. */
export function lineOfJsonFault(text: string): number {
  return text.slice(0, offsetOfFault(text)).split('\n').length;
}

function offsetOfFault(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  for (let at = skip(SPACE, text, 0); at < text.length; at = skip(SPACE, text, at)) {
    const character = text[at] as string;
    const inside = open.at(-1);
    if (expected === 'comma or end' && inside === undefined) return at;
    if (expected === 'colon' || (expected === 'comma or end' && character === ',')) {
      if (expected === 'colon' && character !== ':') return at;
      expected = expected === 'comma or end' && inside === '{' ? 'key' : 'value';
      at++;
    } else if (expected.endsWith('end') && character === (inside === '{' ? '}' : ']')) {
      open.pop();
      expected = 'comma or end';
      at++;
    } else if (expected.startsWith('value') && (character === '{' || character === '[')) {
      open.push(character);
      expected = character === '{' ? 'key or end' : 'value or end';
      at++;
    } else {
      const end = expected === 'comma or end' || (expected.startsWith('key') && character !== '"') ? at : skip(SCALAR, text, at);
      if (end === at) return at;
      expected = expected.startsWith('key') ? 'colon' : 'comma or end';
      at = end;
    }
  }
  return text.length;
}

/** The offset behind what the pattern matches at `at`, which may be nothing. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
