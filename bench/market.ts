/**
 * Sixty multicast sessions on one pool ([0088]): `npm run bench -- market [runs=5] [fresh=10]`. 1,200 hosts on transit-stub networks, coordinates by
 * Vivaldi, sets of 20 members that do not overlap, sessions that start and end at random. On the networks on which rules were chosen, and on fresh ones.
 *
 * Aims: priority 1 keeps 90 % of the improvement that it has alone; priorities are ordered; nobody is worse off than with AMCast + adjust on
 * its own members; no plan changes any more five periods after the last start.
 */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { transitStubPool } from '../src/sim/alm/host-pool.ts';
import type { MarketRun, SessionResult } from '../src/sim/alm/run-market.ts';
import { MARKET_MEMBERS, MARKET_RULES, runMarket } from '../src/sim/alm/run-market.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const HOSTS = 1_200;
const SESSIONS = 60;
const PRIORITIES = [1, 2, 3];
/** The same tree's height, summed up in another order, differs in the last bit. */
const ROUNDING = 1e-9;
/** No rule was chosen on networks from here on. */
const FRESH_SEED = 201;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const savedAlone = ({ heightMs, improvement, upperMs }: SessionResult): number => 1 - (upperMs * (1 - improvement)) / heightMs;
const savedByItself = ({ heightMs, improvement, lowerMs }: SessionResult): number => 1 - (lowerMs * (1 - improvement)) / heightMs;

const keptBy = (sessions: readonly SessionResult[]): number => mean(sessions.map(({ improvement }) => improvement)) / mean(sessions.map(savedAlone));

function playOne(seed: number): MarketRun {
  return runMarket(transitStubPool(HOSTS, seed, { model: 'vivaldi', dimensions: 4 }), { sessions: SESSIONS, membersEach: MARKET_MEMBERS, seed, rules: MARKET_RULES });
}

/** In a thread of its own. */
async function playedElsewhere(seed: number): Promise<MarketRun> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: seed });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function play(networks: string, firstSeed: number, count: number): Promise<void> {
  const startedAt = cpuSeconds();
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
  const played: Promise<MarketRun>[] = [];
  const waiting = [...seeds.entries()];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await (played[next[0]] = playedElsewhere(next[1]));
  }));
  const runs = (await Promise.all(played)).map(({ result, degreeInUse }, i) => {
    const { preemptions, replans, quietAfterPeriods } = result;
    const first = result.sessions.filter(({ priority }) => priority === 1);
    print({ seed: seeds[i], sessions: SESSIONS, preemptions, replans, quietAfterPeriods, degreeInUse, firstKept: keptBy(first) });
    return result;
  });
  const sessions = runs.flatMap((run) => run.sessions);
  for (const priority of PRIORITIES) {
    const own = sessions.filter((session) => session.priority === priority);
    print({
      networks, priority, sessions: own.length, saved: mean(own.map(({ improvement }) => improvement)), alone: mean(own.map(savedAlone)), byItself: mean(own.map(savedByItself)), kept: keptBy(own),
      helpers: mean(own.map(({ helpers }) => helpers)),
    });
  }
  print({
    networks, worseThanByItself: sessions.filter(({ heightMs, lowerMs }) => heightMs > lowerMs * (1 + ROUNDING)).length, quietAfterPeriodsMax: Math.max(...runs.map((run) => run.quietAfterPeriods)),
    cpuSeconds: cpuSeconds() - startedAt,
  });
}

if (isMainThread) {
  describeMachine('market');
  const [known, fresh] = [argument('runs', 5), argument('fresh', 10)];
  if (known > 0) await play('known', 1, known);
  if (fresh > 0) await play('fresh', FRESH_SEED, fresh);
} else parentPort?.postMessage(playOne(workerData as number));
