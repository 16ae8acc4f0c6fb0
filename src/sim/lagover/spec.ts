/**
 * The description of a LagOver system and run, as it comes out of a JSON file: checked field by field, defaults filled in.
 *
 * Whoever writes a million peers by program needs to know which one is wrong, so a fault names the peer, and `lineOfPeer`
 * finds its line in the text. Unknown fields are refused, because a misspelt one would silently change what is measured.
 */
import type { AlgorithmName } from '../../protocol/lagover/algorithm.ts';
import { ALGORITHM_NAMES } from '../../protocol/lagover/algorithm.ts';
import type { Demand } from '../../protocol/lagover/feasibility.ts';
import type { RuleSet, SourceKind } from '../../protocol/lagover/views.ts';
import type { OracleName } from './oracles.ts';
import { ORACLE_NAMES } from './oracles.ts';
import type { Timing } from './rounds.ts';
import { ROUNDS_DEFAULTS } from './rounds.ts';
import type { Fields } from '../spec-fields.ts';
import { oneOf, onlyFields, record, SpecFault, whole, within } from '../spec-fields.ts';
import type { WorkloadName } from './workloads.ts';
import { WORKLOAD_NAMES } from './workloads.ts';
import type { Realisation } from './tree-ring.ts';
import { REALISATIONS } from './tree-ring.ts';

export { SpecFault } from '../spec-fields.ts';

export interface LagoverSpec {
  readonly system: { readonly sourceFanout: number; readonly consumers: readonly Demand[] } | WorkloadSpec;
  readonly algorithm: AlgorithmName;
  readonly rules: RuleSet;
  readonly oracle: OracleName;
  readonly source: SourceKind;
  readonly timing: Timing;
  readonly timeout: number;
  readonly maintenance: number;
  readonly churn: { readonly leave: number; readonly rejoin: number } | { readonly file: string; readonly roundSeconds: number } | undefined;
  readonly seed: number;
  readonly maxRounds: number;
  /** In rounds on columns, or by messages between peers, where a round is a heartbeat. */
  readonly level: Level;
  /** Of level messages: the median one-way latency, and the share of messages that get lost. */
  readonly network: { readonly latencyMs: number; readonly loss: number };
  /** Of level messages: how the oracle knows what it knows. */
  readonly realised: Realisation;
  /** A tree to verify. */
  readonly parents: readonly number[] | undefined;
}

export type Level = 'rounds' | 'messages';

export interface WorkloadSpec {
  readonly name: WorkloadName;
  readonly peers: number;
  readonly seed: number;
  readonly slack: number;
  readonly file: string | undefined;
  readonly rateMbps: number;
  /** Instead of the source fan-out that the workload implies. */
  readonly sourceFanout: number | undefined;
}

export const PEERS_MAX = 10_000_000;
/** Each is a whole peer with its messages. */
export const MESSAGING_PEERS_MAX = 20_000;
const FANOUT_MAX = 10_000_000;
const CONSTRAINT_MAX = 1e9;
const ROUNDS_MAX = 10_000_000;
const SEED_MAX = Number.MAX_SAFE_INTEGER;
const MEASURED_ROUND_SECONDS = 600;

const FIELDS = [
  'sourceFanout', 'peers', 'workload', 'algorithm', 'rules', 'oracle', 'source', 'timing', 'timeout', 'maintenance', 'churn',
  'seed', 'maxRounds', 'level', 'network', 'realised', 'parents',
];

/** Throws a SpecFault. */
export function parseSpec(value: unknown): LagoverSpec {
  const spec = record(value, 'the file');
  onlyFields(spec, FIELDS, 'the file');
  const level = oneOf(spec, 'level', ['rounds', 'messages'], 'rounds');
  const system = parseSystem(spec);
  if (level === 'messages') mustSuitMessages(spec, peersOf(system));
  else for (const field of ['network', 'realised']) if (spec[field] !== undefined) throw new SpecFault(`${field} only means something with "level":"messages"`);
  const oracle = oneOf(spec, 'oracle', ORACLE_NAMES, ROUNDS_DEFAULTS.oracle);
  return {
    system,
    algorithm: oneOf(spec, 'algorithm', ALGORITHM_NAMES, ROUNDS_DEFAULTS.algorithm),
    rules: oneOf(spec, 'rules', ['paper', 'displacing'], ROUNDS_DEFAULTS.rules),
    oracle,
    realised: parseRealised(spec, oracle),
    source: oneOf(spec, 'source', ['pull', 'push'], ROUNDS_DEFAULTS.source),
    timing: oneOf(spec, 'timing', ['synchronous', 'asynchronous'], ROUNDS_DEFAULTS.timing),
    timeout: whole(spec, 'timeout', 1, 1_000_000, ROUNDS_DEFAULTS.timeout),
    maintenance: whole(spec, 'maintenance', 1, 1_000_000, ROUNDS_DEFAULTS.maintenance),
    churn: parseChurn(spec.churn),
    seed: whole(spec, 'seed', 0, SEED_MAX, ROUNDS_DEFAULTS.seed),
    maxRounds: whole(spec, 'maxRounds', 1, ROUNDS_MAX, 5_000),
    level,
    network: parseNetwork(spec.network),
    parents: spec.parents === undefined ? undefined : parseParents(spec.parents, peersOf(system)),
  };
}

function mustSuitMessages(spec: Fields, peers: number): void {
  if (peers > MESSAGING_PEERS_MAX) throw new SpecFault(`"level":"messages" simulates at most ${MESSAGING_PEERS_MAX} peers; take "level":"rounds" for ${peers}`);
  if (spec.timing !== undefined) throw new SpecFault('timing only means something with "level":"rounds": messages take the time they take');
}

