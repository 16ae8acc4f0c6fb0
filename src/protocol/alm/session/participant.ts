/**
 * A peer's part in a session whose root is elsewhere: as a member that wants the stream, or as a helper that passes it on.
 *
 * It does what the root says and reports how that goes. A member that nobody here reads for leaves, and serves its children until
 * they have somebody else.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Millis } from '../../../core/env.ts';
import type { Local } from '../../local.ts';
import type { Alarms } from '../../overlay/alarms.ts';
import type { Requests } from '../../requests.ts';
import type { CastOrder, CastReport } from '../../wire/cast-messages.ts';
import type { Relay, RelayEvents } from '../stream/relay.ts';
import { ATTEMPTS, DEGREE_MAX, LINGER_MS, REASON_BYTES_MAX, REPORT_MS } from './bounds.ts';
import type { Surveyor } from './measuring.ts';
import { ParentGauge } from './measuring.ts';

export interface ParticipantParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly alarms: Alarms;
  readonly session: string;
  readonly name: string;
  readonly root: Contact;
  /** It passes the stream on, and nobody here wants it. */
  readonly isHelper: boolean;
  readonly surveyor: Surveyor;
  /** Links that the session could have of this machine now. */
  links(): number;
  newRelay(events: RelayEvents): Relay;
  /** It is over, and everybody who read has been told. */
  onOver(reason: string): void;
  /** Children that knock can be looked at again. */
  onPlace(): void;
}

type Trouble = Partial<Pick<CastReport, 'lost' | 'why' | 'slow' | 'slowBps' | 'leaving' | 'broken' | 'returning'>>;

export class Participant {
  readonly relay: Relay;
  readonly #parts: ParticipantParts;
  readonly #gauge: ParentGauge;
  #number = 0;
  #reporting: number | undefined;
  #isOver = false;
  #isLeaving = false;
  /** It was asked for its stream by somebody here at least once. */
  #wasRead = false;
  #latency: { readonly ms: Millis; readonly highMs: Millis } = { ms: 0, highMs: 0 };
  #isDone = false;
  #isHelper: boolean;

  constructor(parts: ParticipantParts) {
    this.#parts = parts;
    this.#gauge = new ParentGauge(parts.surveyor, parts.session, () => parts.local.env.now());
    this.#isHelper = parts.isHelper;
    this.relay = parts.newRelay({
      onStarted: () => {
        this.#report({});
        parts.onPlace();
      },
      onParentLost: (parent, why) => this.#onParentLost(parent, why),
      onChildSlow: (peerId, takenBps) => this.#report({ slow: peerId, slowBps: takenBps }),
      onChildLost: (peerId) => this.#report({ broken: peerId }),
      onRoom: () => undefined,
      onBroken: (reason) => this.#leave(reason),
    });
    this.#reportLater();
  }

  get root(): Contact {
    return this.#parts.root;
  }

  get isHelper(): boolean {
    return this.#isHelper;
  }

  /** From now on it wants the stream itself. */
  becomeMember(): void {
    this.#isHelper = false;
  }

  /** Median and worst hundredth of the latest time that was reported. */
  get latency(): { readonly ms: Millis; readonly highMs: Millis } {
    return this.#latency;
  }

  noteRead(): void {
    this.#wasRead = true;
  }

  /** What it answers the root: empty, or why not. */
  onOrder({ number, parent, ancestors, children, dismissal }: CastOrder): string {
    if (this.#isOver) return 'it has left';
    if (number <= this.#number) return '';
    this.#number = number;
    if (dismissal !== '') {
      this.#finish(dismissal);
      return '';
    }
    this.relay.settle({ parent, ancestors, children: children.map(({ peer, below }) => ({ peerId: peer, below })) });
    this.#parts.onPlace();
    return '';
  }

  /** Readers of this machine have come or gone. */
  onReaders(): void {
    if (this.#isHelper || !this.#wasRead || this.relay.readerCount > 0 || this.relay.isComplete) return;
    this.#leave('nobody reads it here');
  }

  /** Before its time: its root plans with what it says. */
  reportSoon(): void {
    if (!this.#isOver) this.#report({});
  }

  onTick(): void {
    if (this.#isOver) return;
    this.relay.onTick();
    this.#gauge.look(this.relay.parent, () => this.reportSoon());
    if (!this.relay.isDrained || this.#isDone) return;
    this.#isDone = true;
    this.#report({});
  }

  /** `returning`: whoever reads here may come back for the rest. */
  leave(reason: string, returning = false): void {
    this.#leave(reason, returning && this.relay.readerCount > 0);
  }

  /** It never became a member. */
  abandon(reason: string): void {
    this.#finish(reason);
  }

  // --- the way out ---

  #leave(reason: string, returning = false): void {
    if (this.#isOver || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#report({ leaving: reason, returning });
    this.#linger(reason, this.#parts.local.env.now() + LINGER_MS);
  }

  #linger(reason: string, until: Millis): void {
    if (this.relay.children.length === 0 || this.#parts.local.env.now() >= until) return this.#finish(reason);
    this.#parts.alarms.in(LINGER_MS / 20, () => this.#linger(reason, until));
  }

  #finish(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#reporting !== undefined) this.#parts.alarms.cancel(this.#reporting);
    this.relay.stop(reason);
    this.#parts.onOver(reason);
  }

  // --- reports ---

  #onParentLost(parent: Contact, why: string): void {
    this.#parts.local.env.emit({ kind: 'cast-parent-lost', name: this.#parts.name, parent, why });
    this.#report({ lost: parent.peerId, why });
  }

  #reportLater(): void {
    this.#reporting = this.#parts.alarms.in(REPORT_MS, () => {
      if (this.#isOver) return;
      this.#takeLatency();
      this.#report({});
      this.#reportLater();
    });
  }

  #takeLatency(): void {
    const { latency } = this.relay;
    this.#latency = { ms: latency.quantile(0.5), highMs: latency.quantile(0.99) };
    latency.reset();
  }

  #report({ lost = '', why = '', slow = '', slowBps = 0, leaving = '', broken = '', returning = false }: Trouble): void {
    const { local, requests, root, session } = this.#parts;
    const { relay } = this;
    const isDone = this.#isDone;
    requests.ask({
      to: root, attempts: ATTEMPTS, timeoutMs: local.timeoutTo(undefined),
      message: (op) => ({
        type: 'castReport', op, session, number: this.#number, started: relay.head !== undefined, done: isDone, head: relay.head ?? 0,
        latencyMs: Math.fround(this.#latency.ms), latencyHighMs: Math.fround(this.#latency.highMs), parent: relay.isFillingGap ? '' : (relay.parent?.peerId ?? ''), rttMs: Math.fround(this.#gauge.rttMs(relay.parent)), refilled: relay.tally.refilled,
        lost, why: why.slice(0, REASON_BYTES_MAX), slow, slowBps, leaving: leaving.slice(0, REASON_BYTES_MAX), links: Math.min(DEGREE_MAX, this.#parts.links()), broken, returning,
      }),
      onReply: (reply) => {
        if (reply.type !== 'castReply') return;
        if (isDone) this.#finish(relay.end?.reason ?? '');
        else if (!reply.ok && !this.#isLeaving) this.#onUnknown(reply.reason);
      },
      onSilent: () => {
        if (!this.#isLeaving) this.#onUnknown('its root does not answer any more');
      },
    });
  }

  /** Without a root there is no session; what has come is read to the end. */
  #onUnknown(reason: string): void {
    if (!this.relay.isComplete || this.relay.isDrained) this.#finish(reason);
  }
}
