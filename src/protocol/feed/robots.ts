/**
 * What a robots.txt says to Grove (RFC 9309). Pure.
 *
 * Feed readers fetch what a person asked for and commonly do not read it. It is read here as the publisher's off switch: only groups that name our own token
 * count, never `*`, which is written for crawlers. The longest matching rule decides, and allowing wins a tie.
 */
export interface RobotsRule {
  readonly allow: boolean;
  /** Percent-encoded alike on both sides; `*` is anything, `$` at the end is the end. */
  readonly pattern: string;
}

export const ROBOTS_TOKEN = 'grove';
/** Further rules do not count; RFC 9309 wants the first 500 KiB read. */
export const RULES_MAX = 512;
const PATTERN_MAX = 2_048;

/** The rules of those groups that name `token`. */
export function robotsRules(text: string, token: string): RobotsRule[] {
  const rules: RobotsRule[] = [];
  let isNamed = false;
  let isNaming = false;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, name = '', value = ''] = /^\s*([a-z-]+)\s*:\s*([^#]*?)\s*(?:#.*)?$/i.exec(line.replace(/^\uFEFF/, '')) ?? [];
    const field = name.toLowerCase();
    if (field === 'user-agent') {
      const names = (/^[a-z_-]+/i.exec(value)?.[0] ?? '').toLowerCase() === token.toLowerCase();
      isNamed = isNaming ? isNamed || names : names;
      isNaming = true;
    } else if (field === 'allow' || field === 'disallow') {
      isNaming = false;
      if (isNamed && value !== '' && value.length <= PATTERN_MAX && rules.length < RULES_MAX) rules.push({ allow: field === 'allow', pattern: encodedAlike(value) });
    }
  }
  return rules;
}

/** `path` with its query. */
export function isAllowed(rules: readonly RobotsRule[], path: string): boolean {
  const wanted = encodedAlike(path);
  let best: RobotsRule | undefined;
  for (const rule of rules) {
    const isBetter = best === undefined || rule.pattern.length > best.pattern.length || (rule.pattern.length === best.pattern.length && rule.allow);
    if (isBetter && matches(rule.pattern, wanted)) best = rule;
  }
  return best?.allow ?? true;
}

/** Piece by piece, each at its first place: no pattern can make it slow. */
function matches(pattern: string, path: string): boolean {
  const isWhole = pattern.endsWith('$');
  const pieces = (isWhole ? pattern.slice(0, -1) : pattern).split('*');
  const [first = '', ...rest] = pieces;
  if (!path.startsWith(first)) return false;
  let at = first.length;
  const last = isWhole ? rest.pop() : undefined;
  for (const piece of rest) {
    const found = path.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  if (!isWhole) return true;
  return last === undefined ? at === path.length : path.length - last.length >= at && path.endsWith(last);
}

/** What need not be encoded is not, and what has to be is, in capitals. */
function encodedAlike(text: string): string {
  const plain = text.replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
    const char = String.fromCharCode(parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : whole.toUpperCase();
  });
  return plain.replace(/[^!-~]/gu, (char) => encodeURIComponent(/^[\uD800-\uDFFF]$/.test(char) ? '\uFFFD' : char));
}