/** Walks know no directory, and a directory is nothing else. */
function parseRealised(spec: Fields, oracle: OracleName): Realisation {
  const realised = oneOf(spec, 'realised', REALISATIONS, 'exact');
  if (realised === 'walk' && oracle === 'directory') throw new SpecFault('"realised":"walk" goes with the other oracles: a walk keeps no directory');
  if ((realised === 'dht' || realised === 'somo') && oracle !== 'directory') throw new SpecFault(`"realised":"${realised}" goes with "oracle":"directory"`);
  return realised;
}

function parseNetwork(value: unknown): LagoverSpec['network'] {
  const network = value === undefined ? {} : record(value, 'network');
  onlyFields(network, ['latencyMs', 'loss'], 'network');
  return { latencyMs: within(network, 'latencyMs', 0, 10_000, 100), loss: within(network, 'loss', 0, 1, 0) };
}

/** The line, from 1, on which element `index` of the top-level array "peers" begins. */
export function lineOfPeer(text: string, index: number): number {
  const start = /"peers"\s*:\s*\[/.exec(text);
  if (start === null) return 1;
  let line = 1;
  for (let at = 0; at < start.index + start[0].length; at++) if (text[at] === '\n') line++;
  let depth = 0;
  let seen = 0;
  let inString = false;
  let waiting = true;
  for (let at = start.index + start[0].length; at < text.length; at++) {
    const character = text[at] as string;
    if (waiting && !/[\s,]/.test(character)) {
      if (seen === index) return line;
      waiting = false;
    }
    if (character === '\n') line++;
    else if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === ',' && depth === 0) {
      seen++;
      waiting = true;
    }
  }
  return line;
}

function peersOf(system: LagoverSpec['system']): number {
  return 'name' in system ? system.peers : system.consumers.length;
}

function parseSystem(spec: Fields): LagoverSpec['system'] {
  if (spec.workload !== undefined) {
    if (spec.peers !== undefined) throw new SpecFault('a system has either peers or a workload, not both');
    return parseWorkload(spec);
  }
  if (!Array.isArray(spec.peers)) throw new SpecFault('peers must be a list like [{"fanout":2,"latency":1}], or name a workload');
  if (spec.peers.length === 0) throw new SpecFault('the system is empty: peers must have at least one entry');
  if (spec.peers.length > PEERS_MAX) throw new SpecFault(`peers must have at most ${PEERS_MAX} entries`);
  if (spec.sourceFanout === undefined) throw new SpecFault('sourceFanout is missing: how many consumers the source serves directly');
  return { sourceFanout: sourceFanoutOf(spec), consumers: spec.peers.map(parsePeer) };
}

function sourceFanoutOf(spec: Fields): number {
  if (spec.sourceFanout === 0) throw new SpecFault('a source without slots serves nobody: sourceFanout must be at least 1');
  return whole(spec, 'sourceFanout', 1, FANOUT_MAX, undefined);
}

function parsePeer(value: unknown, index: number): Demand {
  try {
    const peer = record(value, 'a peer');
    onlyFields(peer, ['fanout', 'latency'], 'a peer');
    return { fanout: whole(peer, 'fanout', 0, FANOUT_MAX, undefined), constraint: within(peer, 'latency', 1, CONSTRAINT_MAX, undefined) };
  } catch (fault) {
    throw fault instanceof SpecFault ? new SpecFault(`peer ${index + 1}: ${fault.message}`, index) : fault;
  }
}

function parseWorkload(spec: Fields): WorkloadSpec {
  const workload = record(spec.workload, 'workload');
  onlyFields(workload, ['name', 'peers', 'seed', 'slack', 'file', 'rateMbps'], 'workload');
  const name = oneOf(workload, 'name', WORKLOAD_NAMES, undefined);
  const { file } = workload;
  if (file !== undefined && typeof file !== 'string') throw new SpecFault('workload.file must be the path of a file');
  if (name === 'measured' && file === undefined) throw new SpecFault('the workload measured needs a file: a CSV with a column ul_mbps');
  if (workload.peers === 0) throw new SpecFault('the system is empty: workload.peers must be at least 1');
  return {
    name, file,
    peers: whole(workload, 'peers', 1, PEERS_MAX, 120),
    seed: whole(workload, 'seed', 0, SEED_MAX, 1),
    slack: whole(workload, 'slack', 0, 1_000, 1),
    rateMbps: within(workload, 'rateMbps', 1e-6, 1e6, 1),
    sourceFanout: spec.sourceFanout === undefined ? undefined : sourceFanoutOf(spec),
  };
}

function parseChurn(value: unknown): LagoverSpec['churn'] {
  if (value === undefined || value === null) return undefined;
  const churn = record(value, 'churn');
  if (churn.trace !== undefined) {
    onlyFields(churn, ['trace', 'roundSeconds'], 'churn');
    if (typeof churn.trace !== 'string') throw new SpecFault('churn.trace must be the path of a file');
    return { file: churn.trace, roundSeconds: within(churn, 'roundSeconds', 0.001, 1e9, MEASURED_ROUND_SECONDS) };
  }
  onlyFields(churn, ['leave', 'rejoin'], 'churn');
  return { leave: within(churn, 'leave', 0, 1, undefined), rejoin: within(churn, 'rejoin', 0, 1, undefined) };
}

function parseParents(value: unknown, peers: number): readonly number[] {
  if (!Array.isArray(value) || value.length !== peers) throw new SpecFault(`parents must be a list with one entry for each of the ${peers} peers`);
  for (const [index, parent] of value.entries()) {
    if (Number.isInteger(parent) && parent >= -1 && parent <= peers) continue;
    throw new SpecFault(`parents: entry ${index + 1} must be 0 for the source, a peer from 1 to ${peers}, or -1`);
  }
  return value as number[];
}
