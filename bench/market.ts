/**
 * Sixty multicast sessions on one pool ([0088]): `npm run bench -- market [runs=5]`. 1,200 hosts on transit-stub networks, coordinates by
 * Vivaldi, sets of 20 members that do not overlap, sessions that start and end at random.
 *
 * Aims: priority 1 keeps 90 % of the improvement that it has alone; priorities are ordered; nobody is worse off than with AMCast + adjust on
 * its own members; no plan changes any more five periods after the last start.
 */
import { transitStubPool } from '../src/sim/alm/host-pool.ts';
import type { SessionResult } from '../src/sim/alm/run-market.ts';
import { MARKET_MEMBERS, MARKET_RULES, runMarket } from '../src/sim/alm/run-market.ts';
import { argument, cpuSeconds, describeMachine, print } from './report.ts';

const HOSTS = 1_200;
const SESSIONS = 60;
const PRIORITIES = [1, 2, 3];

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const savedAlone = ({ heightMs, improvement, upperMs }: SessionResult): number => 1 - (upperMs * (1 - improvement)) / heightMs;
const savedByItself = ({ heightMs, improvement, lowerMs }: SessionResult): number => 1 - (lowerMs * (1 - improvement)) / heightMs;

describeMachine('market');
const startedAt = cpuSeconds();
const runs = Array.from({ length: argument('runs', 5) }, (_, i) => {
  const run = runMarket(transitStubPool(HOSTS, i + 1, { model: 'vivaldi', dimensions: 4 }), { sessions: SESSIONS, membersEach: MARKET_MEMBERS, seed: i + 1, rules: MARKET_RULES });
  const { preemptions, replans, quietAfterPeriods } = run.result;
  print({ seed: i + 1, sessions: SESSIONS, preemptions, replans, quietAfterPeriods, degreeInUse: run.degreeInUse });
  return run.result;
});
const sessions = runs.flatMap((run) => run.sessions);
for (const priority of PRIORITIES) {
  const own = sessions.filter((session) => session.priority === priority);
  const saved = mean(own.map(({ improvement }) => improvement));
  const alone = mean(own.map(savedAlone));
  print({ priority, sessions: own.length, saved, alone, byItself: mean(own.map(savedByItself)), kept: saved / alone, helpers: mean(own.map(({ helpers }) => helpers)) });
}
print({ worseThanByItself: sessions.filter(({ heightMs, lowerMs }) => heightMs > lowerMs).length, quietAfterPeriodsMax: Math.max(...runs.map((run) => run.quietAfterPeriods)), cpuSeconds: cpuSeconds() - startedAt });
