/**
 * How soon a poisoning peer is caught: a poller inside the tree, with about 30 % of 40 subscribers below it, begins to give them something
 * else, signed by itself. Asked for: caught and left within 2 audits on average, audits of the whole pool counted (c = 1 of each version), and
 * nobody below it shows the false document as attested.
 *
 * Simulated; `runs=` seeds are tried, those count in which some poller has 15 to 60 % below it.
 */
import { runPoison } from '../src/sim/feed/run-poison.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = 40;
const SHARE = 0.3;

describeMachine('feed-audits');
const results = Array.from({ length: argument('runs', 200) }, (_, i) => runPoison(i + 1, PEERS, SHARE)).filter((result) => result !== undefined);
const caught = results.flatMap(({ audits }) => (audits === undefined ? [] : [audits]));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
print({
  peers: PEERS, runs: results.length, meanShareBelow: sum(results.map(({ share }) => share)) / results.length, caught: caught.length, meanAudits: sum(caught) / caught.length,
  worstAudits: Math.max(...caught), meanVersions: sum(results.map(({ versions }) => versions)) / results.length, wronglyAccused: sum(results.map(({ wrong }) => wrong)),
  stillBelow: sum(results.map(({ stillBelow }) => stillBelow)), stillFalse: sum(results.map(({ stillFalse }) => stillFalse)), shownAsAttested: sum(results.map(({ attested }) => attested)),
});
