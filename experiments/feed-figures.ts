/**
 * Draws what a site is asked by how many peers read its feed, from bench/results/feed-origin.jsonl, which real peers and a
 * counting origin made: `npm run bench -- feed-origin --save`, then `npm run experiment -- feed-figures`.
 *
 * Beside it stands what the same wishes would cost if each peer asked for itself, as the bench states it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineChart } from './chart.ts';
import { outputTo } from './output.ts';

interface Measured {
  readonly peers: number;
  readonly requestsInEach: readonly number[];
  readonly requestsWithoutPoolPerInterval: number;
}

function measured(): readonly Measured[] {
  const lines = readFileSync(join(import.meta.dirname, '..', 'bench', 'results', 'feed-origin.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Partial<Measured>).filter((row): row is Measured => row.requestsInEach !== undefined);
}

const rows = measured().map(({ peers, requestsInEach, requestsWithoutPoolPerInterval }) => ({
  peers, throughGrove: Math.max(...requestsInEach), eachForItself: requestsWithoutPoolPerInterval,
}));
const chart = lineChart({
  title: 'Requests that the site of one feed gets in one of its intervals',
  x: { label: 'peers that read the feed', log: true },
  y: { label: 'requests', log: true },
  panels: [{
    title: 'real peers, a counting origin',
    series: [
      { name: 'through Grove', points: rows.map(({ peers, throughGrove }) => [peers, throughGrove] as const) },
      { name: 'each for itself', points: rows.map(({ peers, eachForItself }) => [peers, eachForItself] as const) },
    ],
  }],
});
outputTo('feeds').write('origin-requests', chart, rows);
