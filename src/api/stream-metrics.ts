/**
 * The part of `/metrics` about multicast sessions, of all sessions of this peer together: a session is never a label, because
 * names are chosen by people and come and go. Counts go on when a session ends, and begin anew with each stay in a pool.
 */
import type { Counter } from 'prom-client';
import type { Daemon } from '../daemon/daemon.ts';
import type { LoggedEvent } from '../daemon/event-log.ts';
import type { CastView } from '../protocol/alm/session/views.ts';
import type { MetricKit } from './metric-kit.ts';
import { readOr } from './metric-kit.ts';

const ROLES = ['root', 'member', 'helper'] as const;

export class StreamMetrics {
  readonly #daemon: Daemon;
  readonly #kit: MetricKit;
  readonly #parentsLost: Counter;
  readonly #membersGone: Counter;
  readonly #plans: Counter;

  constructor(daemon: Daemon, kit: MetricKit) {
    this.#daemon = daemon;
    this.#kit = kit;
    this.#parentsLost = kit.counter('stream_parents_lost_total', 'Parents that became of no use to this peer in the midst of a stream.');
    this.#membersGone = kit.counter('stream_members_gone_total', 'Members and helpers that left sessions of this peer, or were let go.');
    this.#plans = kit.counter('stream_plans_total', 'Trees that were planned for sessions of this peer, each change counted.');
    this.#definePart();
    this.#defineTraffic();
  }

  onEvent({ event }: LoggedEvent): void {
    if (event === 'cast-parent-lost') this.#parentsLost.inc();
    if (event === 'cast-member-gone') this.#membersGone.inc();
    if (event === 'cast-planned') this.#plans.inc();
  }

  #definePart(): void {
    this.#kit.gauge('stream_sessions', 'Sessions that this peer takes part in, by what it is there.', ['role'], (gauge) => {
      const views = this.#views();
      for (const role of ROLES) gauge.set({ role }, views.filter((one) => one.role === role).length);
    });
    this.#kit.gauge('stream_children', 'Peers that this one sends streams to, over all sessions.', [], (gauge) => gauge.set(this.#views().reduce((sum, { children }) => sum + children.length, 0)));
    const taken = (): readonly CastView[] => this.#views().filter(({ role }) => role !== 'root');
    this.#kit.gauge('stream_latency_median_seconds', 'From the source to here lately, half of the chunks at most, of the session where it takes longest.', [], (gauge) => gauge.set(greatest(taken(), ({ latencyMs }) => latencyMs) / 1_000));
    this.#kit.gauge('stream_latency_p99_seconds', 'The same for 99 of 100 chunks.', [], (gauge) => gauge.set(greatest(taken(), ({ latencyHighMs }) => latencyHighMs) / 1_000));
    this.#kit.gauge('stream_tree_height_seconds', 'Planned way to the farthest member, of the session of this peer where it is longest.', [], (gauge) => gauge.set(greatest(this.#views(), ({ heightMs }) => heightMs) / 1_000));
    this.#kit.gauge('stream_helpers', 'Helpers that pass on streams of sessions of this peer.', [], (gauge) => gauge.set(this.#views().reduce((sum, { help }) => sum + help.length, 0)));
  }

  #defineTraffic(): void {
    const totals = (): Daemon['session']['node']['casts']['totals'] => this.#daemon.session.node.casts.totals;
    this.#kit.sum('stream_bytes_total', 'Bytes of streams: in from parents or, at the root, from the source; out to children.', ['dir'], () => {
      const { bytes, sentBytes } = totals();
      return [[{ dir: 'in' }, bytes], [{ dir: 'out' }, sentBytes]];
    });
    this.#kit.sum('stream_chunks_total', 'Chunks that came here in order: no other is passed on or read.', [], () => [[{}, totals().chunks]]);
    this.#kit.sum('stream_chunks_refilled_total', 'Of these, chunks that came from an ancestor to fill a gap after a parent was lost.', [], () => [[{}, totals().refilled]]);
    this.#kit.sum('stream_chunks_repeated_total', 'Chunks that came twice and were dropped.', [], () => [[{}, totals().repeated]]);
    this.#kit.sum('stream_broken_total', 'Streams that ended here because nobody had what was missing.', [], () => [[{}, totals().broken]]);
    this.#kit.sum('stream_reparented_total', 'Parents that began to send in the place of another one.', [], () => [[{}, totals().reparented]]);
    this.#kit.sum('stream_children_let_go_total', 'Children that were let go because they took too little.', [], () => [[{}, totals().letGo]]);
  }

  #views(): readonly CastView[] {
    return readOr(() => this.#daemon.session.node.casts.views(), []);
  }
}

function greatest(views: readonly CastView[], of: (view: CastView) => number): number {
  return views.reduce((most, view) => Math.max(most, of(view)), 0);
}
