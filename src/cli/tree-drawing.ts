/**
 * The physical tree over the circle of positions, as SVG (Figs 7-9, 12).
 *
 * A machine stands on the circle at its position, 0 at the top and clockwise. A thin spoke leads inwards to its place in the
 * tree: the root in the middle, and one ring further out for each hop. Logical regions nest, so children stand about as their
 * parents do, and links hardly cross. Names keep a distance from one another and are joined to their machines by a line.
 */
import type { MappedMachine, TreeMap } from '../daemon/tree-map.ts';
import { shortId, shown } from './text.ts';

const TURN = 2 * Math.PI;
const RADIUS_MIN = 200;
/** Along the circle of names. */
const NAME_SPACING = 14;
/** Of the circle of names, at most so much is taken: the rest is for standing near the machines. */
const NAMES_SHARE = 0.7;
/** Between the circle of machines and the names. */
const NAME_GAP = 26;
const NAME_CHARACTERS_MAX = 18;
const NAME_WIDTH = 140;
const MARGIN = 16;
const LEGEND_HEIGHT = 44;
/** The deepest machines are still well inside the circle of positions. */
const TREE_SHARE = 0.88;

const STYLE = 'text{font:12px sans-serif;fill:#222}.circle{fill:none;stroke:#999}.ring{fill:none;stroke:#eee}.scale{fill:#888;font-size:10px}'
  + '.spoke,.leader{stroke:#ccc;stroke-width:.7}.link{stroke:#4477aa;stroke-width:1.2}.machine{fill:#fff;stroke:#4477aa;stroke-width:1.5}'
  + '.place{fill:#4477aa}.root{fill:#222;stroke:#222}.self{fill:#dd6622;stroke:#dd6622}.root.self{stroke:#222;stroke-width:3}text.self{stroke:none;font-weight:bold}';

interface Point {
  readonly x: number;
  readonly y: number;
}

export function drawTree({ k, self, machines }: TreeMap): string {
  const depths = machines.map((_, i) => depthOf(machines, i));
  const height = Math.max(0, ...depths);
  const radius = Math.max(RADIUS_MIN, (machines.length * NAME_SPACING) / (TURN * NAMES_SHARE) - NAME_GAP);
  const half = radius + NAME_GAP + NAME_WIDTH + MARGIN;
  const step = (radius * TREE_SHARE) / Math.max(1, height);
  const names = spread(machines.map(({ position }) => position * TURN), NAME_SPACING / (radius + NAME_GAP));
  const nodes = machines.map(({ position }, i) => at(position * TURN, (depths[i] as number) * step));
  const size = Math.ceil(2 * half);
  const marks = machines.map(({ peerId, parent }) => (peerId === self ? ' self' : '') + (parent === null ? ' root' : ''));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size + LEGEND_HEIGHT}" viewBox="${-size / 2} ${-size / 2} ${size} ${size + LEGEND_HEIGHT}">`,
    `<title>The metadata tree of ${machines.length} machines</title>`,
    `<style>${STYLE}</style>`,
    `<rect x="${-size / 2}" y="${-size / 2}" width="${size}" height="${size + LEGEND_HEIGHT}" fill="#fff"/>`,
    ...Array.from({ length: height }, (_, i) => circle({ x: 0, y: 0 }, (i + 1) * step, 'ring')),
    circle({ x: 0, y: 0 }, radius, 'circle'),
    ...['0', '1/4', '1/2', '3/4'].map((share, i) => text(at((i / 4) * TURN, radius - 12), 'scale', share, 'middle')),
    ...machines.map(({ position }, i) => line(nodes[i] as Point, at(position * TURN, radius), 'spoke')),
    ...machines.map(({ position }, i) => line(at(position * TURN, radius), at(names[i] as number, radius + NAME_GAP - 4), 'leader')),
    ...machines.flatMap(({ parent }, i) => (parent === null ? [] : [line(nodes[i] as Point, nodes[parent] as Point, 'link')])),
    ...machines.map(({ position }, i) => circle(at(position * TURN, radius), 3, `place${marks[i]}`)),
    ...machines.map((machine, i) => `<g>${tooltip(machine, depths[i] as number)}${circle(nodes[i] as Point, marks[i] === '' ? 4 : 6, `machine${marks[i]}`)}</g>`),
    ...machines.map((machine, i) => nameAt(names[i] as number, radius + NAME_GAP, nameOf(machine), machine.peerId === self)),
    ...legend(-size / 2 + MARGIN, size / 2, `${machines.length} ${machines.length === 1 ? 'machine' : 'machines'}, k = ${k}, height ${height}`),
    '</svg>',
  ].join('\n');
}

