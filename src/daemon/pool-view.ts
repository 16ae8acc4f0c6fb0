/**
 * The pool as one thing: questions, messages, snapshots and where this peer stands in the tree, as promises of plain values.
 *
 * Each call reads what the person asked, begins an operation of the protocol and shapes its answer; nothing is kept here.
 */
import { once } from 'node:events';
import { GroveError } from '../core/errors.ts';
import { CIRCLE, parsePosition } from '../core/position.ts';
import { positionOfPeer } from '../host/identity.ts';
import type { Node } from '../protocol/node.ts';
import { predictedRtt } from '../protocol/measure/vivaldi.ts';
import { compile } from '../protocol/pool/cel.ts';
import type { Json } from '../protocol/pool/ops.ts';
import type { Ops } from '../protocol/pool/ops.ts';
import { ROWS_MAX } from '../protocol/pool/ops.ts';
import type { Query } from '../protocol/pool/query.ts';
import { answerOf, parseQuery, snapshotQuery } from '../protocol/pool/query.ts';
import type { Found, Target } from '../protocol/somo/somo.ts';
import { EVERYWHERE } from '../protocol/somo/somo.ts';
import type { LogicalNode, Region } from '../protocol/somo/tree.ts';
import { utf8Bytes } from '../protocol/wire/sizes.ts';
import type { Coordinate } from '../protocol/wire/messages.ts';
import type { Operations } from './operations.ts';
import type { Member, TreeMap } from './tree-map.ts';
import { treeMap } from './tree-map.ts';

/** Whom a question or message is for, as people write it. */
export interface Whom {
  /** A condition in CEL. */
  readonly where?: string | undefined;
  /** Shares of the circle, `0..0.25`. */
  readonly region?: string | undefined;
}

export type Row = Readonly<Record<string, Json>>;

export interface PoolAnswer {
  readonly values?: Readonly<Record<string, Json>>;
  readonly rows?: readonly Row[];
  readonly coverage: { readonly space: number; readonly machines: number };
  readonly ageMs: number;
  readonly tookMs: number;
  readonly visited: number;
}

export interface Told {
  /** Machines that got the message. */
  readonly delivered: number;
  readonly coverage: { readonly space: number; readonly machines: number };
  readonly tookMs: number;
}

export interface TreeNodeView {
  readonly level: number;
  /** Share of the circle. */
  readonly key: number;
}

export interface TreeView {
  readonly k: number;
  /** `level` and `key` of the logical node that represents this machine; null while it owns none. */
  readonly self: { readonly level: number | null; readonly key: number | null; readonly parent: (TreeNodeView & { readonly peerId: string; readonly name: string }) | null };
  readonly children: readonly (TreeNodeView & { readonly peerId: string; readonly name: string; readonly machines: number })[];
  readonly height: number;
  readonly machines: number;
}

export interface PeersWish {
  /** Name or identity; this peer itself if left out. */
  readonly near?: string | undefined;
  readonly minDegree?: number | undefined;
  /** 1 is the highest. */
  readonly priority?: number | undefined;
}

const TOPIC_BYTES_MAX = 64;
const TEXT_BYTES_MAX = 65_536;
const WATCH_LEASE_MS = 60_000;
const WATCH_RENEW_MS = 20_000;
/** Results that wait for a slow reader; the oldest is dropped first, because a newer one says it better. */
const WATCH_QUEUE_MAX = 16;
/** In every row, known or not. */
const NULLABLE = ['net.up', 'net.down'] as const;

export class PoolView {
  readonly #node: Node;
  readonly #operations: Operations;

  constructor(node: Node, operations: Operations) {
    this.#node = node;
    this.#operations = operations;
  }

  /** Aggregates by name; those that are registered here run where all machines on the way know them. */
  get ops(): Ops {
    return this.#node.somo.ops;
  }

