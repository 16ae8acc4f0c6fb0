/**
 * Steps that scenarios share: each waits for what it demands, and says what was missing when it does not come.
 */
import assert from 'node:assert/strict';
import type { Contact } from '../../src/core/contact.ts';
import { compareContacts } from '../../src/core/contact.ts';
import type { Position } from '../../src/core/position.ts';
import type { Node } from '../../src/protocol/node.ts';
import type { DerefOutcome, ReadOutcome, WriteOutcome } from '../../src/protocol/overlay/outcomes.ts';
import type { LookupResult } from '../../src/protocol/routing/router.ts';
import type { Reference } from '../../src/protocol/wire/messages.ts';
import type { Cluster } from './cluster.ts';

const CONVERGE_MS = 100_000;
const OPERATION_MS = 35_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export async function grow(cluster: Cluster, peers: number): Promise<void> {
  while (cluster.alive().length < peers) {
    await cluster.spawn();
    // The first peer must be a ring before others can join it; the rest may come all at once.
    if (cluster.alive().length === 1) await cluster.until(() => isMember(cluster, 0), CONVERGE_MS);
  }
  await converge(cluster);
}

/** INV-RING-1 and -4 on whatever is alive: all are members, and their zones partition the circle. */
export async function converge(cluster: Cluster): Promise<void> {
  const done = await cluster.until(() => isConverged(cluster), CONVERGE_MS);
  assert.ok(done, `${cluster.kind} peers did not converge, ${cluster.replay}: ${describe(cluster)}`);
}

export function isConverged(cluster: Cluster): boolean {
  const members = cluster.alive().map((peer) => cluster.node(peer));
  if (!members.every((node) => node.standing === 'active')) return false;
  const ordered = members.toSorted((a, b) => compareContacts(a.local.contact, b.local.contact));
  return ordered.every((node, place) => {
    const before = ordered.at(place - 1) as Node;
    return node.zoneStart?.hex === before.local.position.hex;
  });
}

function isMember(cluster: Cluster, peer: number): boolean {
  return cluster.node(peer).standing === 'active';
}

function describe(cluster: Cluster): string {
  return cluster.alive().map((peer) => {
    const node = cluster.node(peer);
    return `${peer} ${node.standing} (${node.zoneStart?.hex.slice(0, 6) ?? '-'}, ${node.local.position.hex.slice(0, 6)}]`;
  }).join('; ');
}

/** The true owner among the living, by position. */
export function ownerOf(cluster: Cluster, key: Position): Contact {
  const contacts = cluster.alive().map((peer) => cluster.node(peer).local.contact).toSorted(compareContacts);
  const after = contacts.find((contact) => contact.position.hex >= key.hex);
  return after ?? (contacts[0] as Contact);
}

export function anyPeer(cluster: Cluster): number {
  const alive = cluster.alive();
  return alive[cluster.random.below(alive.length)] as number;
}

export async function lookUp(cluster: Cluster, peer: number, key: Position): Promise<LookupResult> {
  return operate<LookupResult>(cluster, peer, (node, done) => node.lookup(key, done, (reason) => assert.fail(`lookup failed: ${reason}, ${cluster.replay}`)));
}

export async function put(cluster: Cluster, peer: number, key: Position, text: string): Promise<WriteOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.put(key, encoder.encode(text), {}, done));
}

export async function get(cluster: Cluster, peer: number, key: Position): Promise<ReadOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.get(key, done));
}

export async function remove(cluster: Cluster, peer: number, key: Position): Promise<WriteOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.remove(key, done));
}

export async function setref(cluster: Cluster, peer: number, a: Position, field: string, b: Reference): Promise<WriteOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.setref(a, field, b, done));
}

export async function deref(cluster: Cluster, peer: number, a: Position, field: string): Promise<DerefOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.deref(a, field, done));
}

export async function removeRef(cluster: Cluster, peer: number, a: Position, field: string): Promise<WriteOutcome> {
  return operate(cluster, peer, (node, done) => node.overlay.removeRef(a, field, done));
}

/** The text of an object that must be there. */
export async function textAt(cluster: Cluster, peer: number, key: Position): Promise<string> {
  const outcome = await get(cluster, peer, key);
  assert.ok(outcome.ok, `key ${key.hex.slice(0, 8)} should be readable at ${cluster.kind} peer ${peer}, ${cluster.replay}: ${outcome.ok ? '' : outcome.reason}`);
  return decoder.decode(outcome.object.value);
}

export function textOf(outcome: ReadOutcome | DerefOutcome): string {
  assert.ok(outcome.ok, outcome.ok ? '' : `${outcome.code}: ${outcome.reason}`);
  return decoder.decode(outcome.object.value);
}

async function operate<T>(cluster: Cluster, peer: number, begin: (node: Node, done: (outcome: T) => void) => void): Promise<T> {
  const outcomes: T[] = [];
  cluster.input(peer, (node) => begin(node, (outcome) => void outcomes.push(outcome)));
  const done = await cluster.until(() => outcomes.length > 0, OPERATION_MS);
  assert.ok(done, `an operation of ${cluster.kind} peer ${peer} never ended, ${cluster.replay}`);
  return outcomes[0] as T;
}
