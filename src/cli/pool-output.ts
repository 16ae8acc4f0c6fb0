/**
 * How answers about the pool are printed: values, rows and what they speak for.
 * Texts in them were chosen by other machines, so each goes through `shown`.
 */
import type { PoolAnswer, Row } from '../daemon/pool-view.ts';
import type { PeerOptions } from './command.ts';
import { printFields, printLine, printTable } from './output.ts';
import { shortId, shown, shownBytes } from './text.ts';

export interface WhomOptions extends PeerOptions {
  readonly where?: string;
  readonly region?: string;
}

const BYTES = /^(mem|disk)\./;
const RATE = /^net\./;
const TEXT_MAX = 32;

export function printAnswer(answer: PoolAnswer): void {
  if (answer.values !== undefined) printFields(Object.entries(answer.values).map(([label, value]) => [label, cell(label.replace(/^[^(]*\(/, ''), value)]));
  if (answer.rows !== undefined) printRows(answer.rows);
  printLine(spokenFor(answer));
}

export function printRows(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  printTable(columns, rows.map((row) => columns.map((name) => cell(name, row[name]))));
}

export function spokenFor({ coverage, ageMs, tookMs, visited }: PoolAnswer): string {
  const share = coverage.space >= 0.9995 ? 'the whole circle' : `${(coverage.space * 100).toFixed(1)} % of the circle`;
  return `${coverage.machines} ${coverage.machines === 1 ? 'machine' : 'machines'}, ${share}; at most ${(ageMs / 1_000).toFixed(1)} s old; asked ${visited} in ${tookMs.toFixed(0)} ms`;
}

/** A value as people read it; the name says what it is. */
export function cell(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (name === 'peer' || name === 'peerId') return shortId(String(value));
  if (typeof value === 'number') return numberCell(name, value);
  if (Array.isArray(value)) return value.map((item) => cell(name, item)).join(name === 'coord' ? ',' : ' ');
  if (typeof value === 'object') return Object.entries(value).map(([inner, one]) => `${inner} ${cell(inner, one)}`).join(' ');
  return shown(String(value), TEXT_MAX);
}

function numberCell(name: string, value: number): string {
  if (BYTES.test(name)) return shownBytes(value);
  if (RATE.test(name)) return `${(value / 1e6).toFixed(1)} Mbit/s`;
  if (name.startsWith('cpu.load')) return `${(value * 100).toFixed(0)} %`;
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
