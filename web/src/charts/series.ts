// SPDX-License-Identifier: MIT
// Lines over a common axis: power over time, values per layer, runs laid over each other.

import type { Phase } from "../api/schema";
import type { Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import {
  layoutLegend,
  paintAxisX,
  paintAxisY,
  paintLegend,
  paintPlate,
  type LegendLayout,
} from "./base/axis";
import { knownOrNull, stepIndex, type Chart, type Description } from "./base/chart";
import { decimate } from "./base/decimate";
import { inset, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import type { Pen, Stroke } from "./base/pen";
import { nearest, upperBound } from "./base/search";
import { styleStroke, type Style } from "./base/style";
import { extent, linearScale, niceRange, type Range, type Scale } from "./base/ticks";

export interface Series {
  readonly name: string;
  /** Ascending. Series may share one array. */
  readonly x: ArrayLike<number>;
  /** null or NaN where nothing was measured: the line has a gap there. */
  readonly y: ArrayLike<number | null>;
  readonly style: Style;
}

export interface Band {
  readonly label: string;
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
}

export interface SeriesData {
  readonly series: readonly Series[];
  readonly xQuantity: Quantity;
  readonly yQuantity: Quantity;
  /** x counts something, e.g. layers: there is nothing between whole numbers. */
  readonly wholeX?: boolean;
  readonly bands?: readonly Band[];
  /** Horizontal lines, e.g. idle power. */
  readonly levels?: readonly { readonly label: string; readonly value: number }[];
  /** Single points, e.g. the peak. */
  readonly marks?: readonly { readonly label: string; readonly x: number; readonly y: number }[];
  /** Says when the server sent fewer samples than were taken, keeping extremes. */
  readonly decimated?: { readonly shown: number; readonly taken: number } | undefined;
}

export interface SeriesOptions {
  /** Part of the x axis in view. */
  readonly view?: Range | undefined;
  /** Whether the y axis begins at 0; true unless said otherwise. */
  readonly fromZero?: boolean;
}

export interface SeriesLayout {
  readonly plot: Box;
  readonly x: Scale;
  readonly y: Scale;
  /** Per series the indices that are drawn. */
  readonly drawn: readonly (readonly number[])[];
  /** The x of everything drawn, ascending, each once: where the data cursor stops. */
  readonly stops: readonly number[];
  readonly legend: LegendLayout;
}

const LEFT = 56;
const HEADROOM = 32;

/** From the first to the last x, bands included: a sample tells of the time before it too. */
export function seriesExtent(data: SeriesData): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const { from, to } of data.bands ?? []) {
    low = Math.min(low, from);
    high = Math.max(high, to);
  }
  for (const { x } of data.series) {
    if (x.length === 0) continue;
    low = Math.min(low, x[0]!);
    high = Math.max(high, x[x.length - 1]!);
  }
  return low <= high ? [low, low === high ? low + 1 : high] : [0, 1];
}

// What is in view, and a point more on each side so that lines run to the edge.
function inView({ x }: Series, [low, high]: Range): Range {
  return [Math.max(0, upperBound(x, low) - 1), Math.min(x.length, upperBound(x, high) + 1)];
}

// With room above for the names of the bands and the label of a peak.
function valueRange(
  data: SeriesData,
  ranges: readonly Range[],
  fromZero: boolean,
  height: number,
): Range {
  let low = fromZero ? 0 : Infinity;
  let high = -Infinity;
  data.series.forEach(({ y }, i) => {
    const found = extent(y, ...ranges[i]!);
    if (found) [low, high] = [Math.min(low, found[0]), Math.max(high, found[1])];
  });
  for (const { value } of data.levels ?? []) high = Math.max(high, value);
  if (low > high) return [0, 1];
  if (!data.bands?.length || height < 3 * HEADROOM || low === high) return niceRange([low, high]);
  const top = low + ((high - low) * height) / (height - HEADROOM);
  return [niceRange([low, high])[0], Math.max(top, niceRange([low, high])[1])];
}

