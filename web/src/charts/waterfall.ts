// SPDX-License-Identifier: MIT
// Per token: components stacked, and the running total as a line on an axis of its own.

import { quantities, type Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import {
  layoutLegend,
  paintAxisX,
  paintAxisY,
  paintLegend,
  type LegendItem,
  type LegendLayout,
} from "./base/axis";
import { knownOrNull, stepIndex, type Chart } from "./base/chart";
import { componentGroup, GROUPS } from "./base/components";
import { contains, inset, type Box, type Size } from "./base/geometry";
import { componentColors, type Palette } from "./base/palette";
import type { Pen } from "./base/pen";
import { linearScale, niceRange, type Range, type Scale } from "./base/ticks";

export interface WaterfallSeries {
  /** A component's name, or "unattributed". */
  readonly name: string;
  /** Per token; NaN where not known. */
  readonly values: ArrayLike<number>;
}

export interface WaterfallData {
  /** Positions of the tokens, ascending. */
  readonly positions: readonly number[];
  readonly texts: readonly string[];
  readonly series: readonly WaterfallSeries[];
  readonly quantity: Quantity;
}

export interface WaterfallOptions {
  /** First and last token index in view (exclusive); all when absent. */
  readonly view?: Range | undefined;
  /** Series drawn by name; the smaller ones are drawn together as "n others". */
  readonly most?: number;
}

export interface WaterfallBar {
  /** Index of the token drawn; of those that share a pixel the one with the largest sum. */
  readonly token: number;
  readonly x: number;
  readonly w: number;
}

export interface WaterfallLayout {
  readonly plot: Box;
  readonly bars: readonly WaterfallBar[];
  readonly tokensPerBar: number;
  readonly first: number;
  readonly last: number;
  readonly scale: Scale;
  readonly cumulative: Scale;
  /** x, y of the running total after each bar. */
  readonly line: readonly number[];
  readonly legend: LegendLayout;
}

export interface Stack {
  readonly name: string;
  readonly values: Float64Array;
}

const POSITION = quantities.plain("token");

const known = (value: number): number => (value > 0 ? value : 0);

/**
 * At most `most` stacks in the order of a forward pass by group, the smaller series summed as the
 * last.
 */
export function stacks(data: WaterfallData, most: number): Stack[] {
  const count = data.positions.length;
  const columns = data.series.map((series) => ({
    name: series.name,
    values: Float64Array.from({ length: count }, (_, i) => known(series.values[i] ?? 0)),
  }));
  const sums = new Map(columns.map((column) => [column, column.values.reduce((a, b) => a + b, 0)]));
  const ranked = [...columns].sort((a, b) => sums.get(b)! - sums.get(a)!);
  const kept = new Set(ranked.slice(0, ranked.length > most ? most - 1 : most));
  const rest = columns.filter((column) => !kept.has(column));
  const rank = (stack: Stack) => GROUPS.indexOf(componentGroup(stack.name));
  const out = [...kept].sort((a, b) => rank(a) - rank(b) || sums.get(b)! - sums.get(a)!);
  if (rest.length) {
    const values = new Float64Array(count);
    for (const column of rest) for (let i = 0; i < count; i++) values[i]! += column.values[i]!;
    out.push({ name: `${rest.length} others`, values });
  }
  return out;
}

function totals(
  all: readonly Stack[],
  count: number,
): { sums: Float64Array; running: Float64Array } {
  const sums = new Float64Array(count);
  for (const stack of all) for (let i = 0; i < count; i++) sums[i]! += stack.values[i]!;
  const running = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) running[i] = total += sums[i]!;
  return { sums, running };
}

const RUNNING = "running total";

export function layoutWaterfall(
  all: readonly Stack[],
  { sums, running }: ReturnType<typeof totals>,
  view: Range | undefined,
  size: Size,
): WaterfallLayout {
  const items = all.map(({ name }): LegendItem => ({ label: name, kind: "area" }));
  const legend = layoutLegend([...items, { label: RUNNING, kind: "line" }], 4, size.width - 8);
  const plot = inset(size, 56, legend.height + 28, 56, 36);
  const first = Math.max(0, Math.floor(view?.[0] ?? 0));
  const last = Math.max(first, Math.min(sums.length, Math.ceil(view?.[1] ?? sums.length)));
  const count = last - first;
  const tokensPerBar = Math.max(1, Math.ceil(count / plot.w));
  const width = plot.w / Math.max(1, Math.ceil(count / tokensPerBar));
  const bars: WaterfallBar[] = [];
  const line: number[] = [];
  const cumulative = linearScale(niceRange([0, running[last - 1] ?? 1]), [plot.y + plot.h, plot.y]);
  let most = 0;
  for (let from = first; from < last; from += tokensPerBar) {
    let token = from;
    const end = Math.min(last, from + tokensPerBar);
    for (let i = from; i < end; i++) if (sums[i]! > sums[token]!) token = i;
    most = Math.max(most, sums[token]!);
    const x = plot.x + bars.length * width;
    bars.push({ token, x, w: width });
    line.push(x + width, cumulative.at(running[end - 1]!));
  }
  const scale = linearScale(niceRange([0, most || 1]), [plot.y + plot.h, plot.y]);
  return { plot, bars, tokensPerBar, first, last, scale, cumulative, line, legend };
}

