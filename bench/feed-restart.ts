/**
 * A restart with 500 feeds: how many requests are made in the first minute, and does the schedule demand each of them?
 *
 * Every feed has a host of its own (all answered by one origin in this process), holds a document and has a plan. Then the
 * service is started again: ten minutes later, when nothing is due, and twelve hours later, when everything fell due while
 * the peer was off. Requests are compared with the plans as they stood right after the start.
 * `node bench/feed-restart.ts [feeds=500] [seconds=60]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Feeds } from '../src/daemon/feeds/feeds.ts';
import { SteadyClock } from '../src/daemon/feeds/steady-clock.ts';
import { SqliteStore } from '../src/host/sqlite-store.ts';
import { argument, describeMachine, print } from './report.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const count = argument('feeds', 500);
const seconds = argument('seconds', 60);
const directory = mkdtempSync(join(tmpdir(), 'grove-restart-'));
const file = join(directory, 'grove.db');

const asked: { readonly host: string; readonly at: number; readonly conditional: boolean }[] = [];
const server = createServer((request, response) => {
  const { host = '', 'if-none-match': known } = request.headers;
  asked.push({ host, at: Date.now(), conditional: known !== undefined });
  if (known !== undefined) response.writeHead(304, { etag: known }).end();
  else response.writeHead(200, { 'content-type': 'application/rss+xml', etag: `"${host}"` }).end(`<rss version="2.0"><channel><title>${host}</title><item><title>one</title><guid>${host}-1</guid></item></channel></rss>`);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

describeMachine('feed-restart');
await fill();
await restart('nothing is due', 10 * MINUTE);
await restart('everything fell due', 12 * HOUR);
server.closeAllConnections();
server.close();
rmSync(directory, { recursive: true, force: true });

function start(aheadMs: number): { readonly feeds: Feeds; readonly store: SqliteStore; readonly tookMs: number } {
  const began = performance.now();
  const store = new SqliteStore(file);
  const feeds = new Feeds({
    store, allowPrivateNetworks: true, originFloorMs: undefined, defaultMaxStalenessMs: 90 * MINUTE, version: 'bench', contact: 'http://bench.example/', apiUrl: () => undefined, onFact: () => undefined,
    clock: new SteadyClock(() => Date.now() + aheadMs), resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  return { feeds, store, tookMs: performance.now() - began };
}

async function fill(): Promise<void> {
  const { feeds, store } = start(0);
  const began = performance.now();
  for (let i = 0; i < count; i++) feeds.add({ url: `http://host-${i}.example:${port}/feed` });
  while (feeds.list().some((feed) => feed.state !== 'met')) await sleep(200);
  print({ phase: 'first fetch', feeds: count, requests: asked.length, seconds: (performance.now() - began) / 1_000 });
  await feeds.stop();
  store.close();
}

async function restart(phase: string, aheadMs: number): Promise<void> {
  asked.length = 0;
  const { feeds, store, tookMs } = start(aheadMs);
  const plans = new Map(feeds.list().map(({ id }) => feeds.show(id)).map(({ url, nextPoll }) => [new URL(url).host, Date.parse(nextPoll ?? '') - aheadMs]));
  const began = Date.now();
  await sleep(seconds * 1_000);
  const early = asked.filter(({ host, at }) => at < (plans.get(host) ?? Infinity) - 50);
  const demanded = [...plans.values()].filter((at) => at <= began + seconds * 1_000).length;
  const perSecond = new Map<number, number>();
  for (const { at } of asked) perSecond.set(Math.floor(at / 1_000), (perSecond.get(Math.floor(at / 1_000)) ?? 0) + 1);
  print({
    phase, feeds: count, seconds, startMs: tookMs, requests: asked.length, demanded, notDemanded: early.length, unconditional: asked.filter(({ conditional }) => !conditional).length, mostInOneSecond: Math.max(0, ...perSecond.values()),
  });
  if (early.length > 0) process.exitCode = 1;
  await feeds.stop();
  store.close();
}
