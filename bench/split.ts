/**
 * A ring split in two halves for ten minutes: how long after healing until it is one ring again (zones partition the whole
 * circle), until every leafset is right, and until every object that either side wrote is readable everywhere (where both
 * wrote one key, the later version). To reach: 60 simulated seconds, for every seed.
 *
 * The halves are drawn at random, so neighbours on the circle are on either side: each half has to close its own ring
 * first, and the two then interleave.
 */
import { must } from '../src/core/assert.ts';
import type { Position } from '../src/core/position.ts';
import { pick, randomFrom } from '../src/core/random.ts';
import type { StrategyName } from '../src/protocol/options.ts';
import { protocolOptions } from '../src/protocol/options.ts';
import { randomKey } from '../src/protocol/overlay/keys.ts';
import { latencyByName } from '../src/sim/edge/latency-file.ts';
import { checkLeafsets, checkZones } from '../src/sim/ring/check-ring.ts';
import { RingWorld } from '../src/sim/ring/ring-world.ts';
import { argument, describeMachine, print } from './report.ts';

const PEERS = argument('peers', 1_000);
const SPLIT_MS = 600_000;
const WITHIN_MS = 600_000;
const WRITE_MS = 80_000;
/** A round of reading: longer than any operation may take. */
const READ_MS = 10_000;
const OWN_KEYS = 200;
const SHARED_KEYS = 100;

function split(seed: number, strategy: StrategyName): void {
  const latency = latencyByName('transit-stub', randomFrom(seed).fork('latency'));
  const ring = new RingWorld({ seed, latency, queue: 'calendar', countBytes: false }, protocolOptions({ strategy }));
  ring.wire(PEERS);
  ring.world.runFor(120_000);
  const random = ring.world.random('sides');
  const sides = ring.world.alive().map(() => random.below(2));
  ring.world.partition((peer) => sides[peer] ?? 0);
  ring.world.runFor(SPLIT_MS - WRITE_MS);
  const expected = write(ring, sides);
  ring.world.heal();
  const start = ring.world.now();
  const zonesMs = ring.world.runUntilHolds(() => checkZones(ring).length === 0, 500, WITHIN_MS);
  const leafsetsMs = ring.world.runUntilHolds(() => checkLeafsets(ring).length === 0, 500, WITHIN_MS);
  const objectsMs = untilReadable(ring, expected, start);
  print({
    peers: PEERS, splitMinutes: SPLIT_MS / 60_000, strategy, seed,
    zonesSeconds: zonesMs === undefined ? null : zonesMs / 1000,
    leafsetsSeconds: zonesMs === undefined || leafsetsMs === undefined ? null : (zonesMs + leafsetsMs) / 1000,
    objects: expected.length, objectsSeconds: objectsMs === undefined ? null : objectsMs / 1000,
  });
}

interface Expected {
  readonly key: Position;
  /** What the later writer wrote. */
  readonly text: string;
}

/** Both sides write keys of their own, and then, one after the other, the same keys. Returns what must be readable. */
function write(ring: RingWorld, sides: readonly number[]): Expected[] {
  const random = ring.world.random('writes');
  const acknowledged: Expected[] = [];
  const members = [0, 1].map((side) => ring.world.alive().filter((peer) => sides[peer] === side));
  const put = (side: number, key: Position, text: string): void => {
    const peer = pick(random, members[side] as number[]);
    ring.node(peer).overlay.put(key, new TextEncoder().encode(text), {}, ({ ok }) => {
      if (ok) acknowledged.push({ key, text });
    });
  };
  const shared = Array.from({ length: SHARED_KEYS }, () => randomKey(random));
  for (let i = 0; i < OWN_KEYS; i++) for (const side of [0, 1]) put(side, randomKey(random), `only side ${side}`);
  for (const key of shared) put(0, key, 'the earlier');
  ring.world.runFor(WRITE_MS / 2);
  for (const key of shared) put(1, key, 'the later');
  ring.world.runFor(WRITE_MS / 2);
  return [...new Map(acknowledged.map((item) => [item.key.hex, item])).values()];
}

/** Reads what is not yet right again and again, each time at some member; how long after `start` everything was. */
function untilReadable(ring: RingWorld, expected: readonly Expected[], start: number): number | undefined {
  let open = expected;
  while (open.length > 0 && ring.world.now() - start < WITHIN_MS) {
    const wrong: Expected[] = [];
    for (const item of open) {
      const reader = must(ring.anyMember(), 'a member');
      ring.node(reader).overlay.get(item.key, (outcome) => {
        if (!outcome.ok || new TextDecoder().decode(outcome.object.value) !== item.text) wrong.push(item);
      });
    }
    ring.world.runFor(READ_MS);
    open = wrong;
  }
  return open.length === 0 ? ring.world.now() - start : undefined;
}

describeMachine('split');
for (let seed = 1; seed <= argument('seeds', 8); seed++) split(seed, 'pastry');
