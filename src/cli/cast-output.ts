/**
 * What the commands about multicast sessions print: the tree as text, with who helps and what that gains.
 * Names are whatever their owners chose, so they are cleaned before they are shown or drawn.
 */
import type { CastView, MemberView } from '../protocol/alm/session/views.ts';
import { printLine } from './output.ts';
import { shortId, shown } from './text.ts';

const KILO = 1_000;

export function printWhy(view: CastView): void {
  for (const line of whyLines(view)) printLine(line);
}

export function whyLines(view: CastView): string[] {
  const { name, role, root, rateBps, priority } = view;
  const head = `${shown(name)}: this peer is its ${role}; the root is ${shown(root.name)}; priority ${priority}; ${rateBps === 0 ? 'as fast as everybody takes it' : `${rateBps / KILO} kbit/s`}.`;
  if (role !== 'root') {
    return [
      head, view.parent === null ? 'It has no parent now.' : `Parent ${shown(view.parent.name)}, ${view.children.length} children, latency ${ms(view.latencyMs)} (99 %: ${ms(view.latencyHighMs)}).`,
      `${view.bytes} bytes in ${view.chunks} chunks; ${view.refilled} came from an ancestor, ${view.repeated} came twice and were dropped.`, 'The whole tree is known to the root.',
    ];
  }
  return [
    head, `Height ${ms(view.heightMs)}; AMCast on its members ${ms(view.amcastHeightMs)}; no tree of them is below ${ms(view.starBoundMs)}.`,
    ...view.tree.map(lineOf), ...helpLines(view), ...view.gone.map(({ name: gone, why }) => `${shown(gone)} is no member any more: ${shown(why, 200)}.`),
    ...view.awaited.map(({ name: away, forMs }) => `What ${shown(away)} misses is kept for ${Math.ceil(forMs / KILO)} s more, in case it comes back.`),
  ];
}

/** Who helps and why, and what a session of higher priority would cost by taking that. */
function helpLines({ help, heightMs, withoutHelpersMs, priority }: CastView): string[] {
  if (help.length === 0) return ['Nobody helps: no machine that would makes it lower.'];
  const each = help.map(({ name, links, serves, withoutItMs }) => {
    const cost = withoutItMs === null ? 'there is no tree without it' : withoutItMs > heightMs ? `without it the tree is ${ms(withoutItMs)} high, ${ms(withoutItMs - heightMs)} more` : 'without it the tree is no higher';
    return `${shown(name)} helps with ${links} links and serves ${serves.map((one) => shown(one)).join(', ')}: ${cost}.`;
  });
  const above = priority === 1 ? 'Only sessions' : `Sessions of priority ${priority === 2 ? '1' : '1 or 2'}, and those`;
  return [
    `Height ${ms(heightMs)} with helpers; ${withoutHelpersMs === null ? 'without them there is no tree' : `${ms(withoutHelpersMs)} without any`}.`, ...each,
    `${above} of which a helper is itself a member can take its links.`,
  ];
}

function lineOf({ peerId, name, depth, degree, whyFewer, children, plannedMs, latencyMs, isHelper, hasStarted, refilled }: MemberView): string {
  const links = `${children + (depth === 0 ? 0 : 1)} of ${degree} links${whyFewer === '' ? '' : ` (${whyFewer})`}`;
  const state = depth === 0 ? 'root' : `${ms(plannedMs)} planned, ${hasStarted ? `${ms(latencyMs)} measured` : 'not served yet'}`;
  return `${'  '.repeat(depth)}${shown(name)} ${shortId(peerId)}  ${state}, ${links}${isHelper ? ', helper' : ''}${refilled > 0 ? `, ${refilled} chunks refilled` : ''}`;
}

function ms(value: number | null): string {
  return value === null ? 'unknown' : `${Math.round(value * 10) / 10} ms`;
}

const WIDTH = 150;
const HEIGHT = 70;

/** The tree from left to right, one row a leaf. */
export function drawCast({ name, tree }: CastView): string {
  const childrenOf = (id: string): MemberView[] => tree.filter(({ parent }) => parent === id);
  const spots = new Map<string, { readonly x: number; readonly y: number }>();
  let rows = 0;
  const lay = (member: MemberView): number => {
    const below = childrenOf(member.peerId).map(lay);
    const y = below.length === 0 ? rows++ : below.reduce((sum, one) => sum + one, 0) / below.length;
    spots.set(member.peerId, { x: 20 + member.depth * WIDTH, y: 40 + y * HEIGHT });
    return y;
  };
  for (const root of tree.filter(({ parent }) => parent === null)) lay(root);
  const depth = Math.max(0, ...tree.map((member) => member.depth));
  const links = tree.flatMap(({ peerId, parent }) => {
    const [a, b] = [spots.get(parent ?? ''), spots.get(peerId)];
    return a === undefined || b === undefined ? [] : [`<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="#4477aa"/>`];
  });
  const nodes = tree.flatMap((member) => {
    const spot = spots.get(member.peerId);
    if (spot === undefined) return [];
    return [
      `<circle cx="${spot.x}" cy="${spot.y}" r="5" fill="${member.isHelper ? '#dd6622' : '#4477aa'}"/>`,
      `<text x="${spot.x + 9}" y="${spot.y - 8}">${escaped(shown(member.name))}</text><text x="${spot.x + 9}" y="${spot.y + 14}" fill="#666">${ms(member.plannedMs)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${40 + (depth + 1) * WIDTH}" height="${40 + rows * HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>The session ${escaped(shown(name))}</title>`, ...links, ...nodes, '</svg>', '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
