/**
 * `/metrics`: the peer in numbers, as Prometheus text or OpenMetrics, whichever is asked for. Names are those of
 * ecosystem 3.5. Labels are of few values: no URL, feed or peer is ever one, for their own sake and for that of whoever stores
 * the series.
 *
 * What happens is counted as it happens, from facts; what is, is looked up when somebody asks.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Daemon } from '../daemon/daemon.ts';
import type { LoggedEvent } from '../daemon/event-log.ts';
import type { FeedService } from '../daemon/feeds/readers.ts';
import type { FeedState, FeedSummary, TrustLabel } from '../daemon/feeds/views.ts';
import { groveVersion } from '../daemon/version.ts';
import type { Local } from './local.ts';
import { MetricKit, readOr } from './metric-kit.ts';
import { StreamMetrics } from './stream-metrics.ts';

const STATES: readonly FeedState[] = ['met', 'late', 'infeasible', 'pending', 'error'];
const RESULTS = ['200', '304', '429', 'error'] as const;
const LABELS: readonly TrustLabel[] = ['origin', 'signed', 'attested', 'single', 'conflict'];
const STALENESS_BUCKETS_S = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 86_400];
/** For asking the pool how whole and how old its view is. */
const VIEW_MS = 2_000;

export async function getMetrics(_daemon: Daemon, request: FastifyRequest, reply: FastifyReply, { metrics }: Local): Promise<FastifyReply> {
  const { type, text } = await metrics.text(request.headers.accept ?? '');
  return reply.header('content-type', type).send(text);
}