export function waterfallTable(data: WaterfallData): Table {
  const unit = data.quantity.name;
  let total = 0;
  const rows = data.positions.map((position, i): Cell[] => {
    const values = data.series.map((series) => series.values[i] ?? Number.NaN);
    for (const value of values) total += known(value);
    return [position, data.texts[i] ?? "", ...values.map(knownOrNull), total];
  });
  return {
    columns: [
      { label: "token", numeric: true },
      { label: "text", numeric: false },
      ...data.series.map(({ name }) => ({ label: `${name}, ${unit}`, numeric: true })),
      { label: `running total, ${unit}`, numeric: true },
    ],
    rows,
  };
}

/** A target is the index of a token. */
export function waterfallChart(
  data: WaterfallData,
  options: WaterfallOptions = {},
): Chart<WaterfallLayout, number> {
  const all = stacks(data, options.most ?? 8);
  const { sums, running } = totals(all, data.positions.length);
  const barOf = (layout: WaterfallLayout, token: number) =>
    layout.bars[Math.floor((token - layout.first) / layout.tokensPerBar)];
  return {
    layout: (size) => layoutWaterfall(all, { sums, running }, options.view, size),
    paint: (pen, layout, palette) => paintWaterfall(pen, data, all, layout, palette),
    hit: ({ plot, bars }, x, y) => {
      if (!contains(plot, x, y) || bars.length === 0) return null;
      return bars[Math.min(bars.length - 1, Math.floor((x - plot.x) / bars[0]!.w))]!.token;
    },
    anchor: (layout, token) => {
      const bar = token >= layout.first && token < layout.last ? barOf(layout, token) : undefined;
      if (!bar) return null;
      const y = layout.scale.at(sums[token]!);
      return { x: bar.x, y, w: bar.w, h: layout.plot.y + layout.plot.h - y };
    },
    step: (_, from, step) => {
      const i = stepIndex(from, data.positions.length, step);
      return i < 0 ? null : i;
    },
    describe: (token) => ({
      title: `token ${data.positions[token]} “${data.texts[token] ?? ""}”`,
      rows: [
        [data.quantity.name, data.quantity.format(sums[token]!)],
        ...[...all]
          .sort((a, b) => b.values[token]! - a.values[token]!)
          .slice(0, 5)
          .map((stack) => [stack.name, data.quantity.format(stack.values[token]!)] as const),
        [RUNNING, data.quantity.format(running[token]!)],
      ],
    }),
    note: (layout) =>
      layout.tokensPerBar > 1
        ? `Each bar shows the costliest of ${layout.tokensPerBar} tokens.`
        : null,
  };
}

function paintWaterfall(
  pen: Pen,
  data: WaterfallData,
  all: readonly Stack[],
  layout: WaterfallLayout,
  palette: Palette,
): void {
  const { plot, bars, scale } = layout;
  const colors = componentColors(
    palette,
    all.map((stack) => stack.name),
  );
  paintLegend(pen, layout.legend, palette, ({ label }) => colors.get(label) ?? lineStroke(palette));
  paintAxisY(pen, plot, scale, data.quantity, palette);
  const base = plot.y + plot.h;
  const gap = bars[0] && bars[0].w >= 4 ? 1 : 0;
  const tops = new Float64Array(bars.length);
  for (const stack of all) {
    const color = colors.get(stack.name)!;
    bars.forEach((bar, i) => {
      const value = stack.values[bar.token]!;
      if (value === 0) return;
      const y0 = scale.at(tops[i]!);
      tops[i]! += value;
      const h = y0 - scale.at(tops[i]!);
      // a line of the surface between stacks, so that neighbours need no contrast of their own
      pen.rect(bar.x, y0 - h, bar.w - gap, h > 3 ? h - 1 : h, color);
    });
  }
  pen.line([plot.x, base, ...layout.line], {
    ...lineStroke(palette),
    color: palette.surface,
    width: 4,
  });
  pen.line([plot.x, base, ...layout.line], lineStroke(palette));
  paintAxisY(pen, plot, layout.cumulative, { ...data.quantity, name: "total" }, palette, "right");
  const positions = linearScale(
    // a bar stands around its position
    [(data.positions[layout.first] ?? 0) - 0.5, (data.positions[layout.last - 1] ?? 0) + 0.5],
    [plot.x, plot.x + plot.w],
  );
  paintAxisX(pen, plot, positions, POSITION, palette);
}

function lineStroke(palette: Palette) {
  return { color: palette.text, width: 1.5 };
}
