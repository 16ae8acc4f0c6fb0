/**
 * The picture that `grove demo` draws: progress, requests over time beside what direct polling would cost, the tree, staleness.
 * Pure: a look in, lines out; the second line says the most important by itself, for whoever has no terminal.
 */
import type { DemoLook } from '../daemon/demo/demo.ts';
import { strong } from './output.ts';
import { shown } from './text.ts';

const BAR = 40;
const LEVELS = ' ▁▂▃▄▅▆▇█';
const TREE_LINES_MAX = 30;
const LABEL = 22;

export function drawDemo(look: DemoLook, seconds: number): string[] {
  const { phase, peers, wanted, originRequests, directWouldBe, figures, killed, rejoined, added, published } = look;
  if (phase === 'starting') return [strong('Grove: one feed, many readers'), `starting peers  ${bar(peers / wanted)} ${peers} of ${wanted}`];
  const { stalenessMs, pushMs, missedItems, duplicateItems } = figures;
  return [
    strong('Grove: one feed, many readers'),
    `${Math.round(look.elapsedSeconds)} s: ${peers} peers, the origin was asked ${originRequests} times; directly it would have been ${directWouldBe}`,
    '',
    field('time', `${bar(look.elapsedSeconds / seconds)} ${phase === 'settling' ? 'no new items any more: the last ones arrive' : ''}`),
    field('asked, over time', spark(look.requestsBySlice)),
    field('polls a minute', `${rate(originRequests, look.elapsedSeconds)} with Grove, ${rate(directWouldBe, look.elapsedSeconds)} without`),
    field('items published', String(published)),
    field('age on arrival', `${ms(stalenessMs.p50)} median, ${ms(stalenessMs.p99)} p99`),
    field('first to last peer', `${ms(pushMs.p50)} median, ${ms(pushMs.p99)} p99`),
    field('killed, back, new', `${killed}, ${rejoined}, ${added}`),
    field('missing, seen twice', `${missedItems}${missedItems > 0 ? ' (on their way)' : ''}, ${duplicateItems}`),
    '',
    ...drawPlaces(look),
  ];
}

function field(name: string, value: string): string {
  return `${name.padEnd(LABEL)}${value}`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
}

function spark(values: readonly number[]): string {
  const most = Math.max(1, ...values);
  return values.map((value) => LEVELS[Math.ceil((value / most) * (LEVELS.length - 1))] ?? ' ').join('');
}

function rate(requests: number, seconds: number): string {
  return seconds < 1 ? '-' : String(Math.round((requests / seconds) * 60));
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value} ms`;
}

/** Pollers first, whoever has its versions from them below. */
function drawPlaces({ tree }: DemoLook): string[] {
  const nameOf = (peer: number): string => `peer-${peer}`;
  const children = new Map<string, string[]>();
  const roots: string[] = [];
  const roles = new Map(tree.map(({ peer, role }) => [nameOf(peer), role]));
  for (const { peer, parent } of tree) {
    if (parent === undefined || !roles.has(parent)) roots.push(nameOf(peer));
    else children.set(parent, [...(children.get(parent) ?? []), nameOf(peer)]);
  }
  const lines: string[] = [];
  const drawn = new Set<string>();
  const draw = (name: string, depth: number): void => {
    if (drawn.has(name)) return;
    drawn.add(name);
    lines.push(`${'  '.repeat(depth)}${depth === 0 ? '' : '└ '}${shown(name)}${roles.get(name) === 'poller' ? ' (polls)' : ''}`);
    for (const child of children.get(name) ?? []) draw(child, depth + 1);
  };
  for (const root of roots) draw(root, 0);
  // Peers are looked at one after the other: two may name each other for a moment.
  for (const name of roles.keys()) draw(name, 0);
  return lines.length <= TREE_LINES_MAX ? lines : [...lines.slice(0, TREE_LINES_MAX), `and ${lines.length - TREE_LINES_MAX} more`];
}
