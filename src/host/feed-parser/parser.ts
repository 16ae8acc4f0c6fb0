/**
 * Parses documents in a worker thread, one after the other, each within bounds of time and memory.
 *
 * A document that takes too long costs its worker, and nobody else waits longer than that. The worker starts with the first
 * document and ends when there has been none for a while, so that a peer without feeds has none. Peers of one process share it: when a version comes
 * down a tree they all get it at once, and as many threads that start keep two processors from anything else for seconds.
 */
import { Worker } from 'node:worker_threads';
import type { ParsedDocument } from './extract.ts';
import type { ParseAnswer, ParseQuestion } from './worker.ts';

export type Parsed = { readonly document: ParsedDocument } | { readonly reason: string };

interface Job {
  readonly body: Uint8Array;
  readonly charset: string | undefined;
  readonly done: (parsed: Parsed) => void;
}

const PARSE_MS_MAX = 10_000;
const IDLE_MS = 30_000;
const HEAP_MB_MAX = 256;
/** Further documents are refused unparsed; whoever asks keeps the bytes and may ask again. */
export const WAITING_MAX = 1_024;
const SOURCE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class FeedParser {
  static #ofProcess: FeedParser | undefined;
  static #users = 0;
  readonly #waiting: Job[] = [];
  readonly #parseMsMax: number;
  #worker: Worker | undefined;
  #running: { readonly job: Job; readonly number: number; readonly timer: NodeJS.Timeout } | undefined;
  #idle: NodeJS.Timeout | undefined;
  #number = 0;
  #closed = false;

  constructor(parseMsMax = PARSE_MS_MAX) {
    this.#parseMsMax = parseMsMax;
  }

  /** The one of this process. Whoever has it gives it back. */
  static share(): FeedParser {
    FeedParser.#users++;
    return (FeedParser.#ofProcess ??= new FeedParser());
  }

  /** The last one to do so ends it. */
  static async giveBack(): Promise<void> {
    FeedParser.#users--;
    if (FeedParser.#users > 0) return;
    const parser = FeedParser.#ofProcess;
    FeedParser.#ofProcess = undefined;
    await parser?.close();
  }

  async parse(body: Uint8Array, charset: string | undefined): Promise<Parsed> {
    if (this.#closed || this.#waiting.length >= WAITING_MAX) return { reason: 'too many documents are waiting to be parsed' };
    return new Promise((done) => {
      this.#waiting.push({ body, charset, done });
      this.#next();
    });
  }

  /** Starts the worker ahead of a document that is on its way. */
  warm(): void {
    if (this.#closed || this.#worker !== undefined) return;
    this.#worker = this.#start();
    this.#worker.unref();
    this.#rest();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { done } of this.#waiting.splice(0)) done({ reason: 'the peer is stopping' });
    this.#finish({ reason: 'the peer is stopping' });
    await this.#discard();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return this.#rest();
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    const number = ++this.#number;
    const timer = setTimeout(() => this.#giveUp(worker, `it takes longer than ${this.#parseMsMax / 1_000} s to parse`), this.#parseMsMax);
    this.#running = { job, number, timer };
    worker.ref();
    worker.postMessage({ number, body: job.body, charset: job.charset } satisfies ParseQuestion);
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#discard(), IDLE_MS).unref();
  }

  #start(): Worker {
    const worker = new Worker(SOURCE, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX }, stdout: true, stderr: true, execArgv: [] });
    worker.on('message', (answer: ParseAnswer) => {
      if (answer.number === this.#running?.number) this.#finish(answer);
    });
    worker.on('error', (error) => this.#giveUp(worker, `the parser broke down: ${error.message}`));
    worker.on('exit', () => this.#giveUp(worker, 'the parser ended'));
    return worker;
  }

  /** Ends a worker that is in trouble; the next document gets a new one. */
  #giveUp(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    void this.#discard();
    this.#finish({ reason });
  }

  #finish(parsed: Parsed): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    clearTimeout(running.timer);
    this.#worker?.unref();
    running.job.done('document' in parsed ? { document: parsed.document } : { reason: parsed.reason });
    if (!this.#closed) this.#next();
  }

  async #discard(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    await worker?.terminate();
  }
}
