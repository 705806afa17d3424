// SPDX-License-Identifier: MIT
// Throughput against energy, with the front of runs that no other run beats in both.

import type { Quantity } from "../format/units";
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
import { inset, overlaps, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, FONT, type Pen } from "./base/pen";
import { extent, linearScale, logScale, niceRange, type Range, type Scale } from "./base/ticks";

export interface ScatterPoint {
  readonly key: string;
  readonly label: string;
  /** More is better, e.g. tokens/s; null: not drawn. */
  readonly x: number | null;
  /** Less is better, e.g. J/token; null: not drawn. */
  readonly y: number | null;
  /** Selected or in focus elsewhere on the page. */
  readonly strong?: boolean;
}

export interface ScatterData {
  readonly points: readonly ScatterPoint[];
  readonly xQuantity: Quantity;
  readonly yQuantity: Quantity;
}

export interface ScatterDot {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly front: boolean;
}

export interface ScatterLayout {
  readonly plot: Box;
  readonly x: Scale;
  readonly y: Scale;
  /** Ascending x. */
  readonly dots: readonly ScatterDot[];
  /** Corners of the front, left to right. */
  readonly front: readonly number[];
  readonly legend: LegendLayout;
}

const FRONT = "Pareto front";
const OTHER = "other runs";
const STRONG = "selected";
const BETTER = "faster and less energy ↘";
const RADIUS = 5;

const placeable = ({ x, y }: ScatterPoint): boolean =>
  x !== null && y !== null && Number.isFinite(x) && Number.isFinite(y);

/**
 * Indices of the points which no other point beats in one and equals or beats in the other, by
 * descending x.
 */
export function paretoFront(points: readonly ScatterPoint[]): number[] {
  const order = points
    .map((_, i) => i)
    .filter((i) => placeable(points[i]!))
    .sort((a, b) => points[b]!.x! - points[a]!.x! || points[a]!.y! - points[b]!.y!);
  const out: number[] = [];
  let best = Infinity;
  let bestX = Number.NaN;
  for (const i of order) {
    const { x, y } = points[i]!;
    if (y! < best || (y === best && x === bestX)) {
      out.push(i);
      best = y!;
      bestX = x!;
    }
  }
  return out;
}

// Logarithmic where values span more than a decade and a half; linear from 0 otherwise.
function scaleFor(values: readonly number[], pixels: Range): Scale {
  const range = extent(values) ?? [0, 1];
  if (range[0] > 0 && range[1] / range[0] > 30)
    return logScale([range[0] * 0.8, range[1] * 1.25], pixels);
  return linearScale(niceRange([Math.min(0, range[0]), range[1] * 1.05 || 1]), pixels);
}

export function layoutScatter(data: ScatterData, size: Size): ScatterLayout {
  const items: LegendItem[] = [FRONT, OTHER].map((label) => ({ label, kind: "dot" }));
  if (data.points.some((point) => point.strong)) items.push({ label: STRONG, kind: "dot" });
  const legend = layoutLegend(items, 4, size.width - 8);
  const plot = inset(size, 56, legend.height + 28, 20, 36);
  const real = data.points.filter(placeable);
  const x = scaleFor(
    real.map((point) => point.x!),
    [plot.x, plot.x + plot.w],
  );
  const y = scaleFor(
    real.map((point) => point.y!),
    [plot.y + plot.h, plot.y],
  );
  const front = new Set(paretoFront(data.points));
  const dots = data.points
    .map((point, index) => ({ point, index }))
    .filter(({ point }) => placeable(point))
    .map(({ point, index }) => ({
      index,
      x: x.at(point.x!),
      y: y.at(point.y!),
      front: front.has(index),
    }))
    .sort((a, b) => a.x - b.x || a.y - b.y);
  return {
    plot,
    x,
    y,
    dots,
    front: staircase(
      plot,
      dots.filter((dot) => dot.front),
    ),
    legend,
  };
}

// What the front dominates is a region with square corners, so the line has them too.
function staircase(plot: Box, dots: readonly ScatterDot[]): number[] {
  const out: number[] = [];
  dots.forEach((dot, i) => {
    if (i > 0) out.push(dots[i - 1]!.x, dot.y);
    if (i === 0) out.push(plot.x, dot.y);
    out.push(dot.x, dot.y);
  });
  const last = dots[dots.length - 1];
  if (last) out.push(last.x, plot.y);
  return out;
}

export function scatterTable(data: ScatterData): Table {
  const front = new Set(paretoFront(data.points));
  return {
    columns: [
      { label: "run", numeric: false },
      { label: data.xQuantity.name, numeric: true },
      { label: data.yQuantity.name, numeric: true },
      { label: "on the Pareto front", numeric: false },
    ],
    rows: data.points.map(({ label, x, y }, i): Cell[] => [
      label,
      knownOrNull(x),
      knownOrNull(y),
      front.has(i) ? "yes" : "no",
    ]),
  };
}

