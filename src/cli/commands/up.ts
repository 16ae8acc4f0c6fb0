/**
 * `grove up`: runs a peer in the foreground until a signal, the API or the end of its launcher stops it.
 *
 * On a terminal it says what it is and what to do next. With --json it prints exactly one line, once it is ready, for
 * whatever started it.
 */
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { StrategyName } from '../../protocol/options.ts';
import type { AlsoServed } from '../../api/server.ts';
import type { Daemon, DaemonOptions } from '../../daemon/daemon.ts';
import type { OpmlList } from '../../daemon/feeds/opml.ts';
import { readText, usualSocket } from '../../daemon/state-files.ts';
import { contactAddress, durationMs, GROVE, numberWithin, rateBps, withExamples, withJson } from '../command.ts';
import { printError, printFields, printJson, printLine, strong } from '../output.ts';
import { serviceNotice } from '../service-notice.ts';
import { shown } from '../text.ts';
import { WHO_SEES_WHAT } from '../who-sees-what.ts';
import { parsedList, readList } from './import.ts';

interface UpOptions {
  readonly data?: string;
  readonly listen?: readonly string[];
  readonly api?: string;
  readonly socket?: string;
  readonly readers?: string;
  readonly readersUrl?: string;
  readonly miniflux?: string;
  readonly minifluxTokenFile?: string;
  readonly join?: readonly string[];
  readonly name?: string;
  readonly poolKey?: string;
  readonly routing?: StrategyName;
  readonly dimensions?: number;
  readonly leafset?: number;
  readonly attribute?: readonly string[];
  readonly degree?: number;
  readonly helpCasts?: boolean;
  readonly castUp?: number;
  readonly castGbMonth?: number;
  readonly castSessions?: number;
  readonly metered?: boolean;
  readonly promote?: boolean;
  readonly capability?: string;
  readonly arity?: number;
  readonly reportSeconds?: number;
  readonly pollers?: number;
  readonly defaultMaxStaleness?: number;
  readonly allowPrivateNetworks?: boolean;
  readonly originFloorSeconds?: number;
  readonly contact?: string;
  readonly websubCallback?: string;
  readonly websubListen?: string;
  readonly feeds?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const API_PORT = 4780;
const WEBSUB_PORT = 4781;
/** Exit code of a process that was told twice to stop. */
const IMPATIENT = 130;

export function defineUp(program: Command): void {
  const command = fromEnvironment(program.command('up'))
    .summary('run a peer')
    .description('Runs a peer until it is stopped. Without --join it begins a private pool of its own, or goes back into the pool it was in.')
    .option('--data <dir>', 'where it keeps its identity, pool and objects (default: the XDG state directory)')
    .option('--listen <multiaddr...>', 'where other peers reach it (default: all interfaces, any free port)')
    .option('--api <host:port>', `where its API listens; loopback only (default: 127.0.0.1:${API_PORT}, or a free port)`)
    .option('--socket <path>', 'a Unix socket for the API besides (default: grove.sock in XDG_RUNTIME_DIR, for the default state directory)')
    .option('--readers <host:port>', 'where readers on other machines and in containers get feeds, under addresses with a secret in them (default: nowhere)')
    .option('--readers-url <url>', 'with --readers: how they reach it, like http://grove:4782')
    .option('--miniflux <url>', 'a Miniflux that reads from this peer, and is told to ask when there is news; with --miniflux-token-file')
    .option('--miniflux-token-file <file>', 'the file with a token of its API (Settings, API Keys)')
    .option('--join <addr...>', 'an invite, or the multiaddress of a member of the pool that --pool-key belongs to')
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .option('--attribute <name=value...>', "values of your own in this machine's report, like region=eu or gpu.count=2")
    .option('--degree <n>', 'links that this machine has for multicast trees, its own and those it helps (default: 256)', numberWithin(0, 1_000, true))
    .option('--help-casts', 'pass streams on in multicast trees of others (default: no)')
    .option('--cast-up <rate>', 'with --help-casts: what is sent for others at most (default: 10mbit)', rateBps)
    .option('--cast-gb-month <n>', 'with --help-casts: gigabytes sent for others in 30 days at most (default: 100)', numberWithin(0.001, 1e6, false))
    .option('--cast-sessions <n>', 'with --help-casts: sessions of others helped at once at most (default: 4)', numberWithin(1, 60, true))
    .option('--metered', 'every byte costs: take no part in bandwidth measurements')
    .option('--promote', 'swap places with the root of the metadata tree when this is the most capable machine, or when another one is')
    .option('--capability <expr>', "with --promote, what capable means: a number over this machine's report, like cpu.cores (default: by bandwidth and uptime)")
    .option('--pool-key <file>', "the pool's key: 32 bytes, as they are, in hex or in base64")
    .option('--routing <name>', 'of a new pool: leafset, chord, pastry or can (default: pastry)')
    .option('--dimensions <d>', 'of a new pool with can routing (default: 2)', numberWithin(1, 8, true))
    .option('--leafset <r>', 'of a new pool: neighbours known on each side (default: 8)', numberWithin(1, 16, true))
    .option('--arity <k>', 'of a new pool: children of a node of its metadata tree (default: 8)', numberWithin(2, 64, true))
    .option('--feeds <opml>', 'subscribe to every feed of this list')
    .option('--default-max-staleness <duration>', 'how old a feed may be if nothing else is said, like 90m or 6h (default: 90m)', durationMs)
    .option('--allow-private-networks', 'fetch feeds from this machine and the local network too, and share them like others')
    .option('--contact <address>', 'where the operators of sites reach you or read about you, a URL or mailto:; sites see it (default: the page of this program)', contactAddress)
    .option('--websub-callback <url>', 'where hubs on the internet reach this peer, for feeds that can push (WebSub); leads to --websub-listen')
    .option('--websub-listen <host:port>', `with --websub-callback: where this peer listens for hubs (default: 127.0.0.1:${WEBSUB_PORT})`)
    .option('--origin-floor-seconds <s>', 'least time between two requests to a feed on this machine (for tests; others keep theirs)', numberWithin(0.05, 86_400, false))
    .option('--report-seconds <s>', 'of a new pool: how often machines report (default: 5)', numberWithin(1, 3_600, true))
    .option('--config <file>', 'the configuration, instead of those of the machine, the user and this directory (grove.toml)')
    .option('--pollers <k>', 'of a new pool: how many peers ask the origin of a feed (default: 3)', numberWithin(1, 16, true));
  withExamples(withJson(command), ['up', 'up --data ./second --join grove1...', 'up --listen /ip4/127.0.0.1/tcp/0 --api 127.0.0.1:0 --json']);
  command.configureHelp({ ...program.configureHelp(), optionDescription: ({ description }) => description });
  command.addHelpText('after', `\nWhat is no secret can also be set in the environment, like GROVE_API, or in config.toml and ./grove.toml; flags win.`);
  command.action(async (flags: UpOptions) => {
    const { readConfig } = await import('../config.ts');
    await up({ ...readConfig(flags.config), ...flags });
  });
}

/**
 * `GROVE_API` for --api, and so on for the options that are defined from here on. Not for what can hold a secret, which others on a machine
 * can often read there, nor for what is said at each start anew.
 */
function fromEnvironment(command: Command): Command {
  const add = command.addOption.bind(command);
  command.addOption = (option) => {
    const name = `GROVE_${option.name().toUpperCase().replaceAll('-', '_')}`;
    const isSwitch = !option.required && !option.optional;
    const isTaken = !['data', 'json', 'join', 'config'].includes(option.name()) && (!isSwitch || ['1', 'true', 'yes'].includes(process.env[name] ?? ''));
    return add(isTaken ? option.env(name) : option);
  };
  return command;
}

async function up(options: UpOptions): Promise<void> {
  const signal = stopSignal();
  const { startDaemon } = await import('../../daemon/daemon.ts');
  const { stateDirectory } = await import('../../daemon/state-files.ts');
  const { readPoolKey } = await import('../../daemon/pool.ts');
  const { checkLoopback, serveApi } = await import('../../api/server.ts');
  const address = options.api === undefined ? { host: '127.0.0.1', port: API_PORT, isFlexible: true } : parseApi(options.api);
  checkLoopback(address.host);
  const also = { socket: socketOf(options), elsewhere: elsewhereOf(options), miniflux: minifluxOf(options) };
  const list = options.feeds === undefined ? undefined : await parsedList(options.feeds, readList(options.feeds));
  const daemon = await startDaemon({
    ...daemonOptions(options),
    signal,
    directory: stateDirectory(options.data),
    poolKey: options.poolKey === undefined ? undefined : readPoolKey(options.poolKey),
    serve: async (serving) => serveApi(serving, address, also),
  }).catch((error: unknown) => {
    if (error === signal.reason) process.exit(0); // stopped before it was up, as asked
    throw error;
  });
  if (list !== undefined) subscribeTo(daemon, list);
  if (options.json === true) printJson(readyLine(daemon));
  else greet(daemon, options);
  const notice = serviceNotice();
  notice.ready();
  const stop = (): void => {
    notice.stopping();
    void daemon.stop();
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  await daemon.closed.catch((error: unknown) => {
    printError(`This peer stopped because of a bug in it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  });
  // libp2p leaves timers behind that would hold the process for seconds.
  process.exit();
}

/** What does not have to be read from anywhere. */
function daemonOptions(options: UpOptions): Omit<DaemonOptions, 'directory'> {
  return {
    listen: options.listen,
    join: options.join ?? [],
    name: options.name,
    attributes: readAttributes(options.attribute ?? []),
    degreeBound: options.degree,
    help: readHelp(options),
    metered: options.metered ?? false,
    promote: options.promote ?? false,
    capability: options.capability,
    feeds: {
      allowPrivateNetworks: options.allowPrivateNetworks ?? false,
      ...(options.originFloorSeconds === undefined ? {} : { originFloorMs: options.originFloorSeconds * 1_000 }),
      ...(options.contact === undefined ? {} : { contact: options.contact }),
      ...(options.defaultMaxStaleness === undefined ? {} : { defaultMaxStalenessMs: options.defaultMaxStaleness }),
    },
    push: readPush(options),
    settings: {
      ...(options.routing === undefined ? {} : { strategy: options.routing }),
      ...(options.dimensions === undefined ? {} : { dimensions: options.dimensions }),
      ...(options.leafset === undefined ? {} : { leafsetRadius: options.leafset }),
      ...(options.arity === undefined ? {} : { somoArity: options.arity }),
      ...(options.pollers === undefined ? {} : { pollers: options.pollers }),
      ...(options.reportSeconds === undefined ? {} : { somoPeriodMs: options.reportSeconds * 1_000 }),
    },
  };
}

const HELP_DEFAULTS = { castUp: 10e6, castGbMonth: 100, castSessions: 4 };

function readHelp({ helpCasts, castUp, castGbMonth, castSessions }: UpOptions): DaemonOptions['help'] {
  if (helpCasts !== true) {
    if (castUp !== undefined || castGbMonth !== undefined || castSessions !== undefined) throw new GroveError('usage', 'Bounds on what is done for casts of others need --help-casts, which allows it at all.');
    return undefined;
  }
  return { upBps: castUp ?? HELP_DEFAULTS.castUp, monthBytes: 1e9 * (castGbMonth ?? HELP_DEFAULTS.castGbMonth), sessions: castSessions ?? HELP_DEFAULTS.castSessions };
}

/** Broken entries do not keep a peer from starting: they are named, and the others are there. */
function subscribeTo(daemon: Daemon, list: OpmlList): void {
  const say = (line: number, reason: string): void => printError(`Line ${line} of the list of feeds was left out: ${reason}`);
  for (const { line, reason } of list.faults) say(line, reason);
  for (const { url, line } of list.feeds) {
    try {
      daemon.feeds.add({ url });
    } catch (error) {
      if (!(error instanceof GroveError)) throw error;
      say(line, error.message);
    }
  }
}

function readPush({ websubCallback, websubListen }: UpOptions): DaemonOptions['push'] {
  if (websubCallback === undefined) {
    if (websubListen !== undefined) throw new GroveError('usage', 'Listening for hubs needs --websub-callback URL: where they find this peer.');
    return undefined;
  }
  if (!/^https?:\/\/[^\s?#]+$/i.test(websubCallback)) throw new GroveError('usage', `The address for hubs is a URL like https://feeds.example.org, and not ${JSON.stringify(websubCallback)}.`);
  return { callbackBase: websubCallback, ...(websubListen === undefined ? { host: '127.0.0.1', port: WEBSUB_PORT } : parseApi(websubListen)) };
}

function socketOf({ socket, data }: UpOptions): AlsoServed['socket'] {
  const path = socket ?? usualSocket(data);
  return path === undefined ? undefined : { path, isFlexible: socket === undefined };
}

function elsewhereOf({ readers, readersUrl }: UpOptions): AlsoServed['elsewhere'] {
  if (readers !== undefined) return { ...parseApi(readers), url: readersUrl };
  if (readersUrl !== undefined) throw new GroveError('usage', '--readers-url needs --readers HOST:PORT: where this peer listens for them.');
  return undefined;
}

function minifluxOf({ miniflux, minifluxTokenFile }: UpOptions): AlsoServed['miniflux'] {
  if (miniflux === undefined && minifluxTokenFile === undefined) return undefined;
  if (miniflux === undefined || minifluxTokenFile === undefined) throw new GroveError('usage', '--miniflux and --miniflux-token-file go together: where it is, and the file with a token of its API.');
  const url = URL.parse(miniflux);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new GroveError('usage', `The address of Miniflux looks like http://127.0.0.1:8080, and ${JSON.stringify(miniflux)} does not.`);
  const token = readText(minifluxTokenFile)?.trim();
  if (token === undefined || !/^[!-~]+$/.test(token)) throw new GroveError('usage', `${minifluxTokenFile} holds no token: make one in Miniflux under Settings, API Keys, and put it there.`);
  return { url: url.href.replace(/\/+$/, ''), token };
}

/** What looks like a number is one. */
function readAttributes(texts: readonly string[]): Map<string, string | number> {
  const attributes = new Map<string, string | number>();
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === '') throw new GroveError('usage', `An attribute is NAME=VALUE, like region=eu, and not ${JSON.stringify(text)}.`);
    const number = Number(value);
    attributes.set(name, value.trim() !== '' && Number.isFinite(number) ? number : value);
  }
  return attributes;
}

function readyLine(daemon: Daemon): unknown {
  const { peerId, name, position, addresses, api } = daemon.status();
  return { event: 'ready', pid: process.pid, peerId, name, position, addresses, api, token: daemon.state.token };
}

function greet(daemon: Daemon, options: UpOptions): void {
  const { name, peerId, addresses, api, ring, directory } = daemon.status();
  const data = options.data === undefined ? '' : ` --data ${options.data}`;
  printLine(`${strong(shown(name))} is up, ${company(ring.size - 1, daemon.session.knowsOthers)}.`);
  printFields([
    ['  peer', peerId],
    ['  address', addresses[0] ?? 'none: it reaches others, others reach it through them'],
    ['  api', api ?? ''],
    ['  state', directory ?? ''],
  ]);
  printLine();
  printLine('In another terminal:');
  printFields([
    [`  ${GROVE} feed add${data} URL`, 'subscribes to a feed, and prints the URL for your reader'],
    [`  ${GROVE} import${data} subs.opml -o local.opml`, "takes all of a reader's feeds at once"],
    [`  ${GROVE} invite${data}`, 'prints a line that lets another machine in; keep it secret'],
    [`  ${GROVE} up --data DIR --join INVITE`, 'starts a further peer with it'],
    [`  ${GROVE} top${data}`, 'shows all machines of the pool at work'],
    [`  ${GROVE} status${data}`, 'shows how this peer is doing'],
  ]);
  printLine();
  if (daemon.feeds.list().length === 0) {
    printLine('Who sees what:');
    for (const line of WHO_SEES_WHAT) printLine(`  - ${line}`);
    printLine();
  }
  printLine('Ctrl+C stops this peer; its identity and objects stay.');
}

function company(others: number, knowsOthers: boolean): string {
  if (others > 0) return `in a private pool with ${others} other${others === 1 ? '' : 's'}`;
  return knowsOthers ? 'in its private pool; no other member answers yet, and it keeps trying' : 'in a private pool of its own';
}

/** Fires at the first signal to stop; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const asked = new AbortController();
  const onSignal = (): void => {
    if (asked.signal.aborted) process.exit(IMPATIENT);
    asked.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return asked.signal;
}

function parseApi(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535) {
    throw new GroveError('usage', `An address to listen on is HOST:PORT, for example 127.0.0.1:${API_PORT}, or 127.0.0.1:0 for any free port, and not ${JSON.stringify(text)}.`);
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}
