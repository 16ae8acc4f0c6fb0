/**
 * Charts as plain SVG text: lines over two axes, and runs as dots with their median. Panels stand side by side.
 *
 * Nothing but strings, so that a figure is a small file that one can read and compare. Colours are Okabe and Ito's, which
 * stay apart for colour-blind readers; a series keeps its colour in all panels of a chart.
 */
export interface Axis {
  readonly label: string;
  readonly log?: boolean;
  readonly min?: number;
  readonly max?: number;
}

export interface LineSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface DotSeries {
  readonly name: string;
  readonly values: readonly number[];
}

export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly panels: readonly { readonly title: string; readonly series: readonly LineSeries[] }[];
}

export interface DotChart {
  readonly title: string;
  readonly y: Axis;
  /** Runs that reached it did not converge; they are drawn hollow. */
  readonly limit: number;
  readonly panels: readonly { readonly title: string; readonly groups: readonly { readonly label: string; readonly series: readonly DotSeries[] }[] }[];
}

const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const PANEL = { width: 340, height: 260 };
const MARGIN = { left: 58, right: 14, top: 62, bottom: 50 };

export function lineChart({ title, x, y, panels }: LineChart): string {
  const all = panels.flatMap((panel) => panel.series.flatMap((series) => series.points));
  const xScale = scaleOf(x, all.map(([value]) => value), 0, PANEL.width);
  const yScale = scaleOf(y, all.map(([, value]) => value), PANEL.height, 0);
  const names = namesOf(panels.flatMap((panel) => panel.series));
  const drawn = panels.map((panel) => [
    ...frame(panel.title, yScale),
    ...xScale.ticks.map((tick) => text(xScale.at(tick), PANEL.height + 16, shortNumber(tick), 'middle')),
    text(PANEL.width / 2, PANEL.height + 36, x.label, 'middle'),
    ...panel.series.map((series) => {
      const path = series.points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${fixed(xScale.at(px))} ${fixed(yScale.at(py))}`).join('');
      return `<path d="${path}" fill="none" stroke="${colourOf(names, series.name)}" stroke-width="1.6"/>`;
    }),
  ]);
  return document(title, y.label, names, drawn);
}

export function dotChart({ title, y, limit, panels }: DotChart): string {
  const series = panels.flatMap((panel) => panel.groups.flatMap((group) => group.series));
  const yScale = scaleOf(y, series.flatMap((one) => one.values), PANEL.height, 0);
  const names = namesOf(series);
  const drawn = panels.map((panel) => {
    const groupWidth = PANEL.width / panel.groups.length;
    const lane = groupWidth / (names.length + 1);
    return [
      ...frame(panel.title, yScale),
      ...panel.groups.flatMap((group, index) => [
        text((index + 0.5) * groupWidth, PANEL.height + 16, group.label, 'middle'),
        ...group.series.flatMap((one) => {
          const middle = index * groupWidth + lane * (names.indexOf(one.name) + 1);
          return dots(one, middle, lane, limit, yScale, colourOf(names, one.name));
        }),
      ]),
    ];
  });
  return document(title, y.label, names, drawn);
}

/** All runs a little apart, and their median as a bar. */
function dots({ values }: DotSeries, middle: number, lane: number, limit: number, yScale: Scale, colour: string): string[] {
  if (values.length === 0) return [];
  const sorted = [...values].sort((a, b) => a - b);
  const marks = sorted.map((value, rank) => {
    const x = middle + ((rank % 5) - 2) * Math.min(2.2, lane / 8);
    const filled = value < limit;
    return `<circle cx="${fixed(x)}" cy="${fixed(yScale.at(value))}" r="1.5" fill="${filled ? colour : 'none'}" stroke="${colour}" stroke-width="0.6" fill-opacity="0.45"/>`;
  });
  const median = yScale.at(sorted[Math.floor(sorted.length / 2)] as number);
  const half = Math.min(9, lane / 2.2);
  marks.push(`<line x1="${fixed(middle - half)}" x2="${fixed(middle + half)}" y1="${fixed(median)}" y2="${fixed(median)}" stroke="${colour}" stroke-width="2.2"/>`);
  return marks;
}

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf(axis: Axis, values: readonly number[], from: number, to: number): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (axis.log !== true || value > 0));
  let low = axis.min ?? finite.reduce((least, value) => Math.min(least, value), Infinity);
  let high = axis.max ?? finite.reduce((most, value) => Math.max(most, value), -Infinity);
  if (finite.length === 0) [low, high] = [axis.log === true ? 1 : 0, 10];
  if (axis.log === true) {
    low = 10 ** Math.floor(Math.log10(low));
    high = Math.max(low * 10, 10 ** Math.ceil(Math.log10(high) - 1e-9));
    const span = Math.log10(high / low);
    const ticks = Array.from({ length: Math.round(span) + 1 }, (_, power) => low * 10 ** power);
    return { ticks, at: (value) => from + ((to - from) * Math.log10(Math.max(value, low) / low)) / span };
  }
  const step = niceStep((high - low) / 5 || 1);
  const start = Math.floor(low / step + 1e-9) * step;
  const end = Math.ceil(high / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round((end - start) / step) + 1 }, (_, index) => start + index * step);
  return { ticks, at: (value) => from + ((to - from) * (Math.max(value, start) - start)) / (end - start) };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

function frame(title: string, yScale: Scale): string[] {
  return [
    text(PANEL.width / 2, -8, title, 'middle', 'bold'),
    ...yScale.ticks.flatMap((tick) => [
      `<line x1="0" x2="${PANEL.width}" y1="${fixed(yScale.at(tick))}" y2="${fixed(yScale.at(tick))}" stroke="#ddd"/>`,
      text(-6, yScale.at(tick) + 4, shortNumber(tick), 'end'),
    ]),
    `<rect width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#666"/>`,
  ];
}

function document(title: string, yLabel: string, names: readonly string[], panels: readonly (readonly string[])[]): string {
  const outerWidth = MARGIN.left + PANEL.width + MARGIN.right;
  const width = outerWidth * panels.length;
  const height = MARGIN.top + PANEL.height + MARGIN.bottom;
  const legend = names.map((name, index) => {
    const x = MARGIN.left + index * 150;
    return `<rect x="${x}" y="26" width="10" height="10" fill="${colourOf(names, name)}"/>${text(x + 15, 35, name, 'start')}`;
  });
  const bodies = panels.map((lines, index) => `<g transform="translate(${index * outerWidth + MARGIN.left} ${MARGIN.top})">\n${lines.join('\n')}\n</g>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(MARGIN.left, 16, title, 'start', 'bold'),
    ...legend,
    `<g transform="translate(14 ${MARGIN.top + PANEL.height / 2}) rotate(-90)">${text(0, 0, yLabel, 'middle')}</g>`,
    ...bodies,
    '</svg>\n',
  ].join('\n');
}

function namesOf(series: readonly { readonly name: string }[]): string[] {
  return [...new Set(series.map(({ name }) => name))];
}

function colourOf(names: readonly string[], name: string): string {
  return COLOURS[names.indexOf(name) % COLOURS.length] as string;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', weight = 'normal'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}"${weight === 'normal' ? '' : ` font-weight="${weight}"`}>${escaped}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
