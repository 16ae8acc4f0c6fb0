/**
 * What all experiments write: an SVG with its data as CSV beside it, and word of how far they are.
 * Figures with five digits are as exact as any of them is; more would only make two runs look different.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOG_INTERVAL_SECONDS = 10;

export interface Output {
  /** What is being played: on a terminal always, in a log now and then. */
  tell(part: string): (what: string) => void;
  write(name: string, svg: string, rows: readonly object[]): void;
}

/** Figures go below docs/figures/FOLDER. */
export function outputTo(folder: string): Output {
  const directory = join(import.meta.dirname, '..', 'docs', 'figures', folder);
  const startedAt = performance.now();
  const secondsNow = (): number => Math.round((performance.now() - startedAt) / 1000);
  let toldAtSeconds = 0;
  mkdirSync(directory, { recursive: true });
  return {
    tell: (part) => (what) => {
      const seconds = secondsNow();
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${seconds} s, ${part}: ${what}`);
      else if (seconds >= toldAtSeconds + LOG_INTERVAL_SECONDS) console.error(`${seconds} s, ${part}: ${what}`);
      else return;
      toldAtSeconds = seconds;
    },
    write: (name, svg, rows) => {
      writeFileSync(join(directory, `${name}.svg`), svg);
      writeFileSync(join(directory, `${name}.csv`), csvOf(rows));
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
      console.log(`${secondsNow()} s: docs/figures/${folder}/${name}.svg`);
    },
  };
}

function csvOf(rows: readonly object[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: unknown): string => (typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(5))) : String(value));
  const lines = rows.map((row) => columns.map((column) => cell((row as Record<string, unknown>)[column])).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
