/**
 * Churn as it was recorded: availability traces of real systems, played on a world's clock.
 *
 * Recorded churn has what rates do not: peers that never leave beside peers that never stay, days and nights, and
 * thousands that vanish at once. The members are numbered in the order of their first arrival, as in churn.ts, and only
 * the next change is scheduled at a time.
 */
import type { Millis } from '../core/env.ts';
import type { Random } from '../core/random.ts';
import type { Churn, ChurnHandlers } from './churn.ts';
import type { Schedule } from './schedule.ts';

export interface Session {
  /** Numbered by the trace. */
  readonly member: number;
  readonly fromMs: Millis;
  readonly toMs: Millis;
}

export interface ChurnTrace {
  readonly name: string;
  readonly lengthMs: Millis;
  readonly sessions: readonly Session[];
}

export interface TraceOptions {
  /** Where in the trace to begin: who is online then arrives at once. */
  readonly fromMs?: Millis;
  /** How much of it to play. */
  readonly lengthMs?: Millis;
  /** Play so many times faster. */
  readonly speed?: number;
  /** Take a random sample of so many of the trace's members. */
  readonly membersMax?: number;
  readonly gracefulShare: number;
}

/** Reads an availability trace: one member a line, `id sessions from to from to ...` in seconds. */
export function parseTrace(text: string, name: string): ChurnTrace | string {
  const sessions: Session[] = [];
  let lengthMs = 0;
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const fields = line.trim().split(/\s+/).map(Number);
    const count = fields[1] ?? -1;
    const whole = fields.every((field) => Number.isFinite(field) && field >= 0);
    if (!whole || fields.length !== 2 + 2 * count) {
      return `line ${index + 1} is not "id sessions from to from to ...", with as many pairs as sessions`;
    }
    for (let i = 2; i < fields.length; i += 2) {
      const fromMs = (fields[i] as number) * 1000;
      const toMs = (fields[i + 1] as number) * 1000;
      if (toMs <= fromMs || fromMs < (i > 2 ? (fields[i - 1] as number) * 1000 : 0)) {
        return `line ${index + 1} has sessions that are empty, overlap or are not in order`;
      }
      sessions.push({ member: fields[0] as number, fromMs, toMs });
      if (toMs > lengthMs) lengthMs = toMs;
    }
  }
  return sessions.length === 0 ? 'it has no sessions' : { name, lengthMs, sessions };
}

/** Plays a trace. Sessions that last to the trace's end do not depart. Returns how many members will arrive. */
export function startTrace(
  schedule: Schedule,
  trace: ChurnTrace,
  options: TraceOptions,
  handlers: ChurnHandlers,
  random: Random,
): Churn & { readonly members: number } {
  return new TraceChurn(schedule, trace, options, handlers, random);
}

interface Change {
  readonly at: Millis;
  readonly member: number;
  readonly arrives: boolean;
}

class TraceChurn implements Churn {
  online = 0;
  readonly members: number;
  readonly #schedule: Schedule;
  readonly #handlers: ChurnHandlers;
  readonly #random: Random;
  readonly #gracefulShare: number;
  readonly #changes: readonly Change[];
  /** Numbers in order of first arrival. */
  readonly #numbers = new Map<number, number>();
  #next = 0;
  #stopped = false;

  constructor(
    schedule: Schedule,
    trace: ChurnTrace,
    options: TraceOptions,
    handlers: ChurnHandlers,
    random: Random,
  ) {
    this.#schedule = schedule;
    this.#handlers = handlers;
    this.#random = random;
    this.#gracefulShare = options.gracefulShare;
    const { changes, members } = changesOf(trace, options, schedule.now(), random);
    this.#changes = changes;
    this.members = members;
    this.#scheduleNext();
  }

  stop(): void {
    this.#stopped = true;
  }

  #scheduleNext(): void {
    const change = this.#changes[this.#next];
    if (change !== undefined) this.#schedule.at(change.at, () => this.#play());
  }

  /** All changes of one instant, then a control event for the next instant. */
  #play(): void {
    const at = this.#changes[this.#next]?.at;
    for (;;) {
      const change = this.#changes[this.#next];
      if (this.#stopped || change === undefined || change.at !== at) break;
      this.#next++;
      this.#apply(change);
    }
    if (!this.#stopped) this.#scheduleNext();
  }

  #apply({ member, arrives }: Change): void {
    const known = this.#numbers.get(member);
    if (arrives) {
      const number = known ?? this.#numbers.size;
      this.#numbers.set(member, number);
      this.online++;
      this.#handlers.arrive(number, known !== undefined);
    } else if (known !== undefined) {
      this.online--;
      this.#handlers.depart(known, this.#random.unit() < this.#gracefulShare);
    }
  }
}

/** The arrivals and departures of a part of the trace, in order, on the schedule's clock. */
function changesOf(
  trace: ChurnTrace,
  options: TraceOptions,
  startMs: Millis,
  random: Random,
): { changes: Change[]; members: number } {
  const { fromMs = 0, speed = 1 } = options;
  const toMs = Math.min(trace.lengthMs, fromMs + (options.lengthMs ?? Infinity));
  const inside = trace.sessions.filter((session) => session.fromMs < toMs && session.toMs > fromMs);
  const members = sample([...new Set(inside.map(({ member }) => member))], options.membersMax ?? Infinity, random);
  const chosen = new Set(members);
  const changes: Change[] = [];
  const clock = (ms: Millis): Millis => startMs + Math.max(0, ms - fromMs) / speed;
  for (const session of inside) {
    const { member } = session;
    if (!chosen.has(member)) continue;
    changes.push({ at: clock(session.fromMs), member, arrives: true });
    if (session.toMs < toMs) changes.push({ at: clock(session.toMs), member, arrives: false });
  }
  const order = (change: Change): number => (change.arrives ? 1 : 0);
  changes.sort((a, b) => a.at - b.at || order(a) - order(b) || a.member - b.member);
  return { changes, members: members.length };
}

/** So many of the list, each equally likely, in the list's order. */
function sample(list: readonly number[], most: number, random: Random): number[] {
  if (list.length <= most) return [...list];
  let wanted = most;
  return list.filter((_, i) => {
    const taken = random.below(list.length - i) < wanted;
    if (taken) wanted--;
    return taken;
  });
}
