/**
 * Everything the commands print. With --json, one JSON value a line on stdout and nothing else; without, short aligned
 * tables. Errors are one sentence on stderr either way.
 */
import Table from 'cli-table3';
import { styleText } from 'node:util';
import { shown } from './text.ts';

const SENTENCE_CHARACTERS_MAX = 4_000;
let isPlain = false;

/** With --plain: one row a line, values with tabs between them, for grep, cut and awk. */
export function usePlainText(): void {
  isPlain = true;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** For people only: hints that must not end up in a pipe. */
export function hint(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
}

/** A sentence may quote what a stranger chose: it is stripped like any name. */
export function printError(sentence: string): void {
  const text = shown(sentence.replace(/\s+/g, ' '), SENTENCE_CHARACTERS_MAX);
  process.stderr.write(`${styleText('red', 'grove:', { stream: process.stderr })} ${text}\n`);
}

/** NO_COLOR, and output that is no terminal, leave the text as it is. */
export function strong(text: string): string {
  return isPlain ? text : styleText('bold', text, { stream: process.stdout });
}

export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  if (isPlain) return printPlain(head.length > 0 ? [head, ...rows] : rows);
  const table = newTable();
  if (head.length > 0) table.push(head.map(strong));
  for (const row of rows) table.push(row.map(String));
  printLine(trimmed(table.toString()));
}

function printPlain(rows: readonly (readonly (string | number)[])[]): void {
  for (const row of rows) printLine(row.map((value) => String(value).trim().replace(/\s+/g, ' ')).join('\t'));
}

/** Two columns: what it is, and its value. */
export function printFields(fields: readonly (readonly [string, string | number])[]): void {
  printTable([], fields);
}

function newTable(): Table.Table {
  const names = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'] as const;
  const chars = Object.fromEntries([...names, ...inner].map((name) => [name, '']));
  return new Table({ chars: { ...chars, middle: '  ' }, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } });
}

function trimmed(text: string): string {
  return text.split('\n').map((line) => line.trimEnd()).join('\n');
}
