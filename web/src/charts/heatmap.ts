// SPDX-License-Identifier: MIT
// Matrix of cells, e.g. layer × component: one image, scaled to the plot without smoothing.

import type { Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import { paintColorBar, ROW } from "./base/axis";
import { knownOrNull, roughWidth, type Chart, type Step } from "./base/chart";
import type { ColorTable } from "./base/color";
import { componentGroup, GROUP_LABEL, type Group } from "./base/components";
import { contains, inset, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen, type Pixels } from "./base/pen";
import { linearScale, logScale, niceStep, type Range, type Scale } from "./base/ticks";

export interface HeatmapData {
  /** Row names, top first. */
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** rows × columns, row after row; NaN where nothing was measured. */
  readonly values: Float32Array | Float64Array;
  readonly quantity: Quantity;
  /** What a row and a column are, e.g. "layer" and "component". */
  readonly rowKind: string;
  readonly columnKind: string;
}

export interface HeatmapOptions {
  readonly scale?: "linear" | "log";
  /** Values are differences: colours go both ways from 0. */
  readonly difference?: boolean;
  /**
   * Keeps colours comparable between several heatmaps or tokens; the data's own extent otherwise.
   */
  readonly domain?: Range | undefined;
  /** The colour table, "energy" for energy and power, "other" for everything else. */
  readonly colors?: "energy" | "other";
}

export interface HeatmapCell {
  readonly row: number;
  readonly column: number;
}

/**
 * Several rows or columns share a pixel when there are more than pixels; then the farthest from 0
 * is shown.
 */
export interface HeatmapLayout {
  readonly plot: Box;
  readonly bar: Box;
  readonly rowsPerPixel: number;
  readonly columnsPerPixel: number;
  /** Values of the image, after sharing. */
  readonly image: {
    readonly width: number;
    readonly height: number;
    readonly values: Float32Array | Float64Array;
  };
  readonly domain: Range | null;
  readonly missing: number;
  readonly labelsTurned: boolean;
}

const BAR = 12;
const LABEL = 124;
const RIGHT = 88;
/** Room for the names of groups above the plot. */
const TOP = 24;

interface Survey {
  readonly range: Range | null;
  /** The smallest positive value; Infinity when there is none. */
  readonly leastPositive: number;
  readonly missing: number;
}

// One pass over what may be very many cells.
function survey(values: HeatmapData["values"]): Survey {
  let low = Infinity;
  let high = -Infinity;
  let leastPositive = Infinity;
  let missing = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
    if (value > 0 && value < leastPositive) leastPositive = value;
    if (value !== value) missing++;
  }
  return { range: low <= high ? [low, high] : null, leastPositive, missing };
}

function colorDomain(found: Survey, options: HeatmapOptions): Range | null {
  const range = options.domain ?? found.range;
  if (!range) return null;
  if (options.difference) {
    const far = Math.max(Math.abs(range[0]), Math.abs(range[1])) || 1;
    return [-far, far];
  }
  const high = range[1] > 0 ? range[1] : 1;
  if (options.scale !== "log") return [Math.min(0, range[0]), high];
  const low = Math.min(range[0] > 0 ? range[0] : found.leastPositive, high);
  return [low < high ? low : high / 10, high];
}

// The farthest from 0 of each block, NaN where the whole block is.
function share(data: HeatmapData, down: number, across: number): HeatmapLayout["image"] {
  const height = Math.ceil(data.rows.length / down);
  const width = Math.ceil(data.columns.length / across);
  if (down === 1 && across === 1) return { width, height, values: data.values };
  const values = new Float64Array(width * height).fill(Number.NaN);
  const count = data.columns.length;
  for (let row = 0; row < data.rows.length; row++) {
    const target = Math.floor(row / down) * width;
    for (let column = 0; column < count; column++) {
      const value = data.values[row * count + column]!;
      const at = target + Math.floor(column / across);
      const held = values[at]!;
      if (Number.isNaN(held) || Math.abs(value) > Math.abs(held)) values[at] = value;
    }
  }
  return { width, height, values };
}

