/**
 * What this machine measures of itself, under the fixed names of reports (protocol/pool/report.ts).
 *
 * Only calls that answer at once on every system: node:os, and one asynchronous look at the disk. The load is the busy share
 * of all cores between two looks, which means the same on Linux, macOS and Windows; load averages do not.
 */
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

export interface HostSample {
  /** 0..1; undefined before the second look. */
  readonly load: number | undefined;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  /** Undefined where the system does not tell. */
  readonly diskFreeBytes: number | undefined;
  /** Of this process. */
  readonly uptimeSeconds: number;
}

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

export class HostMetrics {
  readonly #directory: string;
  #before: CpuTimes | undefined;
  #load: number | undefined;

  /** `directory` lies on the disk that is meant. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async sample(): Promise<HostSample> {
    this.#measureLoad();
    return {
      load: this.#load, cores: availableParallelism(), memoryBytes: totalmem(), freeBytes: freemem(),
      diskFreeBytes: await freeDisk(this.#directory), uptimeSeconds: Math.floor(process.uptime()),
    };
  }

  #measureLoad(): void {
    const now = cpuTimes();
    const before = this.#before;
    const total = before === undefined ? 0 : now.total - before.total;
    // Two looks within one tick of the system's clock say nothing.
    if (before !== undefined && total <= 0) return;
    this.#before = now;
    if (before !== undefined) this.#load = Math.min(1, Math.max(0, (now.busy - before.busy) / total));
  }
}

function cpuTimes(): CpuTimes {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    total += all;
    busy += all - times.idle;
  }
  return { busy, total };
}

async function freeDisk(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
