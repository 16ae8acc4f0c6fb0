/**
 * `/metrics`: the peer in numbers, as Prometheus text or OpenMetrics, whichever is asked for. Names are those of
 * ecosystem 3.5. Labels are of few values: no URL, feed or peer is ever one, for their own sake and for that of whoever stores
 * the series.
 *
 * What happens is counted as it happens, from facts; what is, is looked up when somebody asks.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RegistryContentType } from 'prom-client';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Daemon } from '../daemon/daemon.ts';
import type { LoggedEvent } from '../daemon/event-log.ts';
import type { FeedService } from '../daemon/feeds/readers.ts';
import type { FeedState, FeedSummary, TrustLabel } from '../daemon/feeds/views.ts';
import { groveVersion } from '../daemon/version.ts';
import type { Local } from './local.ts';

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
  readonly #registry = new Registry<RegistryContentType>();
  /** The answer that is being made: one at a time, because the format is the registry's. */
  #rendering: Promise<unknown> = Promise.resolve();
  readonly #unsubscribe: readonly (() => void)[];
  /** Of the answer that is being made: looking at each feed takes time when there are thousands. */
  #summaries: readonly FeedSummary[] | undefined;
  #avoidedAt = Date.now();

  readonly #polls = this.#counter('origin_requests_total', 'Requests to origins of feeds, by result.', ['result']);
  readonly #originBytes = this.#counter('origin_bytes_total', 'Bytes of documents that origins sent, decompressed.');
  readonly #avoided = this.#counter('polls_avoided_total', 'Requests that polling each feed alone would have made, and that were not made.');
  readonly #flaps = this.#counter('peer_flaps_total', 'Neighbours that were suspected and turned out alive.');
  readonly #verified = this.#counter('verification_total', 'Versions of feeds, by what vouched for them.', ['state']);
  readonly #staleness: Histogram;

  constructor(daemon: Daemon, feeds: FeedService) {
    this.#daemon = daemon;
    this.#feeds = feeds;
    this.#staleness = new Histogram({ name: 'grove_feed_staleness_seconds', help: 'How old the news of a version can be when it arrives.', buckets: STALENESS_BUCKETS_S, registers: [this.#registry] });
    for (const result of RESULTS) this.#polls.inc({ result }, 0);
    for (const state of LABELS) this.#verified.inc({ state }, 0);
    this.#defineFeeds();
    this.#definePeer();
    this.#definePool();
    this.#defineTrees();
    this.#unsubscribe = [daemon.events.listen((event) => this.#onEvent(event)), feeds.on('version', ({ id, version }) => this.#onVersion(id, version.askedBefore))];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  async text(accept: string): Promise<{ readonly type: string; readonly text: string }> {
    const type = accept.includes('application/openmetrics-text') ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
    const rendered = this.#rendering.then(async () => this.#render(type));
    this.#rendering = rendered.catch(() => undefined);
    return { type, text: await rendered };
  }

  async #render(type: RegistryContentType): Promise<string> {
    const counters = this.#registry.getMetricsAsArray() as unknown as { name: string }[];
    const names = counters.map(({ name }) => name);
    this.#summaries = undefined;
    this.#registry.setContentType(type);
    try {
      return await this.#registry.metrics();
    } finally {
      // For OpenMetrics the library takes `_total` off the names of counters, and leaves them so.
      for (const [i, counter] of counters.entries()) counter.name = names[i] ?? counter.name;
    }
  }

  #onEvent(event: LoggedEvent): void {
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
    this.#gauge('feeds', 'Feeds that this peer subscribes to, by whether the stated max staleness is met.', ['state'], (gauge) => {
      const all = this.#all();
      this.#countAvoided(all);
      for (const state of STATES) gauge.set({ state }, all.filter((one) => one.state === state).length);
    });
    this.#gauge('fanout_used', 'Children that this peer serves, over all feeds.', [], (gauge) => gauge.set(this.#all().reduce((sum, one) => sum + one.children, 0)));
    this.#gauge('feed_items', 'Items that are kept, by what vouches for them.', ['trust'], (gauge) => {
      const all = this.#all();
      for (const trust of LABELS) gauge.set({ trust }, all.reduce((sum, one) => sum + one.trust[trust], 0));
    });
  }

  #definePeer(): void {
    const daemon = this.#daemon;
    this.#gauge('build_info', 'The version that runs.', ['version', 'node'], (gauge) => gauge.set({ version: groveVersion(), node: process.versions.node }, 1));
    this.#gauge('process_resident_memory_bytes', 'Memory of this process.', [], (gauge) => gauge.set(process.memoryUsage.rss()));
    this.#gauge('start_time_seconds', 'When this peer was started, Unix time.', [], (gauge) => gauge.set(daemon.startedAt.getTime() / 1_000));
    this.#gauge('ready', 'Whether this peer is a member of its ring.', [], (gauge) => gauge.set(daemon.isReady ? 1 : 0));
    this.#sum('overlay_bytes_total', 'Bytes to and from other peers.', ['dir', 'proto'], () => {
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
    this.#gauge('delivery_factor_ratio', 'Bytes that came from peers for versions of feeds, over the bytes of the versions that were new.', [], (gauge) => {
      gauge.reset();
      const tally = readOr(() => daemon.session.node.feeds.tally, undefined);
      if (tally !== undefined && tally.neededBytes > 0) gauge.set(tally.receivedBytes / tally.neededBytes);
    });
    this.#gauge('tree_depth', 'Links to the source of a feed, of the feed where they are most.', [], (gauge) => gauge.set(readOr(() => daemon.session.node.lagover.depthMax, 0)));
  }

  /** One question to the pool for both; a pool that does not answer in time has neither. */
  #definePool(): void {
    const daemon = this.#daemon;
    const peers = new Gauge({ name: 'grove_peers', help: 'Machines in the view of the pool.', registers: [this.#registry] });
    const coverage = new Gauge({ name: 'grove_somo_coverage_ratio', help: 'Share of the circle that the view of the pool covers.', registers: [this.#registry] });
    this.#gauge('somo_view_age_seconds', 'Age of the oldest input to the view of the pool.', [], async (gauge) => {
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

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `grove_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void | Promise<void>): void {
    const gauge: Gauge = new Gauge({ name: `grove_${name}`, help, labelNames, registers: [this.#registry], collect: () => collect(gauge) });
  }

  /** A counter that is kept elsewhere. */
  #sum(name: string, help: string, labelNames: string[], read: () => readonly (readonly [Record<string, string>, number])[]): void {
    const counter: Counter = new Counter({
      name: `grove_${name}`, help, labelNames, registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [labels, value] of readOr(read, [])) counter.inc(labels, value);
      },
    });
  }
}

/** Between two pools there is no session to read from. */
function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
