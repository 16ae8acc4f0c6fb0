/**
 * One line that says how far long work has come, rewritten in place on a terminal and absent elsewhere, so that pipes and
 * logs stay clean.
 */
const BAR_WIDTH = 24;

export class Progress {
  readonly #total: number;
  readonly #what: string;
  #done = 0;

  constructor(total: number, what: string) {
    this.#total = total;
    this.#what = what;
  }

  advance(by: number): void {
    this.#done += by;
    if (!process.stderr.isTTY) return;
    const filled = Math.round((BAR_WIDTH * this.#done) / Math.max(1, this.#total));
    process.stderr.write(`\r[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${this.#done}/${this.#total} ${this.#what}`);
    if (this.#done >= this.#total) process.stderr.write('\n');
  }
}
