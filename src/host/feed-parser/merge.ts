/**
 * A partial answer (226, `A-IM: feed`) and the document that is held make the new document: merged, never replaced.
 *
 * The partial document's own bytes stay as they are, and the held items that it does not have are put behind its last one,
 * also as they are. Both must be XML of one kind in one encoding in which tags are ASCII; otherwise there is no merging,
 * and the caller asks for whole documents from then on. Only done outside a pool, where bytes need not be the origin's.
 */
import { recognise } from './recognise.ts';

/** Of both documents together; a feed that grows beyond this is cut at its old end. */
const BLOCKS_MAX = 1_024;
const WIDE = /^\s*<\?xml[^>]*?\bencoding\s*=\s*["'](utf-?16|ucs-?2|utf-?32)/i;

interface Block {
  readonly name: string;
  readonly text: string;
  readonly end: number;
}

/** Undefined when the two cannot be merged. */
export function mergeDelta(held: Uint8Array, delta: Uint8Array, charset: string | undefined): Uint8Array | undefined {
  const [before, after] = [recognise(held, charset), recognise(delta, charset)];
  if (before.kind !== 'feed' || after.kind !== 'feed' || before.format !== after.format || after.format === 'json') return undefined;
  const [old, fresh] = [bytesAsText(held), bytesAsText(delta)];
  if (isWide(old) || isWide(fresh) || encodingOf(old) !== encodingOf(fresh)) return undefined;
  const tag = after.format === 'atom' ? 'entry' : 'item';
  const blocks = blocksOf(fresh, tag);
  const names = new Set(blocks.map(({ name }) => name));
  const kept = blocksOf(old, tag).filter(({ name }) => !names.has(name)).slice(0, Math.max(0, BLOCKS_MAX - blocks.length));
  const at = blocks.at(-1)?.end ?? closingTag(fresh, after.format);
  if (at === undefined) return undefined;
  const merged = `${fresh.slice(0, at)}${kept.map(({ text }) => text).join('')}${fresh.slice(at)}`;
  return new Uint8Array(Buffer.from(merged, 'latin1'));
}

function bytesAsText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function isWide(text: string): boolean {
  return text.charCodeAt(0) === 0 || text.charCodeAt(1) === 0 || text.startsWith('\xfe\xff') || text.startsWith('\xff\xfe') || WIDE.test(text);
}

function encodingOf(text: string): string {
  return (/^[^<]*<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(text)?.[1] ?? 'utf-8').toLowerCase();
}

function blocksOf(text: string, tag: string): Block[] {
  const found: Block[] = [];
  const pattern = new RegExp(`<((?:\\w+:)?${tag})(?=[\\s>])[^]*?</\\1\\s*>`, 'g');
  for (let match = pattern.exec(text); match !== null && found.length < BLOCKS_MAX; match = pattern.exec(text)) {
    found.push({ name: nameOf(match[0]), text: match[0], end: pattern.lastIndex });
  }
  return found;
}

/** What the block calls itself: enough to see that it is there already. */
function nameOf(block: string): string {
  const named = /<(?:\w+:)?(?:guid|id)\b[^>]*>([^<]*)</.exec(block)?.[1] ?? /\brdf:about\s*=\s*["']([^"']*)["']/.exec(block)?.[1] ?? /<link\b[^>]*>([^<]+)</.exec(block)?.[1];
  return named?.trim() ?? block;
}

function closingTag(text: string, format: 'rss' | 'atom' | 'rdf'): number | undefined {
  const at = text.lastIndexOf(format === 'rss' ? '</channel' : format === 'atom' ? '</feed' : '</rdf:RDF');
  return at < 0 ? undefined : at;
}