export function layoutSeries(data: SeriesData, options: SeriesOptions, size: Size): SeriesLayout {
  const legend = layoutLegend(
    data.series.map(({ name }) => ({ label: name, kind: "line" })),
    4,
    size.width - 8,
  );
  const plot = inset(size, LEFT, legend.height + 28, 14, 36);
  const domain = options.view ?? seriesExtent(data);
  const along = linearScale(domain, [plot.x, plot.x + plot.w]);
  const x = data.wholeX
    ? { ...along, ticks: (count: number) => along.ticks(count).filter(Number.isInteger) }
    : along;
  const ranges = data.series.map((series) => inView(series, domain));
  const y = linearScale(valueRange(data, ranges, options.fromZero ?? true, plot.h), [
    plot.y + plot.h,
    plot.y,
  ]);
  const drawn = data.series.map((series, i) => decimate(series.x, series.y, x.at, ...ranges[i]!));
  const stops = new Set<number>();
  drawn.forEach((indices, i) => {
    for (const index of indices) {
      const at = data.series[i]!.x[index]!;
      if (at >= domain[0] && at <= domain[1]) stops.add(at);
    }
  });
  return { plot, x, y, drawn, stops: [...stops].sort((a, b) => a - b), legend };
}

/**
 * How the line of a series is drawn. With more points than pixels it is a hairline: anything wider
 * costs a hundred times as much to rasterise without a graphics card, and shows less.
 */
export function lineStroke(
  layout: SeriesLayout,
  i: number,
  style: Style,
  palette: Palette,
): Stroke {
  const stroke = styleStroke(palette, style);
  return layout.drawn[i]!.length > layout.plot.w ? { ...stroke, width: 1 } : stroke;
}

/** Points of a series' line: x, y in pixels, NaN at gaps. */
export function seriesPoints(
  series: Series,
  drawn: readonly number[],
  x: Scale,
  y: Scale,
): number[] {
  const out: number[] = [];
  for (const index of drawn) {
    const value = series.y[index];
    out.push(x.at(series.x[index]!), value == null ? Number.NaN : y.at(value));
  }
  return out;
}

export function seriesTable(data: SeriesData): Table {
  const all = new Set<number>();
  for (const { x } of data.series) for (let i = 0; i < x.length; i++) all.add(x[i]!);
  const stops = [...all].sort((a, b) => a - b);
  const at = data.series.map(() => 0);
  const rows = stops.map((stop): Cell[] => [
    stop,
    ...data.series.map(({ x, y }, i) => {
      if (x[at[i]!] !== stop) return null;
      return knownOrNull(y[at[i]!++]);
    }),
  ]);
  return {
    columns: [
      { label: data.xQuantity.name, numeric: true },
      ...data.series.map(({ name }) => ({
        label: `${name}, ${data.yQuantity.name}`,
        numeric: true,
      })),
    ],
    rows,
  };
}

/** A target is an x. `lines: false` leaves the lines to another layer. */
export function seriesChart(
  data: SeriesData,
  options: SeriesOptions = {},
  lines = true,
): Chart<SeriesLayout, number> {
  return {
    layout: (size) => layoutSeries(data, options, size),
    paint: (pen, layout, palette) => paintSeries(pen, data, layout, palette, lines),
    hit: ({ plot, x, stops }, px, py) => {
      if (px < plot.x || px > plot.x + plot.w || py < plot.y || py > plot.y + plot.h) return null;
      return stops[nearest(stops, x.invert(px))] ?? null;
    },
    anchor: ({ plot, x }, at) => {
      const px = x.at(at);
      if (px < plot.x - 0.5 || px > plot.x + plot.w + 0.5) return null;
      return { x: px, y: plot.y, w: 0, h: plot.h };
    },
    step: ({ stops }, from, step) => {
      const i = stepIndex(from === null ? null : nearest(stops, from), stops.length, step);
      return i < 0 ? null : stops[i]!;
    },
    describe: (at) => describe(data, at),
    note: () =>
      data.decimated && data.decimated.shown < data.decimated.taken
        ? `${data.decimated.shown} of ${data.decimated.taken} samples, highs and lows kept.`
        : null,
  };
}

