// SPDX-License-Identifier: MIT
// Horizontal bars with their values: components, domains, phases, metrics of runs; with intervals
// where known.

import type { Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import { knownOrNull, roughWidth, stepIndex, type Chart } from "./base/chart";
import type { Box, Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen } from "./base/pen";
import { styleColor, type Style } from "./base/style";
import { linearScale, type Scale } from "./base/ticks";

export interface Bar {
  readonly key: string;
  readonly label: string;
  /** null: not measured. */
  readonly value: number | null;
  /** Interval, e.g. 95 %, in the unit of the value. */
  readonly low?: number | null;
  readonly high?: number | null;
  readonly style: Style;
  /** Written after the value, e.g. "52.6 %". */
  readonly detail?: string;
}

export interface BarsData {
  readonly bars: readonly Bar[];
  readonly quantity: Quantity;
  /** What a bar is, e.g. "component". */
  readonly kind: string;
}

export interface BarsLayout {
  readonly plot: Box;
  readonly scale: Scale;
  /** Per bar; the height is that of its row. */
  readonly rows: readonly {
    readonly x: number;
    readonly w: number;
    readonly y: number;
    readonly h: number;
  }[];
}

const ROW_HEIGHT = 22;
const VALUE = 128;

export const barsHeight = (data: BarsData): number =>
  Math.max(1, data.bars.length) * ROW_HEIGHT + 8;

export function layoutBars(data: BarsData, size: Size): BarsLayout {
  const longest = Math.max(30, ...data.bars.map((bar) => roughWidth(bar.label)));
  const left = Math.min(size.width * 0.4, longest + 24);
  const plot = {
    x: left,
    y: 4,
    w: Math.max(1, size.width - left - VALUE),
    h: Math.max(1, size.height - 8),
  };
  let low = 0;
  let high = 0;
  for (const bar of data.bars) {
    for (const value of [bar.value, bar.low, bar.high]) {
      if (value == null || !Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const scale = linearScale([low, high > low ? high : low + 1], [plot.x, plot.x + plot.w]);
  const step = Math.min(ROW_HEIGHT, plot.h / Math.max(1, data.bars.length));
  const rows = data.bars.map((bar, i) => {
    const value = bar.value !== null && Number.isFinite(bar.value) ? bar.value : 0;
    const x = scale.at(Math.min(0, value));
    return { x, w: scale.at(Math.max(0, value)) - x, y: plot.y + i * step, h: step };
  });
  return { plot, scale, rows };
}

export function barsTable(data: BarsData): Table {
  const intervals = data.bars.some((bar) => bar.low != null || bar.high != null);
  const name = data.quantity.name;
  return {
    columns: [
      { label: data.kind, numeric: false },
      { label: name, numeric: true },
      ...(intervals
        ? ["from", "to"].map((end) => ({ label: `${end}, ${name}`, numeric: true }))
        : []),
    ],
    rows: data.bars.map((bar): Cell[] => [
      bar.label,
      knownOrNull(bar.value),
      ...(intervals ? [knownOrNull(bar.low), knownOrNull(bar.high)] : []),
    ]),
  };
}

/** A target is the index of a bar. */
export function barsChart(data: BarsData): Chart<BarsLayout, number> {
  return {
    layout: (size) => layoutBars(data, size),
    paint: (pen, layout, palette) => paintBars(pen, data, layout, palette),
    hit: ({ rows }, _, y) => {
      const i = rows.findIndex((row) => y >= row.y && y < row.y + row.h);
      return i < 0 ? null : i;
    },
    anchor: ({ rows, plot }, i) => {
      const row = rows[i];
      return row ? { x: 2, y: row.y, w: plot.x + plot.w - 2, h: row.h } : null;
    },
    step: (_, from, step) => {
      const i = stepIndex(from, data.bars.length, step);
      return i < 0 ? null : i;
    },
    describe: (i) => {
      const bar = data.bars[i]!;
      const rows: [string, string][] = [[data.quantity.name, written(data, bar)]];
      if (bar.low != null && bar.high != null) {
        rows.push([
          "interval",
          `${data.quantity.format(bar.low)} to ${data.quantity.format(bar.high)}`,
        ]);
      }
      if (bar.detail) rows.push(["", bar.detail]);
      return { title: bar.label, rows };
    },
  };
}

function written(data: BarsData, bar: Bar): string {
  return bar.value === null || !Number.isFinite(bar.value)
    ? "not measured"
    : data.quantity.format(bar.value);
}

function paintBars(
  pen: Pen,
  data: BarsData,
  { plot, rows, scale }: BarsLayout,
  palette: Palette,
): void {
  const zero = Math.round(scale.at(0)) + 0.5;
  data.bars.forEach((bar, i) => {
    const row = rows[i]!;
    const y = row.y + row.h / 2;
    const thick = Math.min(14, row.h - 4);
    pen.text(fitText(pen, bar.label, plot.x - 12), plot.x - 8, y, {
      color: palette.text,
      align: "right",
    });
    if (bar.value === null || !Number.isFinite(bar.value)) {
      pen.hatch(plot.x, y - thick / 2, plot.w, thick, palette.line);
    } else {
      pen.rect(row.x, y - thick / 2, Math.max(1, row.w), thick, styleColor(palette, bar.style));
    }
    paintInterval(pen, bar, scale, y, palette);
    const label =
      bar.detail && bar.value !== null
        ? `${written(data, bar)}  ${bar.detail}`
        : written(data, bar);
    pen.text(fitText(pen, label, VALUE - 12), plot.x + plot.w + 8, y, { color: palette.text });
  });
  pen.line([zero, plot.y, zero, plot.y + rows.length * (rows[0]?.h ?? 0)], {
    color: palette.lineStrong,
  });
}

function paintInterval(pen: Pen, bar: Bar, scale: Scale, y: number, palette: Palette): void {
  if (bar.low == null || bar.high == null) return;
  const [from, to] = [scale.at(bar.low), scale.at(bar.high)];
  // light under dark, so that it is seen on the bar and beside it
  for (const stroke of [
    { color: palette.surface, width: 4 },
    { color: palette.text, width: 1.5 },
  ]) {
    pen.line([from, y, to, y], stroke);
    pen.line([from, y - 4, from, y + 4, Number.NaN, 0, to, y - 4, to, y + 4], stroke);
  }
}
