/**
 * What a machine has sent for others in this month, against what its operator allows. Kept over restarts.
 *
 * A month is thirty days, counted from the beginning of 1970, so that a clock that steps does no harm and no calendar is needed.
 * It is written down at every hundredth of what is allowed: so much may be forgotten when the process is killed.
 */
import type { NodeEnv } from '../../local.ts';

const MONTH_MS = 30 * 24 * 3_600_000;
const NAME = 'help/month';
const STEPS = 100;

export class MonthlyVolume {
  readonly #env: Pick<NodeEnv, 'store' | 'wallClock'>;
  readonly #allowedBytes: number;
  #month: number;
  #bytes: number;
  #writtenBytes: number;

  constructor(env: Pick<NodeEnv, 'store' | 'wallClock'>, allowedBytes: number) {
    this.#env = env;
    this.#allowedBytes = allowedBytes;
    this.#month = this.#now();
    this.#bytes = this.#writtenBytes = allowedBytes === 0 ? 0 : readBytes(env.store.read(NAME), this.#month);
  }

  get isUsedUp(): boolean {
    this.#turn();
    return this.#bytes >= this.#allowedBytes;
  }

  /** True when it is used up by this. */
  add(bytes: number): boolean {
    const wasUsedUp = this.isUsedUp;
    this.#bytes += bytes;
    if (this.#bytes - this.#writtenBytes >= this.#allowedBytes / STEPS) this.#write();
    return !wasUsedUp && this.isUsedUp;
  }

  #turn(): void {
    const month = this.#now();
    if (month === this.#month) return;
    this.#month = month;
    this.#bytes = 0;
    this.#writtenBytes = 0;
  }

  #write(): void {
    this.#writtenBytes = this.#bytes;
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setFloat64(0, this.#month);
    view.setFloat64(8, this.#bytes);
    this.#env.store.write(NAME, bytes);
  }

  #now(): number {
    return Math.floor(this.#env.wallClock() / MONTH_MS);
  }
}

function readBytes(stored: Uint8Array | undefined, month: number): number {
  if (stored?.length !== 16) return 0;
  const view = new DataView(stored.buffer, stored.byteOffset, 16);
  return view.getFloat64(0) === month ? Math.max(0, view.getFloat64(8)) : 0;
}
