/**
 * The HTTP server around the routes: `buildApi` makes one without a socket, which tests use; `serveApi` listens.
 *
 * The API listens on loopback, and on a Unix socket if it is given one, and nowhere else: a token in clear text does not belong
 * on a network, and whoever wants the API elsewhere forwards a port over ssh. Readers elsewhere (another machine, a
 * container) have a listener of their own that serves feeds and nothing else (readers-elsewhere.ts).
 */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GroveError } from '../core/errors.ts';
import type { Daemon, Served } from '../daemon/daemon.ts';
import type { MinifluxOptions } from '../daemon/feeds/miniflux.ts';
import { Miniflux } from '../daemon/feeds/miniflux.ts';
import { Readers } from '../daemon/feeds/readers.ts';
import { addRoutes, newApp } from './app.ts';
import { guard } from './guard.ts';
import type { Local } from './local.ts';
import { Metrics } from './metrics.ts';
import type { Elsewhere } from './readers-elsewhere.ts';
import { serveElsewhere, urlElsewhere } from './readers-elsewhere.ts';
import { ROUTES } from './routes.ts';
import { isFromSocket, listenOnSocket } from './unix-socket.ts';

export interface ApiAddress {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whether another port will do when this one is taken. */
  readonly isFlexible?: boolean;
}

export interface AlsoServed {
  /** A Unix socket; a flexible one is done without where it cannot be had. */
  readonly socket?: { readonly path: string; readonly isFlexible: boolean } | undefined;
  readonly elsewhere?: Elsewhere | undefined;
  /** A Miniflux that reads from this peer and is told of news. */
  readonly miniflux?: Pick<MinifluxOptions, 'url' | 'token'> | undefined;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** `port` is what the Host header has to name; asked at every request, because it is only known once we listen. */
export function buildApi(daemon: Daemon, port: () => number | undefined, local: Local = newLocal(daemon, port)): FastifyInstance {
  const app = newApp();
  const { readers, metrics } = local;
  guard(app, { token: daemon.state.token, hosts: (request) => loopbackHosts(request, port()) });
  app.addHook('onReady', async () => readers.hub.start());
  app.addHook('onClose', async () => {
    readers.stop();
    metrics.stop();
  });
  addRoutes(app, daemon, local, ROUTES);
  return app;
}

/** What is kept beside the daemon as long as it is served. */
export function newLocal(daemon: Daemon, port: () => number | undefined, elsewhere?: string): Local {
  const readers = new Readers({ feeds: daemon.feeds, store: daemon.state.store, api: () => daemon.apiUrl ?? `http://127.0.0.1:${port() ?? 0}`, elsewhere });
  return { readers, metrics: new Metrics(daemon, readers.feeds), base: readers.base };
}

/** Listens on loopback, and where else it is told to. Throws GroveError 'usage' on any other address and 'in-use' on a taken one. */
export async function serveApi(daemon: Daemon, address: ApiAddress, { socket, elsewhere, miniflux }: AlsoServed = {}): Promise<Served> {
  checkLoopback(address.host);
  const { host, port, isFlexible = false } = address;
  let bound: number | undefined;
  const local = newLocal(daemon, () => bound, elsewhere === undefined ? undefined : urlElsewhere(daemon, elsewhere));
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.toReversed()) await one();
  };
  const listen = async (wanted: number): Promise<void> => {
    const app = buildApi(daemon, () => bound, local);
    await app.listen({ host, port: wanted });
    bound = (app.server.address() as AddressInfo).port;
    closing.push(async () => app.close());
    if (socket !== undefined) closing.push(await onSocket(app, socket));
  };
  try {
    await listen(port).catch(async (error: unknown) => {
      if (isFlexible && !(error instanceof GroveError)) return listen(0);
      if (error instanceof GroveError) throw error;
      throw new GroveError('in-use', `The API cannot listen on ${host}:${port}: choose another port with --api, or 0 for any free one.`, { cause: error });
    });
    if (elsewhere !== undefined) closing.push(await serveElsewhere(daemon, local, elsewhere));
    if (miniflux !== undefined) closing.push(tellMiniflux(local.readers, miniflux));
  } catch (error) {
    await close();
    throw error;
  }
  const shown = host === '::1' ? '[::1]' : '127.0.0.1';
  return { url: `http://${shown}:${bound}`, close };
}

function tellMiniflux(readers: Readers, { url, token }: NonNullable<AlsoServed['miniflux']>): () => Promise<void> {
  const miniflux = new Miniflux({ url, token, feedOf: (address) => readers.idOfAddress(address), log: (line) => process.stderr.write(`grove: ${line}\n`) });
  const unsubscribe = readers.feeds.on('version', ({ id }) => miniflux.announce(id));
  return async () => {
    unsubscribe();
    miniflux.stop();
  };
}

async function onSocket(app: FastifyInstance, { path, isFlexible }: NonNullable<AlsoServed['socket']>): Promise<() => Promise<void>> {
  return listenOnSocket(app.server, path).catch((error: unknown) => {
    if (!isFlexible || !(error instanceof GroveError)) throw error;
    return async () => undefined;
  });
}

/** Over the socket, which no page in a browser can reach, programs say `localhost`. */
function loopbackHosts({ raw }: FastifyRequest, port: number | undefined): readonly string[] {
  if (port === undefined) return [];
  return isFromSocket(raw.socket) ? ['localhost'] : ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`);
}

export function checkLoopback(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new GroveError('usage', `The API listens on loopback only, not on ${host}: use 127.0.0.1:PORT, and forward the port over ssh to use it from elsewhere.`);
}