export function layoutHeatmap(
  data: HeatmapData,
  options: HeatmapOptions,
  size: Size,
): HeatmapLayout {
  const widest = (names: readonly string[]) =>
    Math.min(LABEL, Math.max(0, ...sample(names).map((n) => roughWidth(n))));
  const left = Math.max(34, widest(data.rows) + 12);
  const columnLabel = widest(data.columns);
  const room = (size.width - left - RIGHT) / Math.max(1, data.columns.length);
  const numbered = isNumbered(data.columns);
  const labelsTurned = !numbered && room < columnLabel + 8;
  const bottom = labelsTurned ? columnLabel * 0.72 + 22 : ROW + 18;
  const margin = labelsTurned ? turnedMargin(data.columns, size.width - RIGHT) : 0;
  const plot = inset(size, Math.max(left, margin), TOP, RIGHT, bottom);
  const rowsPerPixel = Math.max(1, Math.ceil(data.rows.length / plot.h));
  const columnsPerPixel = Math.max(1, Math.ceil(data.columns.length / plot.w));
  const found = survey(data.values);
  return {
    plot,
    bar: {
      x: plot.x + plot.w + 14,
      y: plot.y,
      w: BAR,
      h: Math.max(1, Math.min(plot.h - (found.missing ? 36 : 0), 220)),
    },
    rowsPerPixel,
    columnsPerPixel,
    image: share(data, rowsPerPixel, columnsPerPixel),
    domain: colorDomain(found, options),
    missing: found.missing,
    labelsTurned,
  };
}

// The margin that the names of the first columns, turned by 45°, need to the left of the plot. `width` is that of
// margin and plot together; a name ends below the middle of its column.
function turnedMargin(names: readonly string[], width: number): number {
  const margin = (name: string, i: number) => {
    const middle = (i + 0.5) / names.length;
    return (Math.min(LABEL, roughWidth(name)) * 0.72 - middle * width) / (1 - middle);
  };
  return Math.max(0, ...names.slice(0, 20).map(margin));
}

// Of very many names a few tell how wide they are.
function sample(names: readonly string[]): readonly string[] {
  return names.length <= 200
    ? names
    : names.filter((_, i) => i % 50 === 0 || i === names.length - 1);
}

function isNumbered(names: readonly string[]): boolean {
  return sample(names).every((name) => /^-?\d+$/.test(name));
}

/** Colour of every pixel of the image; transparent where nothing was measured. */
export function heatmapPixels(layout: HeatmapLayout, table: ColorTable, log: boolean): Pixels {
  const { width, height, values } = layout.image;
  const pixels = new Uint32Array(width * height);
  const bytes = new Uint8ClampedArray(pixels.buffer);
  if (!layout.domain) return { width, height, data: bytes };
  const low = log ? Math.log(layout.domain[0]) : layout.domain[0];
  const high = log ? Math.log(layout.domain[1]) : layout.domain[1];
  const factor = 255 / (high - low || 1);
  const colors = table.pixels;
  for (let i = 0; i < pixels.length; i++) {
    const value = values[i]!;
    if (value !== value) continue;
    const at = ((log ? (value > 0 ? Math.log(value) : low) : value) - low) * factor;
    pixels[i] = colors[at <= 0 ? 0 : at >= 255 ? 255 : (at + 0.5) | 0]!;
  }
  return { width, height, data: bytes };
}

function colorScale(layout: HeatmapLayout, log: boolean): Scale {
  const pixels: Range = [layout.bar.y + layout.bar.h, layout.bar.y];
  const domain = layout.domain ?? [0, 1];
  return log ? logScale(domain, pixels) : linearScale(domain, pixels);
}

