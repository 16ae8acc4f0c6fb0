/**
 * The whole physical tree from the positions of its machines (Figs 7-9): who reports to whom.
 *
 * Nobody is asked: each machine's parent follows from its zone ([0057], [0060]), and whoever knows all positions can compute
 * all of them with the function that each machine uses for itself.
 */
import type { Position } from '../core/position.ts';
import { CIRCLE, comparePositions } from '../core/position.ts';
import type { Zone } from '../protocol/somo/placement.ts';
import { isHost, parentNode, representative, zoneBetween } from '../protocol/somo/placement.ts';
import type { LogicalTree } from '../protocol/somo/tree.ts';

export interface Member {
  readonly peerId: string;
  readonly name: string;
  readonly position: Position;
}

export interface MappedMachine {
  readonly peerId: string;
  readonly name: string;
  /** Share of the circle. */
  readonly position: number;
  /** Of the logical node that represents it; null for a zone that holds none. */
  readonly level: number | null;
  /** Index of the machine it reports to in this list; null for the root. */
  readonly parent: number | null;
}

export interface TreeMap {
  readonly k: number;
  /** The peer that was asked. */
  readonly self: string;
  /** In the order of the circle. */
  readonly machines: readonly MappedMachine[];
}

/** Positions differ: they are hashes of identities. */
export function treeMap(members: readonly Member[], self: string, tree: LogicalTree): TreeMap {
  const sorted = [...members].sort((a, b) => comparePositions(a.position, b.position));
  const zones = sorted.map(({ position }, i) => zoneBetween((sorted.at(i - 1) as Member).position, position));
  const machines = sorted.map(({ peerId, name, position }, i) => {
    const zone = zones[i] as Zone;
    const up = parentNode(tree, zone, position.lead);
    const parent = up === undefined ? null : zones.findIndex((other) => isHost(tree, other, up));
    return { peerId, name, position: position.lead / CIRCLE, level: representative(tree, zone)?.level ?? null, parent };
  });
  return { k: tree.k, self, machines };
}
