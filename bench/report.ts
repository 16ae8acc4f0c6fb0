/**
 * What every benchmark prints: JSON lines, the first of which says on which machine and when.
 *
 * Figures depend on the machine and must not depend on who runs them: no paths, no host names. Throughput is per second of
 * process CPU time, because the machine may be doing other things.
 */
import { cpus, totalmem } from 'node:os';

export function describeMachine(bench: string): void {
  const processors = cpus();
  print({
    bench, cpu: processors[0]?.model.trim() ?? 'unknown', cores: processors.length, memoryGiB: totalmem() / 2 ** 30,
    node: process.version, date: new Date().toISOString().slice(0, 10),
  });
}

/** One line; numbers are rounded to what can be meant. */
export function print(value: object): void {
  console.log(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'number' && !Number.isInteger(inner) ? Number(inner.toPrecision(4)) : inner)));
}

/** CPU seconds this process has used, all threads together. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Arguments of the form `name=value`. */
export function argument(name: string, otherwise: number): number {
  const found = process.argv.find((text) => text.startsWith(`${name}=`));
  return found === undefined ? otherwise : Number(found.slice(name.length + 1));
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Of ascending values, the one that such a share of them does not exceed; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
