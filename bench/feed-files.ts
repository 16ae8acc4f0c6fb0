/**
 * Every document of a folder through three hops of a real pool: are the bytes that a reader gets the origin's but for the
 * links that were rewritten, and does nothing fail?
 *
 * Four peers in one process, one poller, fan-out 1: a chain of three hops. An origin on loopback serves each file as a feed; all peers
 * subscribe, and what the last peer's API gives to a reader is held against the file: everything between local URLs must be found
 * in it, in order and without a gap. Files that are no feeds (HTML, expected results of parsers) are refused by the first and left out,
 * and so are feeds that ask not to be passed on (itunes:block).
 * `node bench/feed-files.ts folder=PATH[,PATH...] [batch=40] [max=0]`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveApi } from '../src/api/server.ts';
import type { Daemon } from '../src/daemon/daemon.ts';
import { startDaemon } from '../src/daemon/daemon.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = 4;
const TYPES: Readonly<Record<string, string>> = { '.json': 'application/feed+json', '.atom': 'application/atom+xml', '.rdf': 'application/rdf+xml' };
const WAIT_MS = 60_000;
const STEP_MS = 50;
/** The register tells others of a lead once that has said that it knows: with its first renewal. */
const LEAD_KNOWN_MS = 15_000;

const folders = (process.argv.find((word) => word.startsWith('folder=')) ?? '').slice('folder='.length).split(',').filter((one) => one !== '');
const all = folders.flatMap(filesIn);
const max = argument('max', 0);
const files = max === 0 ? all : all.slice(0, max);
const batch = argument('batch', 40);

const server = createServer((request, response) => {
  const file = files[Number(request.url?.slice(1))];
  if (file === undefined) return void response.writeHead(404).end();
  const etag = `"${request.url}"`;
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
  response.writeHead(200, { etag, 'content-type': TYPES[extname(file)] ?? 'application/xml' }).end(readFileSync(file));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const peers: Daemon[] = [];
for (let i = 0; i < PEERS; i++) {
  const join = peers[0] === undefined ? [] : [peers[0].invite()];
  peers.push(await startDaemon({
    directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: `peer-${i}`, join, settings: i === 0 ? { pollers: 1 } : {},
    feeds: { allowPrivateNetworks: true, originFloorMs: 5_000, defaultMaxStalenessMs: 60_000 }, serve: async (daemon) => serveApi(daemon, { host: '127.0.0.1', port: 0 }),
  }));
}

const found = { equal: 0, rewritten: 0, refused: 0, keptLocal: 0, different: [] as string[], missing: [] as string[] };
const hops: number[] = [];
let lastAskedOrigin = 0;
for (let from = 0; from < files.length; from += batch) {
  const numbers = files.slice(from, from + batch).map((_, i) => from + i);
  const [first, ...others] = peers as [Daemon, ...Daemon[]];
  for (const n of numbers) first.feeds.add({ url: `${origin}/${n}`, fanout: 1 });
  await until(() => numbers.every((n) => settled(first, n)));
  await sleep(LEAD_KNOWN_MS);
  const withDocument = numbers.filter((n) => first.feeds.document(first.feeds.show(`${origin}/${n}`).id) !== undefined);
  const feeds = withDocument.filter((n) => first.feeds.show(`${origin}/${n}`).scope === 'pool');
  for (const peer of others) {
    for (const n of feeds) peer.feeds.add({ url: `${origin}/${n}`, fanout: 1, neverOrigin: true });
    await until(() => feeds.every((n) => settled(peer, n)));
  }
  found.refused += numbers.length - withDocument.length;
  found.keptLocal += withDocument.length - feeds.length;
  for (const n of feeds) await check(n);
  for (const peer of peers) for (const n of numbers) if (peer.feeds.idOf(`${origin}/${n}`) !== undefined) peer.feeds.remove(`${origin}/${n}`);
}
describeMachine('feed-files');
print({
  files: files.length, ...found,
  hops: Object.fromEntries([0, 1, 2, 3].map((h) => [h, hops.filter((one) => one === h).length])), lastPeerAskedOrigin: lastAskedOrigin,
});
await Promise.all(peers.map(async (peer) => peer.stop()));
server.close();
process.exit();

/** Has a document, or says that there is none. */
function settled(peer: Daemon, n: number): boolean {
  const { id, state } = peer.feeds.show(`${origin}/${n}`);
  return peer.feeds.document(id) !== undefined || state === 'error';
}

async function check(n: number): Promise<void> {
  const last = peers.at(-1) as Daemon;
  const feed = last.feeds.show(`${origin}/${n}`);
  const response = await fetch(feed.local);
  const file = files[n] ?? '';
  const original = readFileSync(file).toString('latin1');
  if (response.status !== 200) return void found.missing.push(basename(file));
  const served = Buffer.from(await response.arrayBuffer()).toString('latin1');
  if (served === original) found.equal++;
  else if (isRewritten(served, original, new URL(feed.local).origin)) found.rewritten++;
  else found.different.push(basename(file));
  hops.push(depth(feed.id));
  if (feed.lastOriginRequest !== null) lastAskedOrigin++;
}

/** Whether everything between local URLs is the original's, in order, from the first byte to the last. */
function isRewritten(served: string, original: string, api: string): boolean {
  const parts = served.split(new RegExp(`${api.replaceAll('.', '\\.')}/(?:f/[0-9a-f]{16}\\.xml|hub)`));
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const place = original.indexOf(part, at);
    if (place < 0 || (i === 0 && place !== 0)) return false;
    at = place + part.length;
  }
  return parts.length > 1 && at === original.length;
}

/** Hops between the last peer and whoever asks the origin. */
function depth(id: string): number {
  let count = 0;
  let peer: Daemon | undefined = peers.at(-1);
  while (peer !== undefined && count < PEERS) {
    const parent = peer.feeds.why(id).parent;
    if (parent === null) break;
    peer = peers.find((one) => one.peerId === parent.peerId);
    count++;
  }
  return count;
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!holds() && Date.now() < end) await sleep(STEP_MS);
}

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => filesIn(join(path, name)));
}