  async query(expression: string, whom: Whom, signal?: AbortSignal): Promise<PoolAnswer> {
    const query = parseQuery(expression, this.#node.somo.ops);
    return this.#answer(query, await this.#ask(query, targetOf(whom), signal));
  }

  /** One report a machine: the queryable database of Fig. 10a. */
  async snapshot(options: Whom & { readonly sort?: string | undefined; readonly descending?: boolean; readonly limit?: number }, signal?: AbortSignal): Promise<PoolAnswer> {
    const query = snapshotQuery(options.sort ?? '', options.descending ?? false, options.limit ?? ROWS_MAX);
    const answer = this.#answer(query, await this.#ask(query, targetOf(options), signal));
    return { ...answer, rows: (answer.rows ?? []).map((row) => ({ ...Object.fromEntries(NULLABLE.map((name) => [name, row[name] ?? null])), ...row })) };
  }

  async tell(topic: string, text: string, whom: Whom, signal?: AbortSignal): Promise<Told> {
    if (topic === '' || utf8Bytes(topic) > TOPIC_BYTES_MAX) throw new GroveError('usage', `A topic has 1 to ${TOPIC_BYTES_MAX} bytes.`);
    if (utf8Bytes(text) > TEXT_BYTES_MAX) throw new GroveError('too-large', `A message has at most ${TEXT_BYTES_MAX} bytes: put it into an object, and tell its key.`);
    const target = targetOf(whom);
    const { matched, coverage, tookMs } = await this.#operations.run<Found>(signal, (settle) => this.#node.somo.tell(topic, text, target, settle));
    return { delivered: matched, coverage, tookMs };
  }

  /** The answer whenever it changes, until `signal`. Throws GroveError 'stopped' if the peer stops before. */
  async *watch(expression: string, whom: Whom, signal: AbortSignal): AsyncGenerator<PoolAnswer, void, undefined> {
    const { somo } = this.#node;
    const { stopped } = this.#operations;
    const over = AbortSignal.any([signal, stopped]);
    const query = parseQuery(expression, somo.ops);
    const { region = EVERYWHERE, where = '' } = targetOf(whom);
    const watch = { id: somo.newId(), calls: query.calls, region, where, leaseMs: WATCH_LEASE_MS, topic: '' };
    const news: Found[] = [];
    let wake: () => void = () => undefined;
    const onNews = (found: Found): void => {
      news.push(found);
      if (news.length > WATCH_QUEUE_MAX) news.shift();
      wake();
    };
    const register = async (): Promise<Found> => this.#operations.run<Found>(signal, (settle) => somo.watch(watch, onNews, settle));
    const { matched } = await register();
    if (matched === 0) throw full();
    const renewing = setInterval(() => void register().catch(() => undefined), WATCH_RENEW_MS);
    over.addEventListener('abort', () => wake(), { once: true });
    let before = '';
    try {
      while (!over.aborted) {
        const found = news.shift();
        if (found === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (over.aborted || news.length > 0) resolve();
          });
          continue;
        }
        const answer = this.#answer(query, found);
        const text = JSON.stringify([answer.values ?? answer.rows, answer.coverage]);
        if (text !== before) yield answer;
        before = text;
      }
    } finally {
      clearInterval(renewing);
      await this.#operations.run<Found>(undefined, (settle) => somo.unwatch(watch.id, settle)).catch(() => undefined);
    }
    stopped.throwIfAborted();
  }

  /**
   * Until `signal`: gathers, lets the root compute the answer, and tells it to every machine each period under the topic
   * ([0011]): all hold the same news, which say how many machines they are of. Throws GroveError 'stopped' if the peer stops before.
   */
  async job(topic: string, expression: string, whom: Whom, signal: AbortSignal): Promise<void> {
    const { somo } = this.#node;
    const { stopped } = this.#operations;
    const over = AbortSignal.any([signal, stopped]);
    if (topic === '' || utf8Bytes(topic) > TOPIC_BYTES_MAX) throw new GroveError('usage', `A topic has 1 to ${TOPIC_BYTES_MAX} bytes.`);
    const { calls } = parseQuery(expression, somo.ops);
    const { region = EVERYWHERE, where = '' } = targetOf(whom);
    const watch = { id: somo.newId(), calls, region, where, leaseMs: WATCH_LEASE_MS, topic };
    const register = async (): Promise<Found> => this.#operations.run<Found>(signal, (settle) => somo.watch(watch, undefined, settle));
    if ((await register()).matched === 0) throw full();
    const renewing = setInterval(() => void register().catch(() => undefined), WATCH_RENEW_MS);
    if (!over.aborted) await once(over, 'abort');
    clearInterval(renewing);
    await this.#operations.run<Found>(undefined, (settle) => somo.unwatch(watch.id, settle)).catch(() => undefined);
    stopped.throwIfAborted();
  }

  /** Where this peer stands in the physical tree, and how large that is. */
  async tree(signal?: AbortSignal): Promise<TreeView> {
    const { somo } = this.#node;
    const found = await this.#ask(parseQuery('count()', somo.ops), {}, signal);
    const { k, repre, parentNode, parent, children } = somo.place;
    const keyed = (node: LogicalNode): TreeNodeView => ({ level: node.level, key: somo.tree.key(node) / CIRCLE });
    return {
      k,
      self: {
        level: repre?.level ?? null, key: repre === undefined ? null : keyed(repre).key,
        parent: parentNode !== undefined && parent !== undefined ? { ...keyed(parentNode), peerId: parent.peerId, name: parent.name } : null,
      },
      children: children.map(({ node, contact, machines }) => ({ ...keyed(node), peerId: contact.peerId, name: contact.name, machines })),
      height: found.height, machines: found.coverage.machines,
    };
  }

  /** The whole physical tree, computed from one report a machine. Throws GroveError 'too-large' beyond what one snapshot holds. */
  async treeMap(signal?: AbortSignal): Promise<TreeMap> {
    const { local, somo } = this.#node;
    const { rows = [], coverage } = await this.snapshot({}, signal);
    if (coverage.machines > ROWS_MAX) throw new GroveError('too-large', `The pool has ${coverage.machines} machines, and a whole tree is drawn of up to ${ROWS_MAX}: ask \`grove tree\` without --svg on single machines.`);
    const members = new Map<string, Member>();
    for (const row of rows) {
      const id = String(row['peer']);
      const told = row['position'];
      const spot = typeof told === 'string' ? parsePosition(told) : positionOfPeer(id);
      if (spot !== undefined) members.set(id, { peerId: id, name: typeof row['name'] === 'string' ? row['name'] : '', position: spot });
    }
    // A newcomer draws itself before it is in anybody's report.
    const { peerId, name, position } = local.contact;
    members.set(peerId, { peerId, name, position });
    return treeMap([...members.values()], peerId, somo.tree);
  }

  /** Machines with free links at a priority ([0093]), nearest first. */
  async peers({ near, minDegree = 0, priority = 3 }: PeersWish, signal?: AbortSignal): Promise<PoolAnswer> {
    const answer = await this.snapshot({}, signal);
    const rows = answer.rows ?? [];
    const from = near === undefined ? this.#node.local.contact.peerId : near;
    const origin = rows.find((row) => row['peer'] === from) ?? rows.find((row) => row['name'] === from);
    if (origin === undefined) throw new GroveError('not-found', `No machine in the pool is named ${JSON.stringify(from)}: \`grove snapshot\` lists them.`);
    const start = coordinateOf(origin);
    const found = rows.filter((row) => row !== origin).map((row) => {
      const end = coordinateOf(row);
      const latencyMs = start !== undefined && end !== undefined ? Math.round(predictedRtt(start, end) * 100) / 100 : null;
      return { peer: row['peer'] ?? null, name: row['name'] ?? null, latencyMs, freeDegree: freeDegree(row, priority), region: row['region'] ?? null };
    }).filter((row) => row.freeDegree >= minDegree);
    found.sort((a, b) => (a.latencyMs ?? Infinity) - (b.latencyMs ?? Infinity) || b.freeDegree - a.freeDegree);
    return { ...answer, rows: found };
  }

  async #ask(query: Query, target: Target, signal: AbortSignal | undefined): Promise<Found> {
    return this.#operations.run<Found>(signal, (settle) => this.#node.somo.query(query.calls, target, settle));
  }

  #answer(query: Query, found: Found): PoolAnswer {
    const { coverage, ageMs, tookMs, visited, states } = found;
    return { ...(answerOf(query, states, this.#node.somo.ops) as Pick<PoolAnswer, 'values' | 'rows'>), coverage, ageMs, tookMs: Math.round(tookMs * 10) / 10, visited };
  }
}

/** Throws GroveError 'usage' on what is no condition or no region. */
export function targetOf({ where = '', region }: Whom): Target {
  return { where: compile(where).text, ...(region === undefined ? {} : { region: parseRegion(region) }) };
}

function full(): GroveError {
  return new GroveError('quota', 'As many queries are registered in this pool as it takes: stop one that watches, or try again in a minute.');
}

/** Links of at most this priority that could be had: what sessions of lower priority hold is available ([0091]). */
function freeDegree(row: Row, priority: number): number {
  const bound = typeof row['degree.bound'] === 'number' ? row['degree.bound'] : 0;
  const table = (Array.isArray(row['degree.table']) ? row['degree.table'] : []) as readonly number[];
  return bound - table.slice(0, priority).reduce((sum, taken) => sum + taken, 0);
}

function coordinateOf(row: Row): Coordinate | undefined {
  const list = row['coord'];
  if (!Array.isArray(list) || list.length < 3) return undefined;
  const numbers = list as readonly number[];
  return { vector: numbers.slice(0, -2), height: numbers.at(-2) ?? 0, error: numbers.at(-1) ?? 1 };
}

function parseRegion(text: string): Region {
  const [, first, second] = /^(\d*\.?\d+)\.\.(\d*\.?\d+)$/.exec(text.trim()) ?? [];
  const from = Number(first);
  const to = Number(second);
  if (first !== undefined && second !== undefined && from >= 0 && from < to && to <= 1) return { from: Math.round(from * CIRCLE), to: Math.round(to * CIRCLE) };
  throw new GroveError('usage', `A region is two shares of the circle from 0 to 1, like 0..0.25, and not ${JSON.stringify(text)}.`);
}
