/**
 * How well a leafset tells a machine its own bottleneck ([0075]): `grove sim bandwidth`, on measured access links.
 *
 * Machines stand in a ring in random order, each with an up- and a downlink from a table of households. What x measures
 * towards y is the smaller of its uplink and y's downlink; its own uplink is taken to be the largest of those.
 */
import type { Random } from '../../core/random.ts';
import { shuffle } from '../../core/random.ts';
import { ownBottleneck } from '../../protocol/measure/bandwidth.ts';

export interface AccessLink {
  readonly upMbps: number;
  readonly downMbps: number;
}

export interface DirectionFigures {
  /** Share of the true rate by which the estimate is too low. */
  readonly medianError: number;
  readonly exactShare: number;
}

export interface BandwidthFigures {
  readonly up: DirectionFigures;
  readonly down: DirectionFigures;
  readonly hosts: number;
}

const UP_COLUMN = 'ul_mbps';
const DOWN_COLUMN = 'dl_mbps';

/** Reads a table with a header line; rows without both rates are left out. A text says what is wrong with it. */
export function parseAccessLinks(csv: string): AccessLink[] | string {
  const [header = '', ...lines] = csv.split(/\r?\n/);
  const names = header.split(',').map((name) => name.trim());
  const [up, down] = [names.indexOf(UP_COLUMN), names.indexOf(DOWN_COLUMN)];
  if (up < 0 || down < 0) return `it needs the columns ${UP_COLUMN} and ${DOWN_COLUMN} in its first line`;
  const links: AccessLink[] = [];
  for (const line of lines) {
    const cells = line.split(',');
    const link = { upMbps: Number(cells[up] || Number.NaN), downMbps: Number(cells[down] || Number.NaN) };
    if (link.upMbps > 0 && link.downMbps > 0) links.push(link);
  }
  return links.length < 2 ? 'it has fewer than two rows with both rates' : links;
}

/** `leafset` counts both sides together. */
export function runBandwidthSimulation(links: readonly AccessLink[], leafset: number, random: Random): BandwidthFigures {
  const ring = shuffle(random, [...links]);
  const up: number[] = [];
  const down: number[] = [];
  ring.forEach((self, place) => {
    const neighbours = neighboursOf(ring, place, leafset);
    up.push(shortfall(self.upMbps, neighbours.map((other) => Math.min(self.upMbps, other.downMbps))));
    down.push(shortfall(self.downMbps, neighbours.map((other) => Math.min(other.upMbps, self.downMbps))));
  });
  return { up: figuresOf(up), down: figuresOf(down), hosts: ring.length };
}

function neighboursOf(ring: readonly AccessLink[], place: number, leafset: number): AccessLink[] {
  const { length } = ring;
  const chosen = new Set<number>();
  for (let i = 1; chosen.size < Math.min(leafset, length - 1); i++) {
    chosen.add((place + i) % length);
    if (chosen.size < leafset) chosen.add((place + length - (i % length)) % length);
  }
  return [...chosen].map((index) => ring[index] as AccessLink);
}

function shortfall(truth: number, measured: readonly number[]): number {
  return (truth - (ownBottleneck(measured) ?? 0)) / truth;
}

function figuresOf(errors: readonly number[]): DirectionFigures {
  const sorted = [...errors].sort((a, b) => a - b);
  return { medianError: sorted[sorted.length >> 1] ?? 0, exactShare: errors.filter((error) => error === 0).length / errors.length };
}