/** A target is the index of a point. */
export function scatterChart(data: ScatterData): Chart<ScatterLayout, number> {
  const at = (layout: ScatterLayout, index: number) =>
    layout.dots.find((dot) => dot.index === index);
  return {
    layout: (size) => layoutScatter(data, size),
    paint: (pen, layout, palette) => paintScatter(pen, data, layout, palette),
    hit: ({ dots }, x, y) => {
      let best: ScatterDot | null = null;
      let distance = 14;
      for (const dot of dots) {
        const away = Math.hypot(dot.x - x, dot.y - y);
        if (away <= distance) [best, distance] = [dot, away];
      }
      return best?.index ?? null;
    },
    anchor: (layout, index) => {
      const dot = at(layout, index);
      return dot ? { x: dot.x - 8, y: dot.y - 8, w: 16, h: 16 } : null;
    },
    step: (layout, from, step) => {
      const i = from === null ? null : layout.dots.findIndex((dot) => dot.index === from);
      return layout.dots[stepIndex(i, layout.dots.length, step)]?.index ?? null;
    },
    describe: (index, layout) => {
      const point = data.points[index]!;
      return {
        title: point.label,
        rows: [
          [data.xQuantity.name, data.xQuantity.format(point.x)],
          [data.yQuantity.name, data.yQuantity.format(point.y)],
          ["Pareto front", at(layout, index)?.front ? "yes: no run is better in both" : "no"],
        ],
      };
    },
    note: (layout) => {
      const left = data.points.length - layout.dots.length;
      return left > 0
        ? `Not shown: ${left} of ${data.points.length} runs, without energy or speed.`
        : null;
    },
  };
}

function paintScatter(pen: Pen, data: ScatterData, layout: ScatterLayout, palette: Palette): void {
  const { plot, x, y, dots, front } = layout;
  paintAxisY(pen, plot, y, data.yQuantity, palette);
  paintAxisX(pen, plot, x, data.xQuantity, palette);
  const colors: Record<string, string> = {
    [FRONT]: palette.run[2]!,
    [OTHER]: palette.lineStrong,
    [STRONG]: palette.run[0]!,
  };
  paintLegend(pen, layout.legend, palette, ({ label }) => colors[label]!);
  pen.clip(plot.x, plot.y, plot.w, plot.h, () =>
    pen.line(front, { color: palette.run[2]!, width: 1.5, dash: [6, 3] }),
  );
  pen.text(BETTER, plot.x + plot.w - 4, plot.y + plot.h - 9, {
    color: palette.muted,
    align: "right",
  });
  const plain = dots.filter((dot) => !dot.front);
  for (const dot of plain) pen.dot(dot.x, dot.y, RADIUS - 1, palette.lineStrong, palette.surface);
  const best = dots.filter((dot) => dot.front);
  for (const dot of best) pen.dot(dot.x, dot.y, RADIUS, palette.run[2]!, palette.surface);
  for (const dot of dots) {
    if (data.points[dot.index]!.strong)
      pen.dot(dot.x, dot.y, RADIUS + 1, palette.run[0]!, palette.text);
  }
  paintLabels(pen, data, [...best, ...plain], layout, palette);
}

// The front first, then the rest while they collide with nothing.
function paintLabels(
  pen: Pen,
  data: ScatterData,
  order: readonly ScatterDot[],
  { plot, dots, front }: ScatterLayout,
  palette: Palette,
): void {
  const taken: Box[] = dots.map((dot) => ({ x: dot.x - 5, y: dot.y - 5, w: 10, h: 10 }));
  const better = pen.measure(BETTER);
  taken.push({ x: plot.x + plot.w - 4 - better, y: plot.y + plot.h - 15, w: better, h: 12 });
  for (let i = 0; i + 3 < front.length; i += 2) {
    const [x0, y0, x1, y1] = front.slice(i, i + 4) as [number, number, number, number];
    taken.push({
      x: Math.min(x0, x1) - 2,
      y: Math.min(y0, y1) - 2,
      w: Math.abs(x1 - x0) + 4,
      h: Math.abs(y1 - y0) + 4,
    });
  }
  for (const dot of order.slice(0, 60)) {
    const text = fitText(pen, data.points[dot.index]!.label, 140);
    const w = pen.measure(text, FONT, dot.front);
    const places = [
      { x: dot.x + 8, y: dot.y - 6, w, h: 12 },
      { x: dot.x - 8 - w, y: dot.y - 6, w, h: 12 },
      { x: dot.x - w / 2, y: dot.y - 20, w, h: 12 },
      { x: dot.x - w / 2, y: dot.y + 8, w, h: 12 },
    ];
    const free = places.find(
      (box) =>
        box.x >= plot.x &&
        box.x + w <= plot.x + plot.w + 18 &&
        box.y >= plot.y - 12 &&
        box.y + 12 <= plot.y + plot.h &&
        !taken.some((other) => overlaps(box, other)),
    );
    if (!free) continue;
    taken.push(free);
    pen.text(text, free.x, free.y + 6, { color: palette.text, bold: dot.front });
  }
}
