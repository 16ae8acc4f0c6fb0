// The interface of `grove sim lagover` and `grove lagover check`: defaults, refusals by name and line, and the output's shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineOfJsonFault } from '../../../src/sim/lagover/json-fault.ts';
import { lineOfPeer, parseSpec, SpecFault } from '../../../src/sim/lagover/spec.ts';
import { check, parseUplinks, simulate } from '../../../src/sim/lagover/simulate.ts';

const PEERS = [{ fanout: 2, latency: 1 }, { fanout: 0, latency: 2 }, { fanout: 1, latency: 2 }];
const NO_FILES = { uplinksMbps: [], trace: undefined };

function refusal(spec: unknown): string {
  try {
    parseSpec(spec);
  } catch (fault) {
    assert.ok(fault instanceof SpecFault);
    return fault.message;
  }
  return 'accepted';
}

test('everything but the system has a default', () => {
  const spec = parseSpec({ sourceFanout: 1, peers: PEERS });
  assert.deepEqual([spec.algorithm, spec.rules, spec.oracle, spec.source, spec.timing], ['adaptive', 'displacing', 'random-delay', 'pull', 'synchronous']);
  assert.deepEqual([spec.timeout, spec.maintenance, spec.seed, spec.maxRounds, spec.churn], [8, 3, 1, 5_000, undefined]);
});

for (const [what, spec, expected] of [
  ['a negative fan-out', { sourceFanout: 1, peers: [{ fanout: -1, latency: 1 }] }, /^peer 1: fanout must be a whole number/],
  ['a fractional fan-out', { sourceFanout: 1, peers: [PEERS[0], { fanout: 1.5, latency: 1 }] }, /^peer 2: fanout must be a whole number/],
  ['a latency below 1', { sourceFanout: 1, peers: [{ fanout: 1, latency: 0.5 }] }, /^peer 1: latency must be a number from 1/],
  ['a missing latency', { sourceFanout: 1, peers: [{ fanout: 1 }] }, /it is missing/],
  ['a peer that is no object', { sourceFanout: 1, peers: [3] }, /^peer 1: a peer must be a JSON object/],
  ['an empty system', { sourceFanout: 1, peers: [] }, /empty/],
  ['an empty workload', { workload: { name: 'rand', peers: 0 } }, /empty/],
  ['a source without slots', { sourceFanout: 0, peers: PEERS }, /without slots/],
  ['no source fan-out', { peers: PEERS }, /sourceFanout is missing/],
  ['an unknown algorithm', { sourceFanout: 1, peers: PEERS, algorithm: 'magic' }, /algorithm must be one of greedy, hybrid.*, not "magic"/],
  ['an unknown oracle', { sourceFanout: 1, peers: PEERS, oracle: 'delphi' }, /oracle must be one of random, /],
  ['an unknown workload', { workload: { name: 'x' } }, /name must be one of tf1, /],
  ['an unknown level', { sourceFanout: 1, peers: PEERS, level: 'x' }, /level must be one of rounds, messages/],
  ['a realisation without messages', { sourceFanout: 1, peers: PEERS, realised: 'dht' }, /realised only means something with "level":"messages"/],
  ['an unknown realisation', { sourceFanout: 1, peers: PEERS, level: 'messages', realised: 'magic' }, /realised must be one of exact, walk, dht, somo/],
  ['a directory that walks', { sourceFanout: 1, peers: PEERS, level: 'messages', oracle: 'directory', realised: 'walk' }, /a walk keeps no directory/],
  ['a directory for an oracle that is none', { sourceFanout: 1, peers: PEERS, level: 'messages', realised: 'somo' }, /"realised":"somo" goes with "oracle":"directory"/],
  ['a network without messages', { sourceFanout: 1, peers: PEERS, network: { loss: 0.1 } }, /network only means something with "level":"messages"/],
  ['a share of lost messages above 1', { sourceFanout: 1, peers: PEERS, level: 'messages', network: { loss: 2 } }, /loss must be a number from 0 to 1/],
  ['timing by messages', { sourceFanout: 1, peers: PEERS, level: 'messages', timing: 'synchronous' }, /timing only means something with "level":"rounds"/],
  ['too many peers for messages', { workload: { name: 'rand', peers: 1_000_000 }, level: 'messages' }, /simulates at most 20000 peers/],
  ['a misspelt field', { sourceFanout: 1, peers: PEERS, maxRound: 4 }, /unknown field "maxRound"/],
  ['peers and a workload', { sourceFanout: 1, peers: PEERS, workload: { name: 'rand' } }, /not both/],
  ['a share above 1', { sourceFanout: 1, peers: PEERS, churn: { leave: 2, rejoin: 0 } }, /leave must be a number from 0 to 1/],
  ['measured without a file', { workload: { name: 'measured' } }, /needs a file/],
  ['a tree of the wrong size', { sourceFanout: 1, peers: PEERS, parents: [0] }, /one entry for each of the 3 peers/],
  ['a parent that does not exist', { sourceFanout: 1, peers: PEERS, parents: [0, 1, 4] }, /entry 3 must be 0/],
  ['a list', [], /must be a JSON object/],
] as const) {
  test(`refused with a sentence: ${what}`, () => assert.match(refusal(spec), expected));
}

