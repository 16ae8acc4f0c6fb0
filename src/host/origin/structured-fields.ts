/**
 * Structured fields (RFC 8941), as far as signatures need them: dictionaries of items and inner lists, read strictly and written again in their one
 * canonical form, because a signature is over that form.
 */
export type Bare =
  | { readonly kind: 'string' | 'token'; readonly text: string }
  | { readonly kind: 'number'; readonly value: number; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'boolean'; readonly value: boolean };
export type Parameters = ReadonlyMap<string, Bare>;
export interface Item {
  readonly value: Bare;
  readonly parameters: Parameters;
}
export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}
export type Member = Item | InnerList;

const MEMBERS_MAX = 64;
const LENGTH_MAX = 4_096;
const TRUE: Bare = { kind: 'boolean', value: true };

class Broken extends Error {}

/** Undefined when it is none. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | undefined {
  if (text.length > LENGTH_MAX) return undefined;
  try {
    return new Reader(text.trim()).dictionary();
  } catch (error) {
    if (error instanceof Broken) return undefined;
    throw error;
  }
}

export function isInnerList(member: Member): member is InnerList {
  return 'items' in member;
}

export function writeMember(member: Member): string {
  if (isInnerList(member)) return `(${member.items.map(writeMember).join(' ')})${writeParameters(member.parameters)}`;
  return writeBare(member.value) + writeParameters(member.parameters);
}

function writeParameters(parameters: Parameters): string {
  return [...parameters].map(([name, value]) => (value.kind === 'boolean' && value.value ? `;${name}` : `;${name}=${writeBare(value)}`)).join('');
}

function writeBare(bare: Bare): string {
  switch (bare.kind) {
    case 'string':
      return `"${bare.text.replace(/[\\"]/g, '\\$&')}"`;
    case 'token':
    case 'number':
      return bare.text;
    case 'bytes':
      return `:${Buffer.from(bare.bytes).toString('base64')}:`;
    case 'boolean':
      return bare.value ? '?1' : '?0';
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  dictionary(): Map<string, Member> {
    const members = new Map<string, Member>();
    while (this.#at < this.#text.length) {
      const name = this.#take(/[a-z*][a-z0-9_.*-]*/y);
      members.delete(name);
      members.set(name, this.#skip('=') ? this.#member() : { value: TRUE, parameters: this.#parameters() });
      if (members.size > MEMBERS_MAX) throw new Broken();
      this.#space();
      if (this.#at === this.#text.length) break;
      if (!this.#skip(',')) throw new Broken();
      this.#space();
      if (this.#at === this.#text.length) throw new Broken();
    }
    return members;
  }

  #member(): Member {
    return this.#skip('(') ? this.#innerList() : this.#item();
  }

  #innerList(): InnerList {
    const items: Item[] = [];
    for (;;) {
      this.#take(/ */y);
      if (this.#skip(')')) return { items, parameters: this.#parameters() };
      items.push(this.#item());
      if (items.length > MEMBERS_MAX || !/[ )]/.test(this.#text[this.#at] ?? '')) throw new Broken();
    }
  }

  #item(): Item {
    return { value: this.#bare(), parameters: this.#parameters() };
  }

  #parameters(): Parameters {
    const parameters = new Map<string, Bare>();
    while (this.#skip(';')) {
      this.#take(/ */y);
      const name = this.#take(/[a-z*][a-z0-9_.*-]*/y);
      parameters.delete(name);
      parameters.set(name, this.#skip('=') ? this.#bare() : TRUE);
      if (parameters.size > MEMBERS_MAX) throw new Broken();
    }
    return parameters;
  }

  #bare(): Bare {
    const first = this.#text[this.#at] ?? '';
    if (first === '"') return { kind: 'string', text: this.#take(/"(?:[ !#-[\]-~]|\\["\\])*"/y).slice(1, -1).replace(/\\(.)/g, '$1') };
    if (first === ':') return { kind: 'bytes', bytes: new Uint8Array(Buffer.from(this.#take(/:[A-Za-z0-9+/=]*:/y).slice(1, -1), 'base64')) };
    if (first === '?') return { kind: 'boolean', value: this.#take(/\?[01]/y) === '?1' };
    if (/[-0-9]/.test(first)) {
      const text = this.#take(/-?\d{1,15}(?:\.\d{1,3})?/y);
      return { kind: 'number', value: Number(text), text };
    }
    return { kind: 'token', text: this.#take(/[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y) };
  }

  #space(): void {
    this.#take(/[ \t]*/y);
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) throw new Broken();
    this.#at += found.length;
    return found;
  }
}