export function heatmapTable(data: HeatmapData): Table {
  const rows: Cell[][] = data.rows.map((name, row) => [
    name,
    ...data.columns.map((_, column) =>
      knownOrNull(data.values[row * data.columns.length + column]),
    ),
  ]);
  const unit = data.quantity.name;
  return {
    columns: [
      { label: data.rowKind, numeric: false },
      ...data.columns.map((name) => ({ label: `${name}, ${unit}`, numeric: true })),
    ],
    rows,
  };
}

export function heatmapChart(
  data: HeatmapData,
  options: HeatmapOptions = {},
): Chart<HeatmapLayout, HeatmapCell> {
  const log = options.scale === "log" && !options.difference;
  const { rows, columns } = data;
  return {
    layout: (size) => layoutHeatmap(data, options, size),
    paint: (pen, layout, palette) => paintHeatmap(pen, data, options, log, layout, palette),
    hit: ({ plot }, x, y) =>
      rows.length && columns.length && contains(plot, x, y)
        ? {
            row: Math.min(rows.length - 1, Math.floor(((y - plot.y) / plot.h) * rows.length)),
            column: Math.min(
              columns.length - 1,
              Math.floor(((x - plot.x) / plot.w) * columns.length),
            ),
          }
        : null,
    anchor: ({ plot }, cell) =>
      cell.row < rows.length && cell.column < columns.length
        ? {
            x: plot.x + (cell.column / columns.length) * plot.w,
            y: plot.y + (cell.row / rows.length) * plot.h,
            w: plot.w / columns.length,
            h: plot.h / rows.length,
          }
        : null,
    step: (_, from, step) => stepCell(rows.length, columns.length, from, step),
    describe: ({ row, column }) => {
      const value = data.values[row * columns.length + column]!;
      return {
        title: `${data.rowKind} ${rows[row]}, ${columns[column]}`,
        rows: [
          [data.quantity.name, Number.isNaN(value) ? "not measured" : data.quantity.format(value)],
        ],
      };
    },
    note: (layout) => sharedNote(data, layout),
  };
}

function sharedNote(data: HeatmapData, layout: HeatmapLayout): string | null {
  const parts: string[] = [];
  if (layout.columnsPerPixel > 1) parts.push(`${layout.columnsPerPixel} ${data.columnKind}s`);
  if (layout.rowsPerPixel > 1) parts.push(`${layout.rowsPerPixel} ${data.rowKind}s`);
  return parts.length ? `Each pixel shows the largest of ${parts.join(" × ")}.` : null;
}

function stepCell(
  rows: number,
  columns: number,
  from: HeatmapCell | null,
  step: Step,
): HeatmapCell | null {
  if (rows === 0 || columns === 0) return null;
  if (!from) return { row: 0, column: 0 };
  const clamp = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
  const across = { left: -1, right: 1, up: 0, down: 0, first: -columns, last: columns }[step];
  const down = { left: 0, right: 0, up: -1, down: 1, first: 0, last: 0 }[step];
  return { row: clamp(from.row + down, rows), column: clamp(from.column + across, columns) };
}

function paintHeatmap(
  pen: Pen,
  data: HeatmapData,
  options: HeatmapOptions,
  log: boolean,
  layout: HeatmapLayout,
  palette: Palette,
): void {
  const { plot, image } = layout;
  const table = options.difference ? palette.difference : palette[options.colors ?? "energy"];
  pen.rect(plot.x, plot.y, plot.w, plot.h, palette.sunken);
  // Shows through where the image is transparent.
  if (layout.missing > 0) pen.hatch(plot.x, plot.y, plot.w, plot.h, palette.lineStrong);
  pen.image(heatmapPixels(layout, table, log), plot.x, plot.y, plot.w, plot.h);
  const across = plot.w / Math.max(1, image.width);
  const down = plot.h / Math.max(1, image.height);
  if (across >= 12 && down >= 8) paintGrid(pen, plot, across, down, palette.surface);
  pen.frame(plot.x - 0.5, plot.y - 0.5, plot.w + 1, plot.h + 1, { color: palette.lineStrong });
  paintRowNames(pen, data, plot, palette);
  paintGroups(pen, data, plot, palette);
  paintColumnNames(pen, data, layout, palette);
  if (layout.domain) {
    paintColorBar(pen, layout.bar, table, colorScale(layout, log), data.quantity, palette);
  }
  if (layout.missing > 0) {
    const y = layout.bar.y + layout.bar.h + 24;
    pen.hatch(layout.bar.x, y - 6, BAR, BAR, palette.lineStrong);
    pen.text("not", layout.bar.x + BAR + 6, y - 6, { color: palette.muted });
    pen.text("measured", layout.bar.x + BAR + 6, y + 6, { color: palette.muted });
  }
}

