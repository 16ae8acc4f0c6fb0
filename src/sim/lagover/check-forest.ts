/**
 * What must hold after every round of a LagOver run, computed from the parents alone: no cycle, no fan-out exceeded, delays,
 * roots and limits as the paths say, nobody below an offline peer, and the running counts equal to a recount.
 *
 * Returns sentences, so that a test prints them all at once; it shares no code with what it checks.
 */
import type { Forest } from './forest.ts';
import { FLOATING } from './forest.ts';

export function checkForest(forest: Forest): string[] {
  return [...checkLinks(forest), ...checkPaths(forest), ...checkLimits(forest), ...checkCounts(forest)];
}

function checkLinks(forest: Forest): string[] {
  const faults: string[] = [];
  const children = new Int32Array(forest.peers + 1);
  for (let peer = 1; peer <= forest.peers; peer++) {
    const parent = forest.parent[peer] as number;
    if (parent === FLOATING) continue;
    children[parent] = (children[parent] as number) + 1;
    if (forest.online[peer] === 0) faults.push(`offline peer ${peer} has a parent`);
    if (parent !== 0 && forest.online[parent] === 0) faults.push(`peer ${peer} stands below offline peer ${parent}`);
  }
  for (let node = 0; node <= forest.peers; node++) {
    if ((children[node] as number) > (forest.fanout[node] as number)) faults.push(`node ${node} exceeds its fan-out`);
    if (children[node] !== forest.childCount[node]) faults.push(`node ${node} miscounts its children`);
    const listed = forest.childrenOf(node);
    if (listed.length !== children[node] || listed.some((child) => forest.parent[child] !== node)) faults.push(`node ${node} lists wrong children`);
  }
  return faults;
}

function checkPaths(forest: Forest): string[] {
  const faults: string[] = [];
  for (let peer = 1; peer <= forest.peers; peer++) {
    let at = peer;
    let steps = 0;
    while (at !== 0 && forest.parent[at] !== FLOATING && steps <= forest.peers) {
      at = forest.parent[at] as number;
      steps++;
    }
    if (steps > forest.peers) faults.push(`peer ${peer} hangs on a cycle`);
    else if (forest.root[peer] !== at) faults.push(`peer ${peer} names root ${forest.root[peer]} instead of ${at}`);
    else if (forest.delay[peer] !== (at === 0 ? steps : steps + 1)) faults.push(`peer ${peer} reports a wrong delay`);
  }
  return faults;
}

/** Each limit is the strictest of the peer's own constraint and its children's limits, a hop less: so are all limits right. */
function checkLimits(forest: Forest): string[] {
  const faults: string[] = [];
  for (let peer = 1; peer <= forest.peers; peer++) {
    const limits = forest.childrenOf(peer).map((child) => (forest.limit[child] as number) - 1);
    if (forest.limit[peer] !== Math.min(forest.constraint[peer] as number, ...limits)) faults.push(`peer ${peer} reports a wrong limit`);
  }
  return faults;
}

function checkCounts(forest: Forest): string[] {
  let online = 0;
  let satisfied = 0;
  let open = 0;
  for (let peer = 1; peer <= forest.peers; peer++) {
    if (forest.online[peer] === 0) continue;
    online++;
    if (forest.isSatisfied(peer)) satisfied++;
    if (forest.hasFreeSlot(peer)) open++;
  }
  const faults: string[] = [];
  if (online !== forest.onlineCount || online !== forest.everyone.size) faults.push('the online peers are miscounted');
  if (satisfied !== forest.satisfiedCount) faults.push('the satisfied peers are miscounted');
  if (open !== forest.open.size) faults.push('the peers with free slots are miscounted');
  return faults;
}