export class Metrics {
  readonly #daemon: Daemon;
  readonly #feeds: FeedService;
  readonly #kit = new MetricKit(() => {
    this.#summaries = undefined;
  });
  readonly #streams: StreamMetrics;
  readonly #unsubscribe: readonly (() => void)[];
  /** Of the answer that is being made: looking at each feed takes time when there are thousands. */
  #summaries: readonly FeedSummary[] | undefined;
  #avoidedAt = Date.now();

  readonly #polls = this.#kit.counter('origin_requests_total', 'Requests to origins of feeds, by result.', ['result']);
  readonly #originBytes = this.#kit.counter('origin_bytes_total', 'Bytes of documents that origins sent, decompressed.');
  readonly #avoided = this.#kit.counter('polls_avoided_total', 'Requests that polling each feed alone would have made, and that were not made.');
  readonly #flaps = this.#kit.counter('peer_flaps_total', 'Neighbours that were suspected and turned out alive.');
  readonly #verified = this.#kit.counter('verification_total', 'Versions of feeds, by what vouched for them.', ['state']);
  readonly #staleness = this.#kit.histogram('feed_staleness_seconds', 'How old the news of a version can be when it arrives.', STALENESS_BUCKETS_S);

  constructor(daemon: Daemon, feeds: FeedService) {
    this.#daemon = daemon;
    this.#feeds = feeds;
    for (const result of RESULTS) this.#polls.inc({ result }, 0);
    for (const state of LABELS) this.#verified.inc({ state }, 0);
    this.#defineFeeds();
    this.#definePeer();
    this.#definePool();
    this.#defineTrees();
    this.#streams = new StreamMetrics(daemon, this.#kit);
    this.#unsubscribe = [daemon.events.listen((event) => this.#onEvent(event)), feeds.on('version', ({ id, version }) => this.#onVersion(id, version.askedBefore))];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  async text(accept: string): Promise<{ readonly type: string; readonly text: string }> {
    return this.#kit.text(accept);
  }

  #onEvent(event: LoggedEvent): void {
    this.#streams.onEvent(event);
    if (event.event === 'peer-refuted') this.#flaps.inc();
    if (event.event === 'feed-polled') this.#polls.inc({ result: RESULTS.find((one) => String(event['outcome']).includes(one)) ?? 'error' });
    if (event.event === 'feed-version' && event['source'] === 'origin') this.#originBytes.inc(Number(event['size']));
    if (event.event === 'feed-conflict') this.#verified.inc({ state: 'conflict' });
    if (event.event === 'feed-signed') this.#verified.inc({ state: 'signed' });
  }

  #onVersion(id: string, askedBefore: number): void {
    const trust = this.#feeds.document(id)?.trust;
    if (trust !== undefined) this.#verified.inc({ state: trust });
    if (askedBefore > 0) this.#staleness.observe(Math.max(0, Date.now() - askedBefore) / 1_000);
  }

  #all(): readonly FeedSummary[] {
    return (this.#summaries ??= this.#feeds.list());
  }

  #defineFeeds(): void {
    this.#kit.gauge('feeds', 'Feeds that this peer subscribes to, by whether the stated max staleness is met.', ['state'], (gauge) => {
      const all = this.#all();
      this.#countAvoided(all);
      for (const state of STATES) gauge.set({ state }, all.filter((one) => one.state === state).length);
    });
    this.#kit.gauge('fanout_used', 'Children that this peer serves, over all feeds.', [], (gauge) => gauge.set(this.#all().reduce((sum, one) => sum + one.children, 0)));
    this.#kit.gauge('feed_items', 'Items that are kept, by what vouches for them.', ['trust'], (gauge) => {
      const all = this.#all();
      for (const trust of LABELS) gauge.set({ trust }, all.reduce((sum, one) => sum + one.trust[trust], 0));
    });
  }

  #definePeer(): void {
    const daemon = this.#daemon;
    this.#kit.gauge('build_info', 'The version that runs.', ['version', 'node'], (gauge) => gauge.set({ version: groveVersion(), node: process.versions.node }, 1));
    this.#kit.gauge('process_resident_memory_bytes', 'Memory of this process.', [], (gauge) => gauge.set(process.memoryUsage.rss()));
    this.#kit.gauge('start_time_seconds', 'When this peer was started, Unix time.', [], (gauge) => gauge.set(daemon.startedAt.getTime() / 1_000));
    this.#kit.gauge('ready', 'Whether this peer is a member of its ring.', [], (gauge) => gauge.set(daemon.isReady ? 1 : 0));
    this.#kit.sum('overlay_bytes_total', 'Bytes to and from other peers.', ['dir', 'proto'], () => {
      const { bytesSent, bytesReceived, streamBytesSent, streamBytesReceived, probeBytesSent, probeBytesReceived } = daemon.session.host.counters;
      return [
        [{ dir: 'out', proto: 'control' }, bytesSent], [{ dir: 'in', proto: 'control' }, bytesReceived],
        [{ dir: 'out', proto: 'stream' }, streamBytesSent], [{ dir: 'in', proto: 'stream' }, streamBytesReceived],
        [{ dir: 'out', proto: 'probe' }, probeBytesSent], [{ dir: 'in', proto: 'probe' }, probeBytesReceived],
      ];
    });
  }

  /** What a session knows of the trees that feeds come down; without one there are no values. */
  #defineTrees(): void {
    const daemon = this.#daemon;
    this.#kit.gauge('delivery_factor_ratio', 'Bytes that came from peers for versions of feeds, over the bytes of the versions that were new.', [], (gauge) => {
      gauge.reset();
      const tally = readOr(() => daemon.session.node.feeds.tally, undefined);
      if (tally !== undefined && tally.neededBytes > 0) gauge.set(tally.receivedBytes / tally.neededBytes);
    });
    this.#kit.gauge('tree_depth', 'Links to the source of a feed, of the feed where they are most.', [], (gauge) => gauge.set(readOr(() => daemon.session.node.lagover.depthMax, 0)));
  }

  /** One question to the pool for both; a pool that does not answer in time has neither. */
  #definePool(): void {
    const daemon = this.#daemon;
    const peers = this.#kit.plainGauge('peers', 'Machines in the view of the pool.');
    const coverage = this.#kit.plainGauge('somo_coverage_ratio', 'Share of the circle that the view of the pool covers.');
    this.#kit.gauge('somo_view_age_seconds', 'Age of the oldest input to the view of the pool.', [], async (gauge) => {
      for (const one of [gauge, peers, coverage]) one.reset();
      if (!daemon.isReady) return;
      const view = await daemon.pool.query('count()', {}, AbortSignal.timeout(VIEW_MS)).catch(() => undefined);
      if (view === undefined) return;
      gauge.set(view.ageMs / 1_000);
      coverage.set(view.coverage.space);
      peers.set(view.coverage.machines);
    });
  }

  /** Alone, each feed would be asked every `max(floor, max staleness)`. */
  #countAvoided(all: readonly FeedSummary[]): void {
    const now = Date.now();
    const alone = all.reduce((sum, one) => sum + (now - this.#avoidedAt) / Math.max(one.floorMs, one.maxStalenessMs, 1_000), 0);
    const made = all.reduce((sum, one) => sum + (one.role === 'consumer' || one.intervalMs <= 0 ? 0 : (now - this.#avoidedAt) / one.intervalMs), 0);
    this.#avoided.inc(Math.max(0, alone - made));
    this.#avoidedAt = now;
  }
}
