/**
 * Redraws what sessions of three priorities get of one pool ([0088], [0095]): sessions of 20 members each until every host is a member, between
 * what each has by itself (AMCast + adjust on its own members) and with the whole pool to itself; helpers by priority; degrees in use.
 */
import type { HostPool } from '../src/sim/alm/host-pool.ts';
import type { SessionResult } from '../src/sim/alm/run-market.ts';
import { MARKET_MEMBERS, MARKET_RULES, runMarket } from '../src/sim/alm/run-market.ts';
import { lineChart } from './chart.ts';
import type { Output } from './output.ts';

const PRIORITIES = [1, 2, 3];

interface Row {
  readonly sessions: number;
  readonly priority: number;
  readonly runs: number;
  readonly saved: number;
  readonly savedByItself: number;
  readonly savedWithWholePool: number;
  readonly helpers: number;
}

interface Total {
  readonly sessions: number;
  readonly degreeInUse: number;
  readonly degreeOfMembers: number;
  readonly preemptions: number;
  readonly replans: number;
  readonly quietAfterPeriods: number;
}

export interface MarketFigures {
  /** Of the files. */
  readonly name: string;
  /** What the pool consists of. */
  readonly title: string;
  readonly pools: readonly HostPool[];
  readonly sessions: readonly number[];
}

export function drawMarket({ tell, write }: Output, { name, title, pools, sessions: counts }: MarketFigures): void {
  const say = tell(name);
  const rows: Row[] = [];
  const totals: Total[] = [];
  for (const sessions of counts) {
    say(`${sessions} sessions`);
    const runs = pools.map((pool, i) => runMarket(pool, { sessions, membersEach: MARKET_MEMBERS, seed: i + 1, rules: MARKET_RULES }));
    const all = runs.flatMap(({ result }) => result.sessions);
    rows.push(...PRIORITIES.map((priority) => rowOf(sessions, priority, all.filter((session) => session.priority === priority))));
    totals.push({
      sessions, degreeInUse: mean(runs.map(({ degreeInUse }) => degreeInUse)), degreeOfMembers: 2 * sessions * (MARKET_MEMBERS - 1),
      preemptions: mean(runs.map(({ result }) => result.preemptions)), replans: mean(runs.map(({ result }) => result.replans)),
      quietAfterPeriods: Math.max(...runs.map(({ result }) => result.quietAfterPeriods)),
    });
  }
  const x = { label: 'sessions', min: 0 };
  const line = (priority: number, label: string, y: (row: Row) => number): { name: string; points: (readonly [number, number])[] } =>
    ({ name: label, points: rows.filter((row) => row.priority === priority).map((row) => [row.sessions, y(row)] as const) });
  write(name, lineChart({
    title: `What sessions get of a pool of ${title}`, x, y: { label: "saved of AMCast's height, %", min: 0 },
    panels: PRIORITIES.map((priority) => ({
      title: `priority ${priority}`,
      series: [line(priority, 'in the market', (row) => 100 * row.saved), line(priority, 'whole pool', (row) => 100 * row.savedWithWholePool), line(priority, 'by itself', (row) => 100 * row.savedByItself)],
    })),
  }), rows);
  write(`${name}-helpers`, lineChart({
    title: `Helpers of a session, by priority: ${title}`, x, y: { label: 'helpers', min: 0 },
    panels: [{ title: '20 members each', series: PRIORITIES.map((priority) => line(priority, `priority ${priority}`, (row) => row.helpers)) }],
  }), rows);
  write(`${name}-degrees`, lineChart({
    title: `Degrees in use: ${title}`, x, y: { label: 'links', min: 0 },
    panels: [{ title: 'all hosts together', series: [
      { name: 'in use', points: totals.map((one) => [one.sessions, one.degreeInUse] as const) },
      { name: 'without helpers', points: totals.map((one) => [one.sessions, one.degreeOfMembers] as const) },
    ] }],
  }), totals);
}

function rowOf(sessions: number, priority: number, own: readonly SessionResult[]): Row {
  const baseMs = ({ heightMs, improvement }: SessionResult): number => heightMs / (1 - improvement);
  return {
    sessions, priority, runs: own.length, saved: mean(own.map(({ improvement }) => improvement)),
    savedByItself: mean(own.map((one) => 1 - one.lowerMs / baseMs(one))), savedWithWholePool: mean(own.map((one) => 1 - one.upperMs / baseMs(one))),
    helpers: mean(own.map(({ helpers }) => helpers)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
