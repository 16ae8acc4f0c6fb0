/**
 * Who could help a session ([0079]): one question to the metadata tree, which brings back the machines themselves with what a plan needs
 * of them: links to be had at that priority and rate, coordinates, bandwidths ([0086]).
 *
 * Each machine says for itself what it would give now. Of more than an answer holds, those with many links are kept, and
 * otherwise some at random, others at each turn: so a session gets to know a large pool from look to look, and no machine is asked by all.
 * What comes from others is checked before it is believed.
 */
import { contactIn, contactText } from '../../pool/contact-text.ts';
import type { Call, Op } from '../../pool/ops.ts';
import type { Report } from '../../pool/report.ts';
import type { State } from '../../pool/state.ts';
import { hashText } from '../../pool/state.ts';
import type { Coordinate } from '../../wire/messages.ts';
import { PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../instance.ts';
import type { HelperCandidate } from './helper-market.ts';
import { CANDIDATES_MAX } from './helper-market.ts';

export const HELPERS_OP = 'cast_helpers';
/** Only subtrees with machines that offer links at all are visited. */
export const HELPERS_WHERE = 'degree.bound >= 3.0';
/** With fewer links a helper gives no more room than it takes. */
const LEAST_DEGREE = 3;
/** Those with so many links go before the others. */
const GOOD_DEGREE = 4;
const DEGREE_MAX = 1_000;
const RATE_BPS_MAX = 1e12;
/** A call carries one number: the turn, four times the rate, and the priority. */
const PRIORITIES = 4;
const TURN = 2 ** 42;
export const TURNS = 1_024;
const DIMENSIONS = 4;
/** Rank, degree, up, down, age of the stir, coordinate. */
const SCALARS = 5;
const NUMBERS = SCALARS + DIMENSIONS + 2;
/** Machines in one answer. */
export const KEPT_MAX = Math.min(256, CANDIDATES_MAX);

/** What this machine would give; its report says the rest. */
export type OwnOffer = Pick<HelperCandidate, 'contact' | 'degree' | 'coordinate' | 'stirAgeMs'>;
export type OwnHelp = (priority: number, rateBps: number) => OwnOffer | undefined;

/** At each of the turns, 0 to TURNS - 1, other machines are kept where there are too many. */
export function helpersCall(priority: number, rateBps: number, turn: number): Call {
  return { op: HELPERS_OP, field: '', parameter: TURN * turn + PRIORITIES * Math.round(rateBps) + priority };
}

export function helpersOp(own: OwnHelp): Op {
  return {
    name: HELPERS_OP, takes: 'nothing', parameter: { min: PRIORITY_HIGHEST, max: TURN * TURNS - 1, otherwise: PRIORITY_LOWEST },
    init({ report }, { parameter }) {
      const priority = Math.min(PRIORITY_LOWEST, Math.max(PRIORITY_HIGHEST, parameter % PRIORITIES));
      const given = own(priority, Math.min(RATE_BPS_MAX, Math.floor((parameter % TURN) / PRIORITIES)));
      if (given === undefined || given.degree < LEAST_DEGREE) return undefined;
      return stateOf([rowOf({ ...given, upBps: rateIn(report, 'net.up'), downBps: rateIn(report, 'net.down') }, Math.floor(parameter / TURN))]);
    },
    merge: (a, b) => stateOf(kept([...rowsOf(a), ...rowsOf(b)])),
    finish: (state) => candidatesIn(state).map(({ contact, degree }) => ({ peer: contact.peerId, degree })),
    isSane: ({ numbers, texts }, machines) => numbers.length === NUMBERS * texts.length && texts.length <= Math.min(machines, KEPT_MAX),
  };
}

/** What an answer tells; what makes no sense is left out. */
export function candidatesIn(state: State | undefined): HelperCandidate[] {
  return rowsOf(state).flatMap((row) => candidateIn(row) ?? []);
}

function rateIn(report: Report, name: string): number {
  const value = report.get(name);
  return typeof value === 'number' ? value : 0;
}

interface Row {
  readonly numbers: readonly number[];
  readonly text: string;
}

function rowOf({ contact, degree, coordinate, upBps, downBps, stirAgeMs }: HelperCandidate, turn: number): Row {
  const rank = (degree >= GOOD_DEGREE ? 0 : 1) + hashText(contact.peerId, turn) / 2 ** 52;
  const vector = Array.from({ length: DIMENSIONS }, (_, i) => coordinate.vector[i] ?? 0);
  return {
    numbers: [rank, Math.min(degree, DEGREE_MAX), upBps, downBps, stirAgeMs, ...vector, coordinate.height, coordinate.error],
    text: contactText(contact),
  };
}

function candidateIn({ numbers, text }: Row): HelperCandidate | undefined {
  const contact = contactIn(text);
  const [, degree, upBps, downBps, stirAgeMs] = numbers as [number, number, number, number, number];
  const [height, error] = numbers.slice(-2) as [number, number];
  const coordinate: Coordinate = { vector: numbers.slice(SCALARS, -2), height, error };
  const isFine = contact !== undefined && Number.isInteger(degree) && degree >= LEAST_DEGREE && degree <= DEGREE_MAX && upBps >= 0 && downBps >= 0 && height >= 0 && error > 0 && stirAgeMs >= 0;
  return isFine ? { contact, degree, coordinate, upBps, downBps, stirAgeMs } : undefined;
}

function rowsOf(state: State | undefined): Row[] {
  return (state?.texts ?? []).map((text, i) => ({ numbers: state?.numbers.slice(NUMBERS * i, NUMBERS * (i + 1)) ?? [], text }));
}

function stateOf(rows: readonly Row[]): State {
  return { numbers: rows.flatMap(({ numbers }) => numbers), texts: rows.map(({ text }) => text) };
}

function kept(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => (a.numbers[0] as number) - (b.numbers[0] as number) || (a.text < b.text ? -1 : 1)).slice(0, KEPT_MAX);
}
