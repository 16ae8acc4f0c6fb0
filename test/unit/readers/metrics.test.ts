/** `/metrics`: names, types and labels that monitoring can rely on, in both formats. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../src/api/server.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import { Origin, rss } from './origin.ts';

const HOST = '127.0.0.1:4780';
let daemon: Daemon;
let app: FastifyInstance;
let origin: Origin;

before(async () => {
  origin = await Origin.start();
  daemon = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'tested', feeds: { allowPrivateNetworks: true, originFloorMs: 50 } });
  app = buildApi(daemon, () => 4780);
});

after(async () => {
  await app.close();
  await daemon.stop();
  await origin.stop();
});

async function metrics(accept = ''): Promise<{ readonly type: string; readonly text: string }> {
  const { statusCode, headers, body } = await app.inject({ url: '/metrics', headers: { host: HOST, accept } });
  assert.equal(statusCode, 200);
  return { type: String(headers['content-type']), text: body };
}

function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('the names are those that dashboards are made for', async () => {
  const { text } = await metrics();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`).sort();
  assert.deepEqual(types, [
    'grove_build_info gauge', 'grove_delivery_factor_ratio gauge', 'grove_fanout_used gauge', 'grove_feed_items gauge', 'grove_feed_staleness_seconds histogram', 'grove_feeds gauge',
    'grove_origin_bytes_total counter', 'grove_origin_requests_total counter', 'grove_overlay_bytes_total counter', 'grove_peer_flaps_total counter', 'grove_peers gauge',
    'grove_polls_avoided_total counter', 'grove_process_resident_memory_bytes gauge', 'grove_ready gauge', 'grove_somo_coverage_ratio gauge', 'grove_somo_view_age_seconds gauge',
    'grove_start_time_seconds gauge',
    'grove_stream_broken_total counter', 'grove_stream_bytes_total counter', 'grove_stream_children gauge', 'grove_stream_children_let_go_total counter', 'grove_stream_chunks_refilled_total counter',
    'grove_stream_chunks_repeated_total counter', 'grove_stream_chunks_total counter', 'grove_stream_helpers gauge', 'grove_stream_latency_median_seconds gauge', 'grove_stream_latency_p99_seconds gauge', 'grove_stream_members_gone_total counter',
    'grove_stream_parents_lost_total counter', 'grove_stream_plans_total counter', 'grove_stream_reparented_total counter', 'grove_stream_sessions gauge', 'grove_stream_tree_height_seconds gauge',
    'grove_tree_depth gauge', 'grove_verification_total counter',
  ]);
});

test('labels and their values are those that dashboards are made for', async () => {
  const { text } = await metrics();
  const series = [
    ...['200', '304', '429', 'error'].map((result) => `grove_origin_requests_total{result="${result}"}`), ...['met', 'late', 'infeasible'].map((state) => `grove_feeds{state="${state}"}`),
    ...['control', 'stream', 'probe'].flatMap((proto) => ['in', 'out'].map((dir) => `grove_overlay_bytes_total{dir="${dir}",proto="${proto}"}`)),
    ...['origin', 'signed', 'attested', 'single', 'conflict'].map((state) => `grove_verification_total{state="${state}"}`), ...['root', 'member', 'helper'].map((role) => `grove_stream_sessions{role="${role}"}`),
    ...['in', 'out'].map((dir) => `grove_stream_bytes_total{dir="${dir}"}`),
    'grove_feed_staleness_seconds_bucket{le="+Inf"}', 'grove_feed_staleness_seconds_sum', 'grove_feed_staleness_seconds_count', 'grove_stream_chunks_total', 'grove_stream_reparented_total', 'grove_stream_latency_median_seconds', 'grove_stream_latency_p99_seconds',
  ];
  for (const one of series) assert.ok(Number.isFinite(value(text, one)), one);
});

test('requests to origins, their bytes and the states of feeds are counted', async () => {
  const document = rss('a');
  origin.serve('/f', document);
  const { id } = daemon.feeds.add({ url: origin.url('/f') });
  await daemon.feeds.whenServable(id, AbortSignal.timeout(20_000));
  while (daemon.feeds.show(id).originRequests[304] === 0) {
    await daemon.feeds.refresh(id);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { text } = await metrics();
  const { 200: full, 304: unchanged } = daemon.feeds.show(id).originRequests;
  assert.equal(value(text, 'grove_origin_requests_total{result="200"}'), full);
  assert.equal(value(text, 'grove_origin_requests_total{result="304"}'), unchanged);
  assert.equal(value(text, 'grove_origin_requests_total{result="error"}'), 0);
  assert.equal(value(text, 'grove_origin_bytes_total'), Buffer.byteLength(document));
  assert.equal(['met', 'late', 'infeasible', 'pending', 'error'].reduce((sum, state) => sum + (value(text, `grove_feeds{state="${state}"}`) ?? Number.NaN), 0), 1);
  assert.equal(value(text, 'grove_verification_total{state="origin"}'), 1);
  assert.equal(value(text, 'grove_peers'), 1);
  assert.equal(value(text, 'grove_ready'), 1);
});

test('no label names a feed, a URL or a peer', async () => {
  const { text } = await metrics();
  const labels = new Set([...text.matchAll(/[{,](\w+)="/g)].map(([, name]) => name));
  assert.deepEqual([...labels].sort(), ['dir', 'le', 'node', 'proto', 'result', 'role', 'state', 'trust', 'version']);
  assert.ok(!text.includes(origin.host) && !text.includes(daemon.peerId));
});

test('whoever asks for OpenMetrics gets it', async () => {
  const plain = await metrics('text/plain');
  assert.match(plain.type, /^text\/plain; version=0\.0\.4/);
  const open = await metrics('application/openmetrics-text; version=1.0.0,text/plain;q=0.5');
  assert.match(open.type, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.match(open.text, /# EOF\n$/);
  assert.match(open.text, /# TYPE grove_origin_requests counter/);
});

test('what sessions carried is counted, and goes on counting when they are over', async () => {
  const member = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'member', join: [daemon.invite()] });
  const goOn = Promise.withResolvers<void>();
  const source = async function* (): AsyncGenerator<Uint8Array> {
    const { text } = await metrics();
    assert.equal(value(text, 'grove_stream_sessions{role="root"}'), 1);
    assert.equal(value(text, 'grove_stream_children'), 1);
    await goOn.promise;
    yield Buffer.from('carried');
  };
  try {
    await daemon.casts.open('short', {});
    const fed = daemon.casts.feed('short', source(), { members: 1 });
    const { bytes } = await member.casts.read('short', { from: 'start' }, AbortSignal.timeout(20_000));
    goOn.resolve();
    let read = '';
    for await (const piece of bytes) read += Buffer.from(piece).toString();
    await fed;
    assert.equal(read, 'carried');
    const { text } = await metrics();
    assert.equal(value(text, 'grove_stream_sessions{role="root"}'), 0);
    assert.equal(value(text, 'grove_stream_bytes_total{dir="in"}'), 7);
    assert.equal(value(text, 'grove_stream_bytes_total{dir="out"}'), 7);
    assert.equal(value(text, 'grove_stream_chunks_total'), 1);
    assert.ok((value(text, 'grove_stream_plans_total') ?? 0) > 0);
    const { bytes: taken, sentBytes, reparented, broken } = member.session.node.casts.totals;
    assert.deepEqual({ taken, sentBytes, reparented, broken }, { taken: 7, sentBytes: 0, reparented: 0, broken: 0 });
  } finally {
    await member.stop();
  }
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
test(hasPromtool ? 'promtool finds nothing wrong' : 'promtool is not installed here: its check of the metrics is left out', async () => {
  if (!hasPromtool) return;
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: (await metrics()).text });
  assert.equal(status, 0, `${stdout}${stderr}`);
});
