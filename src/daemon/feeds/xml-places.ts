/**
 * Where things are in an XML document: a tokenizer that reports elements with their places and attributes, and goes on
 * whatever comes. It checks nothing and resolves nothing; half of the feeds of this world are not well-formed, and those are
 * served too. Entities stay as they are, a DOCTYPE is stepped over, and time is linear in the length.
 */

export interface Attribute {
  /** Without its prefix. */
  readonly name: string;
  /** `p:` of `p:name`; empty without one. */
  readonly prefix: string;
  readonly value: string;
  /** Where its name begins. */
  readonly from: number;
  /** Of the value, without its quotes. */
  readonly start: number;
  readonly end: number;
}

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  readonly start: number;
  /** After its start tag. */
  readonly contentStart: number;
  readonly attributes: readonly Attribute[];
  readonly parent: XmlElement | undefined;
  readonly depth: number;
}

export interface XmlVisitor {
  onStart(element: XmlElement): void;
  /** `contentEnd` is where its end tag begins. An element that is never closed has no end. */
  onEnd(element: XmlElement, contentEnd: number, end: number): void;
  /** A start tag at `start` with a value that fits `runaway`: its closing quote is missing. Reading goes on in that value. */
  onBroken?(start: number): void;
}

/** Nothing that is looked for lies deeper, and an end tag is looked for among this many. */
const DEPTH_MAX = 256;
const ATTRIBUTES_MAX = 256;
const SPACE = ' \t\r\n';

/** `runaway` finds markup that no value of an attribute has in such documents. */
export function visitXml(text: string, visitor: XmlVisitor, runaway?: RegExp): void {
  new Scanner(text, visitor, runaway).run();
}

class Scanner {
  readonly #text: string;
  readonly #visitor: XmlVisitor;
  readonly #open: XmlElement[] = [];
  /** Each with its prefix, as end tags must match. */
  readonly #names: string[] = [];
  readonly #runaway: RegExp | undefined;
  #at = 0;

  constructor(text: string, visitor: XmlVisitor, runaway: RegExp | undefined) {
    this.#text = text;
    this.#visitor = visitor;
    this.#runaway = runaway;
  }

  run(): void {
    for (this.#at = this.#text.indexOf('<'); this.#at >= 0; this.#at = this.#text.indexOf('<', this.#at)) {
      if (!this.#step()) return;
    }
  }

  /** From a `<` to after what it begins; false at the end of what can be read. */
  #step(): boolean {
    const text = this.#text;
    const next = text[this.#at + 1];
    if (next === '/') return this.#endTag();
    if (next === '?') return this.#skipTo('?>');
    if (next !== '!') return this.#startTag();
    if (text.startsWith('<!--', this.#at)) return this.#skipTo('-->', 4);
    if (text.startsWith('<![CDATA[', this.#at)) return this.#skipTo(']]>', 9);
    return this.#declaration();
  }

  #skipTo(mark: string, from = 2): boolean {
    const end = this.#text.indexOf(mark, this.#at + from);
    this.#at = end + mark.length;
    return end >= 0;
  }

  /** `<!DOCTYPE ...>`, with declarations in brackets and `>` in quotes. */
  #declaration(): boolean {
    let depth = 0;
    for (let at = this.#at + 2; at < this.#text.length; at++) {
      const character = this.#text[at];
      if (character === '"' || character === "'") {
        at = this.#text.indexOf(character, at + 1);
        if (at < 0) return false;
      } else if (character === '[') depth++;
      else if (character === ']') depth--;
      else if (character === '>' && depth <= 0) {
        this.#at = at + 1;
        return true;
      }
    }
    return false;
  }

  #endTag(): boolean {
    const start = this.#at;
    const end = this.#text.indexOf('>', start);
    if (end < 0) return false;
    this.#at = end + 1;
    const index = this.#names.lastIndexOf(this.#text.slice(start + 2, end).trim());
    if (index < 0) return true;
    // What lies inside and was never closed ends without a word.
    const element = this.#open[index];
    this.#open.length = index;
    this.#names.length = index;
    if (element !== undefined) this.#visitor.onEnd(element, start, end + 1);
    return true;
  }

  #startTag(): boolean {
    const start = this.#at;
    const nameEnd = this.#nameEnd(start + 1);
    if (nameEnd === start + 1) {
      this.#at = start + 1; // a lone `<`
      return true;
    }
    const full = this.#text.slice(start + 1, nameEnd);
    this.#at = nameEnd;
    const attributes = this.#attributes();
    if (attributes === 'broken') this.#visitor.onBroken?.(start);
    if (attributes === 'broken') return true;
    if (attributes === undefined) return false;
    const isEmpty = this.#text[this.#at - 2] === '/';
    const parent = this.#open.at(-1);
    const element: XmlElement = { name: withoutPrefix(full), start, contentStart: this.#at, attributes, parent, depth: this.#open.length };
    this.#visitor.onStart(element);
    if (isEmpty) {
      this.#visitor.onEnd(element, this.#at, this.#at);
    } else {
      if (this.#open.length >= DEPTH_MAX) return false;
      this.#open.push(element);
      this.#names.push(full);
    }
    return true;
  }

  /** To after the `>` of a start tag; undefined when there is none. When a value has run away, to the tag in it. */
  #attributes(): Attribute[] | 'broken' | undefined {
    const text = this.#text;
    const attributes: Attribute[] = [];
    let at = this.#at;
    for (;;) {
      while (SPACE.includes(text[at] ?? '-') || text[at] === '/') at++;
      if (at >= text.length) return undefined;
      if (text[at] === '>') break;
      const from = at;
      const nameEnd = Math.max(this.#nameEnd(at), at + 1);
      const name = text.slice(at, nameEnd);
      at = this.#skipSpace(nameEnd);
      if (text[at] !== '=') continue;
      at = this.#skipSpace(at + 1);
      const quote = text[at];
      if (quote !== '"' && quote !== "'") continue; // not well-formed: the value passes for a name
      const end = text.indexOf(quote, at + 1);
      const value = text.slice(at + 1, end < 0 ? text.length : end);
      const runaway = this.#runaway?.exec(value);
      if (runaway) {
        this.#at = at + 1 + runaway.index;
        return 'broken';
      }
      if (end < 0) return undefined;
      if (attributes.length < ATTRIBUTES_MAX) attributes.push({ name: withoutPrefix(name), prefix: name.slice(0, name.indexOf(':') + 1), value, from, start: at + 1, end });
      at = end + 1;
    }
    this.#at = at + 1;
    return attributes;
  }

  #skipSpace(from: number): number {
    let at = from;
    while (at < this.#text.length && SPACE.includes(this.#text[at] ?? '-')) at++;
    return at;
  }

  #nameEnd(from: number): number {
    let at = from;
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      const isLetter = (code | 32) >= 97 && (code | 32) <= 122;
      if (!isLetter && !(code >= 45 && code <= 58 && code !== 47) && code !== 95 && code < 128) break;
    }
    return at;
  }
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