/** Angles as near the wished ones as may be and at least `gap` apart, in the same order round the circle. They all fit. */
export function spread(wished: readonly number[], gap: number): number[] {
  interface Block {
    readonly first: number;
    readonly count: number;
    /** Of its middle. */
    readonly angle: number;
  }
  // Neighbours that stand too close become one block around their mean; that may push it into the next one.
  let blocks: Block[] = wished.map((angle, i) => ({ first: i, count: 1, angle }));
  const isTight = (a: Block, b: Block, turn: number): boolean => b.angle + turn - a.angle < ((a.count + b.count) / 2) * gap - 1e-9;
  const merged = (a: Block, b: Block, turn: number): Block => {
    const count = a.count + b.count;
    // Wishes of the members relative to their places in the block, so that the block settles where they pull it least.
    const angle = ((a.angle + (b.count / 2) * gap) * a.count + (b.angle + turn - (a.count / 2) * gap) * b.count) / count;
    return { first: a.first, count, angle };
  };
  for (;;) {
    const i = blocks.findIndex((block, place) => blocks.length > 1 && isTight(block, blocks[(place + 1) % blocks.length] as Block, place + 1 === blocks.length ? TURN : 0));
    if (i < 0) break;
    const wraps = i + 1 === blocks.length;
    const one = merged(blocks[i] as Block, blocks[(i + 1) % blocks.length] as Block, wraps ? TURN : 0);
    blocks = wraps ? [...blocks.slice(1, -1), one] : [...blocks.slice(0, i), one, ...blocks.slice(i + 2)];
  }
  const angles = new Array<number>(wished.length).fill(0);
  for (const { first, count, angle } of blocks) {
    for (let i = 0; i < count; i++) angles[(first + i) % wished.length] = angle + (i - (count - 1) / 2) * gap;
  }
  return angles;
}

function depthOf(machines: readonly MappedMachine[], machine: number): number {
  let depth = 0;
  for (let up = machines[machine]?.parent; typeof up === 'number' && depth < machines.length; up = machines[up]?.parent) depth++;
  return depth;
}

function at(angle: number, radius: number): Point {
  return { x: radius * Math.sin(angle), y: -radius * Math.cos(angle) };
}

function nameOf({ name, peerId }: MappedMachine): string {
  return shown(name, NAME_CHARACTERS_MAX) || shortId(peerId);
}

function tooltip({ name, peerId, position, level }: MappedMachine, depth: number): string {
  const node = level === null ? 'hosts no logical node' : `level ${level}`;
  return `<title>${escaped(`${shown(name)} (${shortId(peerId)}), position ${position.toFixed(6)}, ${node}, depth ${depth}`)}</title>`;
}

/** Along the radius, and never upside down. */
function nameAt(angle: number, radius: number, name: string, isSelf: boolean): string {
  const { x, y } = at(angle, radius);
  const isLeft = Math.sin(angle) < 0;
  const degrees = (angle * 360) / TURN + (isLeft ? 90 : -90);
  return `<text class="name${isSelf ? ' self' : ''}" transform="translate(${round(x)} ${round(y)}) rotate(${round(degrees)})" dy=".35em" text-anchor="${isLeft ? 'end' : 'start'}">${escaped(name)}</text>`;
}

function legend(left: number, top: number, about: string): string[] {
  const y = top + LEGEND_HEIGHT / 2;
  return [
    text({ x: left, y }, 'about', about, 'start'),
    circle({ x: left + 210, y }, 6, 'machine root'), text({ x: left + 222, y }, 'about', 'the root', 'start'),
    circle({ x: left + 300, y }, 6, 'machine self'), text({ x: left + 312, y }, 'about', 'this peer', 'start'),
  ];
}

function line(a: Point, b: Point, kind: string): string {
  return `<line class="${kind}" x1="${round(a.x)}" y1="${round(a.y)}" x2="${round(b.x)}" y2="${round(b.y)}"/>`;
}

function circle({ x, y }: Point, r: number, kind: string): string {
  return `<circle class="${kind}" cx="${round(x)}" cy="${round(y)}" r="${round(r)}"/>`;
}

function text({ x, y }: Point, kind: string, content: string, anchor: string): string {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" dy=".35em" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
