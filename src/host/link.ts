/**
 * The control link to one neighbour: a bounded queue and, once there is something to say, one long-lived outbound stream.
 *
 * A trickle of small messages costs libp2p about 200 us of CPU each when written one by one, so what one turn of the
 * event loop produces for a neighbour leaves in one write. A neighbour that does not read stops the writing (libp2p's
 * `send` answers false); then the queue fills and the oldest frames go.
 */
import type { Stream } from '@libp2p/interface';
import { performance } from 'node:perf_hooks';
import type { Contact } from '../core/contact.ts';
import type { Millis } from '../core/env.ts';
import type { Line } from './connections.ts';
import type { HostCounters } from './facts.ts';
import type { Frame } from './frames.ts';
import { FrameQueue } from './frame-queue.ts';
import type { QueueLimits } from './frame-queue.ts';

export interface LinkOptions {
  readonly limits: QueueLimits;
  readonly counters: HostCounters;
  /** Finds or makes a proven connection and opens the control stream on it. */
  readonly open: (contact: Contact) => Promise<{ readonly line: Line; readonly stream: Stream }>;
  /** False once there is a better connection to the same peer: a direct one, or the one that it uses too. */
  readonly isBest: (line: Line) => boolean;
  /** The frame that says who we are now, if the neighbour on this connection was told something older. */
  readonly news: (line: Line) => Uint8Array | undefined;
  readonly onClosed: (link: Link) => void;
}

/** Largest write: larger ones only delay what is urgent behind them. */
const WRITE_BYTES_MAX = 64 * 1024;

export class Link {
  readonly #options: LinkOptions;
  readonly #queue: FrameQueue;
  #contact: Contact;
  #state: 'closed' | 'opening' | 'open' = 'closed';
  #stream: Stream | undefined;
  #line: Line | undefined;
  #blocked = false;
  readonly since: Millis = performance.now();
  #usedAt: Millis = performance.now();

  constructor(contact: Contact, options: LinkOptions) {
    this.#contact = contact;
    this.#options = options;
    this.#queue = new FrameQueue(options.limits);
  }

  get contact(): Contact {
    return this.#contact;
  }

  get usedAt(): Millis {
    return this.#usedAt;
  }

  get isOpening(): boolean {
    return this.#state === 'opening';
  }

  /** Queues a frame; it leaves with the next `flush`. */
  push(contact: Contact, frame: Frame): void {
    if (contact.incarnation >= this.#contact.incarnation) this.#contact = contact;
    this.#usedAt = performance.now();
    this.#options.counters.framesDroppedQueue += this.#queue.push(frame);
  }

  /** Writes what is queued, opening the stream first if need be, or a new one if there is a better connection. */
  flush(): void {
    // Not asked of a stream that was just opened: two parts of the host that disagree on what is better must not loop.
    const isStale = this.#state === 'open' && !this.#blocked && this.#line !== undefined && !this.#options.isBest(this.#line);
    if (isStale) this.#detach();
    if (this.#state === 'closed') void this.#open();
    else if (this.#state === 'open') this.#write();
  }

  #write(): void {
    const stream = this.#stream;
    const line = this.#line;
    if (stream === undefined || line === undefined) return;
    try {
      const news = this.#blocked ? undefined : this.#options.news(line);
      if (news !== undefined) this.#blocked = !stream.send(news);
      while (!this.#blocked) {
        const batch = this.#queue.takeBatch(WRITE_BYTES_MAX);
        if (batch === undefined) break;
        this.#options.counters.writes++;
        this.#options.counters.bytesSent += batch.byteLength;
        this.#blocked = !stream.send(batch);
      }
      line.usedAt = this.#usedAt;
    } catch {
      this.#lost(); // the stream was closing under us
    }
  }

  /** Gives the stream back; what still waits is dropped and counted. The link is of no use afterwards. */
  release(): void {
    this.#options.counters.framesDroppedUnreachable += this.#queue.clear();
    this.#detach();
  }

  /** Closes the stream, what was written going out first. The next flush opens another. */
  #detach(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#state = 'closed';
    stream?.close({ signal: AbortSignal.timeout(1_000) }).catch((error: unknown) => {
      stream.abort(error instanceof Error ? error : new Error('released'));
    });
  }

  async #open(): Promise<void> {
    if (this.#queue.length === 0) return;
    this.#state = 'opening';
    try {
      const { line, stream } = await this.#options.open(this.#contact);
      if (this.#state !== 'opening') return stream.abort(new Error('the link was released meanwhile'));
      this.#line = line;
      this.#stream = stream;
      this.#blocked = false;
      stream.addEventListener('drain', () => {
        if (this.#stream !== stream) return;
        this.#blocked = false;
        this.#write();
      });
      const onEnd = (): void => {
        if (this.#stream === stream) this.#lost();
      };
      stream.addEventListener('close', onEnd);
      stream.addEventListener('remoteCloseWrite', onEnd);
      this.#state = 'open';
      if (stream.status !== 'open') return this.#lost();
      this.#write();
    } catch {
      if (this.#state === 'opening') this.#lost();
    }
  }

  /** The stream is gone, and with it what was queued: messages are soft, and by the time of a new one they are old. */
  #lost(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#state = 'closed';
    this.#options.counters.framesDroppedUnreachable += this.#queue.clear();
    if (stream?.status === 'open') stream.abort(new Error('the link is over'));
    this.#options.onClosed(this);
  }
}
