/**
 * Parses documents in a worker thread, one after the other, each within bounds of time and memory.
 *
 * A document that takes too long costs its worker, and nobody else waits longer than that. One during which the worker broke down is tried once more, in a
 * new one: the thread may have died of something else. The worker starts with the first
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
  tries: number;
}

const PARSE_MS_MAX = 10_000;
const IDLE_MS = 30_000;
const HEAP_MB_MAX = 256;
/** Further documents, or bytes, are refused unparsed; whoever asks keeps the bytes and may ask again. One document is always taken. */
export const WAITING_MAX = 1_024;
export const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const TRIES_MAX = 2;
const STOPPING = 'the peer is stopping';
const SOURCE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class FeedParser {
  static #ofProcess: FeedParser | undefined;
  static #users = 0;
  readonly #waiting: Job[] = [];
  readonly #parseMsMax: number;
  readonly #source: URL;
  #waitingBytes = 0;
  #worker: Worker | undefined;
  #running: { readonly job: Job; readonly number: number; readonly timer: NodeJS.Timeout } | undefined;
  #idle: NodeJS.Timeout | undefined;
  #number = 0;
  #closed = false;

  /** `source` is what the thread runs. */
  constructor(parseMsMax = PARSE_MS_MAX, source = SOURCE) {
    this.#parseMsMax = parseMsMax;
    this.#source = source;
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
    if (this.#closed) return { reason: STOPPING };
    const isFull = this.#waiting.length >= WAITING_MAX || (this.#waiting.length > 0 && this.#waitingBytes + body.length > WAITING_BYTES_MAX);
    if (isFull) return { reason: 'too many documents are waiting to be parsed' };
    return new Promise((done) => {
      this.#waiting.push({ body, charset, done, tries: 0 });
      this.#waitingBytes += body.length;
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
    for (const { done } of this.#waiting.splice(0)) done({ reason: STOPPING });
    this.#finish({ reason: STOPPING });
    await this.#discard();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return this.#rest();
    this.#waitingBytes -= job.body.length;
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    const number = ++this.#number;
    job.tries++;
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
    const worker = new Worker(this.#source, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX }, stdout: true, stderr: true, execArgv: [] });
    worker.on('message', (answer: ParseAnswer) => {
      if (answer.number === this.#running?.number) this.#finish(answer);
    });
    // A thread may take long to start where much goes on, and that is not the document's fault.
    worker.on('online', () => {
      if (this.#worker === worker) this.#running?.timer.refresh();
    });
    worker.on('error', (error) => this.#onBroken(worker, `the parser broke down: ${error.message}`));
    worker.on('exit', () => this.#onBroken(worker, 'the parser ended'));
    return worker;
  }

  #onBroken(worker: Worker, reason: string): void {
    const running = this.#running;
    if (this.#worker !== worker || running === undefined || running.job.tries >= TRIES_MAX) return this.#giveUp(worker, reason);
    void this.#discard();
    clearTimeout(running.timer);
    this.#running = undefined;
    this.#waitingBytes += running.job.body.length;
    this.#waiting.unshift(running.job);
    this.#next();
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