function paintGrid(pen: Pen, plot: Box, across: number, down: number, color: string): void {
  for (let x = plot.x + across; x < plot.x + plot.w - 1; x += across) {
    pen.line([Math.round(x), plot.y, Math.round(x), plot.y + plot.h], { color });
  }
  for (let y = plot.y + down; y < plot.y + plot.h - 1; y += down) {
    pen.line([plot.x, Math.round(y), plot.x + plot.w, Math.round(y)], { color });
  }
}

/** Runs of neighbouring columns that belong to the same part of the model. */
export function columnGroups(
  columns: readonly string[],
): { group: Group; first: number; count: number }[] {
  const out: { group: Group; first: number; count: number }[] = [];
  columns.forEach((name, i) => {
    const group = componentGroup(name);
    const last = out[out.length - 1];
    if (last?.group === group) last.count++;
    else out.push({ group, first: i, count: 1 });
  });
  return out;
}

function paintGroups(pen: Pen, data: HeatmapData, plot: Box, palette: Palette): void {
  const groups = columnGroups(data.columns);
  if (groups.length < 2) return;
  const step = plot.w / data.columns.length;
  for (const { group, first, count } of groups) {
    const [x, w] = [plot.x + first * step, count * step];
    pen.rect(x + 1, plot.y - 5, w - 2, 3, palette.group[group]);
    const name = group === "other" ? "" : fitText(pen, GROUP_LABEL[group], w);
    if (name) pen.text(name, x + w / 2, plot.y - 13, { color: palette.text, align: "center" });
  }
}

function paintRowNames(pen: Pen, data: HeatmapData, plot: Box, palette: Palette): void {
  const step = plot.h / Math.max(1, data.rows.length);
  const every = step >= 11 ? 1 : Math.max(1, niceStep(data.rows.length, plot.h / 16));
  pen.text(data.rowKind, plot.x - 6, plot.y - 10, { color: palette.muted, align: "right" });
  for (let row = 0; row < data.rows.length; row += every) {
    const name = fitText(pen, data.rows[row]!, plot.x - 10);
    pen.text(name, plot.x - 6, plot.y + (row + 0.5) * step, {
      color: palette.text,
      align: "right",
    });
  }
}

function paintColumnNames(
  pen: Pen,
  data: HeatmapData,
  layout: HeatmapLayout,
  palette: Palette,
): void {
  const { plot, labelsTurned } = layout;
  const step = plot.w / Math.max(1, data.columns.length);
  const bottom = plot.y + plot.h;
  const space = labelsTurned ? 13 : 44;
  const every =
    step >= (isNumbered(data.columns) ? 44 : space)
      ? 1
      : Math.max(
          1,
          labelsTurned ? Math.ceil(space / step) : niceStep(data.columns.length, plot.w / space),
        );
  for (let column = 0; column < data.columns.length; column += every) {
    const x = plot.x + (column + 0.5) * step;
    const name = fitText(pen, data.columns[column]!, LABEL);
    if (labelsTurned) {
      pen.text(name, x + 3, bottom + 8, { color: palette.text, align: "right", turn: -45 });
    } else {
      pen.text(name, x, bottom + 12, { color: palette.text, align: "center" });
    }
  }
  if (!labelsTurned) {
    pen.text(data.columnKind, plot.x + plot.w, bottom + 27, {
      color: palette.muted,
      align: "right",
    });
  }
}