function describe(data: SeriesData, at: number): Description {
  const rows = data.series.map(({ name, x, y }) => {
    const index = nearest(x, at);
    const value = index >= 0 ? (y[index] ?? null) : null;
    const text =
      value === null || Number.isNaN(value) ? "not measured" : data.yQuantity.format(value);
    return [name, text] as const;
  });
  const band = data.bands?.find(({ from, to }) => at >= from && at < to);
  return {
    title: `${data.xQuantity.name} ${data.xQuantity.format(at)}`,
    rows: band ? [...rows, ["phase", band.label]] : rows,
  };
}

function paintSeries(
  pen: Pen,
  data: SeriesData,
  layout: SeriesLayout,
  palette: Palette,
  lines: boolean,
): void {
  const { plot, x, y } = layout;
  paintBands(pen, data, layout, palette);
  paintAxisY(pen, plot, y, data.yQuantity, palette);
  paintAxisX(pen, plot, x, data.xQuantity, palette);
  paintLegend(pen, layout.legend, palette, ({ label }) =>
    styleStroke(palette, data.series.find(({ name }) => name === label)?.style ?? "accent"),
  );
  paintLonePoints(pen, data, layout, palette);
  if (lines) {
    pen.clip(plot.x, plot.y - 2, plot.w, plot.h + 4, () => {
      data.series.forEach((series, i) =>
        pen.line(
          seriesPoints(series, layout.drawn[i]!, x, y),
          lineStroke(layout, i, series.style, palette),
        ),
      );
    });
  }
  paintLevels(pen, data, layout, palette);
  paintMarks(pen, data, layout, palette);
}

const LONE_RADIUS = 2.5;

/** Values without a neighbour, which no line shows: as dots. */
function paintLonePoints(pen: Pen, data: SeriesData, layout: SeriesLayout, palette: Palette): void {
  data.series.forEach((series, i) => {
    const points = seriesPoints(series, layout.drawn[i]!, layout.x, layout.y);
    const { color } = styleStroke(palette, series.style);
    const known = (at: number) => Number.isFinite(points[at + 1] ?? Number.NaN);
    for (let at = 0; at < points.length; at += 2) {
      if (known(at) && !known(at - 2) && !known(at + 2))
        pen.dot(points[at]!, points[at + 1]!, LONE_RADIUS, color);
    }
  });
}

function paintBands(pen: Pen, data: SeriesData, { plot, x }: SeriesLayout, palette: Palette): void {
  for (const { label, phase, from, to } of data.bands ?? []) {
    const left = Math.max(plot.x, x.at(from));
    const right = Math.min(plot.x + plot.w, x.at(to));
    if (right <= left) continue;
    pen.rect(left, plot.y, right - left, plot.h, palette.phase[phase]);
    if (pen.measure(label) > right - left - 8) continue;
    pen.text(label, left + 4, plot.y + 8, { color: palette.muted });
  }
}

function paintLevels(
  pen: Pen,
  data: SeriesData,
  { plot, y }: SeriesLayout,
  palette: Palette,
): void {
  for (const { label, value } of data.levels ?? []) {
    const at = Math.round(y.at(value)) + 0.5;
    if (at < plot.y || at > plot.y + plot.h) continue;
    pen.line([plot.x, at, plot.x + plot.w, at], { color: palette.muted, dash: [5, 4] });
    paintPlate(
      pen,
      `${label} ${data.yQuantity.format(value)}`,
      plot.x + plot.w - 4,
      at - 8,
      "right",
      palette,
    );
  }
}

function paintMarks(
  pen: Pen,
  data: SeriesData,
  { plot, x, y }: SeriesLayout,
  palette: Palette,
): void {
  for (const mark of data.marks ?? []) {
    const [at, height] = [x.at(mark.x), y.at(mark.y)];
    if (at < plot.x || at > plot.x + plot.w) continue;
    pen.dot(at, height, 4, palette.text, palette.surface);
    const label = `${mark.label} ${data.yQuantity.format(mark.y)}`;
    const right = at + 8 + pen.measure(label) > plot.x + plot.w;
    paintPlate(
      pen,
      label,
      at + (right ? -8 : 8),
      Math.max(plot.y + 7, height - 8),
      right ? "right" : "left",
      palette,
      true,
    );
  }
}
