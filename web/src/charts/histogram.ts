// SPDX-License-Identifier: MIT
// How the tokens of one run spread: a histogram with the median and the middle 90 %.

import { quantities, type Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import { paintAxisX, paintAxisY } from "./base/axis";
import { stepIndex, type Chart } from "./base/chart";
import { contains, inset, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import type { Pen } from "./base/pen";
import { extent, linearScale, niceRange, niceStep, type Scale } from "./base/ticks";

export interface HistogramData {
  /** One per token; null or NaN is left out. */
  readonly values: ArrayLike<number | null>;
  readonly quantity: Quantity;
  /** What is counted, e.g. "tokens". */
  readonly kind: string;
}

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface Bins {
  readonly bins: readonly Bin[];
  readonly n: number;
  readonly median: number | null;
  readonly p05: number | null;
  readonly p95: number | null;
}

export interface HistogramLayout {
  readonly plot: Box;
  readonly x: Scale;
  readonly y: Scale;
}

/** Quantile of sorted values, interpolated (type 7). */
export function quantile(sorted: ArrayLike<number>, p: number): number | null {
  if (sorted.length === 0) return null;
  const position = (sorted.length - 1) * p;
  const i = Math.floor(position);
  const low = sorted[i]!;
  return low + (sorted[Math.min(i + 1, sorted.length - 1)]! - low) * (position - i);
}

/** Bins of equal, round width; about as many as the square root of n, at most 40. */
export function histogramBins(values: ArrayLike<number | null>): Bins {
  const sorted = Float64Array.from(
    Array.from(values).filter((value): value is number => value !== null && Number.isFinite(value)),
  ).sort();
  const n = sorted.length;
  const summary = {
    n,
    median: quantile(sorted, 0.5),
    p05: quantile(sorted, 0.05),
    p95: quantile(sorted, 0.95),
  };
  const range = extent(sorted);
  if (!range) return { bins: [], ...summary };
  if (range[0] === range[1])
    return { bins: [{ from: range[0], to: range[1], count: n }], ...summary };
  const step = niceStep(range[1] - range[0], Math.min(40, Math.max(4, Math.ceil(Math.sqrt(n)))));
  const first = Math.floor(range[0] / step);
  const count = Math.max(1, Math.floor(range[1] / step) - first + 1);
  const counts = new Uint32Array(count);
  for (const value of sorted)
    counts[Math.min(count - 1, Math.max(0, Math.floor(value / step) - first))]!++;
  const bins = Array.from(counts, (each, i) => ({
    from: (first + i) * step,
    to: (first + i + 1) * step,
    count: each,
  }));
  return { bins, ...summary };
}

export function layoutHistogram(bins: Bins, size: Size): HistogramLayout {
  const plot = inset(size, 56, 44, 14, 36);
  const first = bins.bins[0];
  const last = bins.bins[bins.bins.length - 1];
  const single = first !== undefined && first.from === last!.to;
  const domain = first
    ? single
      ? niceRange([first.from, first.from])
      : ([first.from, last!.to] as const)
    : ([0, 1] as const);
  const most = Math.max(1, ...bins.bins.map((bin) => bin.count));
  return {
    plot,
    x: linearScale(domain, [plot.x, plot.x + plot.w]),
    y: linearScale(niceRange([0, most]), [plot.y + plot.h, plot.y]),
  };
}

export function histogramTable(data: HistogramData): Table {
  const { bins } = histogramBins(data.values);
  const name = data.quantity.name;
  return {
    columns: [
      { label: `from, ${name}`, numeric: true },
      { label: `to, ${name}`, numeric: true },
      { label: data.kind, numeric: true },
    ],
    rows: bins.map(({ from, to, count }): Cell[] => [from, to, count]),
  };
}

function binBox({ plot, x, y }: HistogramLayout, bin: Bin): Box {
  const left = x.at(bin.from);
  const width = Math.max(2, x.at(bin.to) - left);
  const top = y.at(bin.count);
  return {
    x: bin.to === bin.from ? left - 4 : left,
    y: top,
    w: bin.to === bin.from ? 8 : width,
    h: plot.y + plot.h - top,
  };
}

/** A target is the index of a bin. */
export function histogramChart(data: HistogramData): Chart<HistogramLayout, number> {
  const bins = histogramBins(data.values);
  return {
    layout: (size) => layoutHistogram(bins, size),
    paint: (pen, layout, palette) => paintHistogram(pen, data, bins, layout, palette),
    hit: (layout, x, y) => {
      if (!contains(layout.plot, x, y)) return null;
      const i = bins.bins.findIndex((bin) => {
        const box = binBox(layout, bin);
        return x >= box.x && x < box.x + box.w;
      });
      return i < 0 ? null : i;
    },
    anchor: (layout, i) => (bins.bins[i] ? binBox(layout, bins.bins[i]) : null),
    step: (_, from, step) => {
      const i = stepIndex(from, bins.bins.length, step);
      return i < 0 ? null : i;
    },
    describe: (i) => {
      const { from, to, count } = bins.bins[i]!;
      return {
        title: `${data.quantity.format(from)} to ${data.quantity.format(to)}`,
        rows: [[data.kind, `${count} of ${bins.n}`]],
      };
    },
  };
}

function paintHistogram(
  pen: Pen,
  data: HistogramData,
  bins: Bins,
  layout: HistogramLayout,
  palette: Palette,
): void {
  const { plot, x, y } = layout;
  paintAxisY(pen, plot, y, quantities.plain(data.kind), palette);
  for (const bin of bins.bins) {
    const box = binBox(layout, bin);
    if (bin.count > 0) pen.rect(box.x, box.y, box.w > 3 ? box.w - 1 : box.w, box.h, palette.accent);
  }
  paintAxisX(pen, plot, x, data.quantity, palette);
  if (bins.median === null || bins.p05 === null || bins.p95 === null) return;
  const strip = plot.y - 9;
  pen.line([x.at(bins.p05), strip, x.at(bins.p95), strip], { color: palette.text, width: 1.5 });
  for (const end of [bins.p05, bins.p95]) {
    pen.line([x.at(end), strip - 4, x.at(end), strip + 4], { color: palette.text, width: 1.5 });
  }
  pen.dot(x.at(bins.median), strip, 4, palette.text, palette.surface);
  const [median, low, high] = [bins.median, bins.p05, bins.p95].map(data.quantity.format);
  const label = `median ${median}, 90 % within ${low} to ${high}`;
  pen.text(fitEnd(pen, label, plot.w * 0.7), plot.x + plot.w, 9, {
    color: palette.text,
    align: "right",
  });
}

function fitEnd(pen: Pen, label: string, width: number): string {
  return pen.measure(label) <= width ? label : label.split(",")[0]!;
}