test('the line of a bad peer is found, however the file is laid out', () => {
  const pretty = JSON.stringify({ note: 'a "quoted" [bracket]', peers: [{ fanout: 1 }, { fanout: [1, 2], x: '},{' }, { fanout: 3 }] }, null, 1);
  const lines = pretty.split('\n');
  for (const [index, needle] of ['"fanout": 1', '"fanout": [', '"fanout": 3'].entries()) {
    assert.equal(lineOfPeer(pretty, index), lines.findIndex((line) => line.includes(needle)), needle);
  }
  const many = `{"peers":[\n${Array.from({ length: 100_000 }, () => '{"fanout":1,"latency":1}').join(',\n')}\n]}`;
  assert.equal(lineOfPeer(many, 77_777), 77_779);
});

test('parents and delays are by peer, -1 and null while floating', () => {
  const result = simulate(parseSpec({ sourceFanout: 1, peers: PEERS }), NO_FILES);
  assert.ok(result.converged);
  assert.deepEqual([result.parents, result.delays, result.online], [[0, 1, 1], [1, 2, 2], [true, true, true]]);
  assert.equal(result.series.satisfiedShare.length, result.rounds);
  assert.deepEqual([result.satisfiedShare, result.feasibility.sufficient, result.feasibility.bound.missingSlots], [1, true, 0]);
});

test('an infeasible system runs to the limit, with the satisfied share and the reasons', () => {
  const spec = parseSpec({ sourceFanout: 1, peers: [{ fanout: 0, latency: 1 }, { fanout: 0, latency: 4 }], maxRounds: 30 });
  const result = simulate(spec, NO_FILES);
  assert.deepEqual([result.converged, result.rounds, result.satisfiedShare], [false, 30, 0.5]);
  assert.match(result.feasibility.reasons.join(), /1 more slot at depth <= 4 needed/);
});

test('under churn the run plays all its rounds', () => {
  const spec = parseSpec({ workload: { name: 'rand', peers: 60 }, churn: { leave: 0.01, rejoin: 0.2 }, maxRounds: 90 });
  assert.equal(simulate(spec, NO_FILES).series.satisfiedShare.length, 90);
});

test('check decides, gives reasons, and verifies a tree', () => {
  const peers = [[1, 1], [1, 2], [2, 5], [1, 4], [0, 4]].map(([fanout, latency]) => ({ fanout, latency }));
  const verdict = check(parseSpec({ sourceFanout: 1, peers, parents: [0, 1, 2, 3, 3] }), NO_FILES);
  assert.deepEqual([verdict.sufficient, verdict.feasible, verdict.reasons.length, verdict.tree?.valid], [false, true, 1, true]);
  const late = check(parseSpec({ sourceFanout: 1, peers, parents: [0, 1, 4, 2, 3] }), NO_FILES);
  assert.equal(late.tree?.valid, false);
});

test('by messages the same fields come out: rounds are heartbeats, delays are hops, and one seed gives one run', () => {
  const spec = parseSpec({ sourceFanout: 1, peers: PEERS, level: 'messages', network: { latencyMs: 100, loss: 0.02 } });
  const result = simulate(spec, NO_FILES);
  assert.ok(result.converged);
  assert.deepEqual(Object.keys(result).sort(), Object.keys(simulate(parseSpec({ sourceFanout: 1, peers: PEERS }), NO_FILES)).sort());
  assert.deepEqual(result.parents, [0, 1, 1]);
  assert.deepEqual(result.delays, [1, 2, 2]);
  assert.equal(result.series.satisfiedShare.length, result.rounds);
  assert.equal(simulate(spec, NO_FILES).fingerprint, result.fingerprint);
});

test('by messages a run under churn plays all its rounds, and an offline peer has neither parent nor delay', () => {
  const spec = parseSpec({ workload: { name: 'rand', peers: 30 }, level: 'messages', churn: { leave: 0.05, rejoin: 0.1 }, maxRounds: 60 });
  const result = simulate(spec, NO_FILES);
  assert.equal(result.series.satisfiedShare.length, 60);
  assert.ok(result.online.includes(false));
  for (const [index, isOnline] of result.online.entries()) if (!isOnline) assert.deepEqual([result.parents[index], result.delays[index]], [-1, null]);
});

test('uplinks are read from a CSV by the name of the column', () => {
  assert.deepEqual(parseUplinks('a,ul_mbps\nx,1.5\ny,\nz,20\n'), [1.5, 20]);
  assert.equal(parseUplinks('a,b\n1,2'), 'it has no column ul_mbps');
  assert.match(String(parseUplinks('ul_mbps\nx')), /no numbers/);
});

test('the line on which a text stops being JSON', () => {
  const lines = ['{"sourceFanout":1,', ' "note": "a \\"quoted\\" } [",', ' "peers":[', '{"fanout":1,"latency":2.5e0},', '{"fanout":0,"latency":1}', ']}'];
  for (const [line, wrong] of [
    [4, '{"fanout":1,"latency":x},'], [4, '{"fanout":1 "latency":2},'], [4, '{"fanout":01,"latency":2},'], [5, '{"fanout":1,"latency":2}'],
    [4, '{"fanout":1,,"latency":2},'], [4, '{fanout:1},'], [4, '{"fanout":1],'], [4, '{"fanout":+1},'], [4, '"unended'], [4, '{"a":1,},'],
  ] as const) {
    const text = lines.with(3, wrong).join('\n');
    assert.throws(() => JSON.parse(text), wrong);
    assert.equal(lineOfJsonFault(text), line, wrong);
  }
  assert.equal(lineOfJsonFault(lines.slice(0, 5).join('\n')), 5, 'it only ends too early');
  assert.equal(lineOfJsonFault(`${lines.join('\n')}\n}`), 7, 'something follows');
});

test('the finder of faults accepts what is JSON', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(lineOfJsonFault(`${text}\n\n`), 3)));
});
