// SPDX-License-Identifier: MIT
// Axes and legends, the same in every chart.

import type { Quantity } from "../../format/units";
import { roughWidth } from "./chart";
import { withAlpha, type ColorTable } from "./color";
import type { Box } from "./geometry";
import type { Palette } from "./palette";
import { fitText, FONT, type Pen, type Stroke } from "./pen";
import type { Scale } from "./ticks";

export const ROW = 16;

/** One unit for all ticks, except where they span decades and none suits all. */
export function tickLabels(
  quantity: Quantity,
  ticks: readonly number[],
): ReturnType<Quantity["axis"]> {
  const low = Math.min(...ticks);
  if (ticks.length < 2 || !(low > 0) || Math.max(...ticks) / low < 999) return quantity.axis(ticks);
  const short = (tick: number) => quantity.format(tick).replace(/\.0+(?!\d)/, "");
  return { unit: "", labels: ticks.map(short) };
}

/** Ticks with grid lines to the left of `plot`, or to its right; the unit stands above. */
export function paintAxisY(
  pen: Pen,
  plot: Box,
  scale: Scale,
  quantity: Quantity,
  palette: Palette,
  side: "left" | "right" = "left",
): void {
  const values = scale.ticks(Math.max(2, Math.floor(plot.h / 34)));
  const { unit, labels } = tickLabels(quantity, values);
  const x = side === "left" ? plot.x - 6 : plot.x + plot.w + 6;
  const align = side === "left" ? "right" : "left";
  values.forEach((value, i) => {
    const y = Math.round(scale.at(value)) + 0.5;
    if (side === "left") pen.line([plot.x, y, plot.x + plot.w, y], { color: palette.line });
    pen.text(labels[i]!, x, y, { color: palette.muted, align });
  });
  const title = fitText(pen, unit ? `${quantity.name}, ${unit}` : quantity.name, plot.w / 2);
  pen.text(title, side === "left" ? 4 : plot.x + plot.w + 44, plot.y - 15, {
    color: palette.muted,
    align: side === "left" ? "left" : "right",
  });
}

/** Ticks below `plot`; the name and unit stand at the right end of the row below them. */
export function paintAxisX(
  pen: Pen,
  plot: Box,
  scale: Scale,
  quantity: Quantity,
  palette: Palette,
): void {
  const values = scale.ticks(Math.max(2, Math.floor(plot.w / 80)));
  const { unit, labels } = tickLabels(quantity, values);
  const bottom = plot.y + plot.h;
  pen.line([plot.x, bottom + 0.5, plot.x + plot.w, bottom + 0.5], { color: palette.lineStrong });
  values.forEach((value, i) => {
    const x = Math.round(scale.at(value)) + 0.5;
    pen.line([x, bottom, x, bottom + 4], { color: palette.lineStrong });
    const half = pen.measure(labels[i]!) / 2;
    const inside = Math.min(Math.max(x, half + 2), plot.x + plot.w + 40 - half);
    pen.text(labels[i]!, inside, bottom + 12, { color: palette.muted, align: "center" });
  });
  pen.text(unit ? `${quantity.name}, ${unit}` : quantity.name, plot.x + plot.w, bottom + 27, {
    color: palette.muted,
    align: "right",
  });
}

export interface LegendItem {
  readonly label: string;
  readonly kind: "area" | "line" | "dot" | "hatch";
}

/** The colour of an item, or how its line is drawn. */
export type LegendColor = (item: LegendItem) => string | Stroke;

/**
 * A legend in rows as wide as the chart; known before there is a pen, so that the plot can begin
 * below it.
 */
export interface LegendLayout {
  readonly places: readonly { readonly item: LegendItem; readonly x: number; readonly y: number }[];
  readonly height: number;
}

const KEY = 22;

export function layoutLegend(items: readonly LegendItem[], x: number, width: number): LegendLayout {
  let at = x;
  let row = 0;
  const places = items.map((item) => {
    const w = KEY + Math.min(180, roughWidth(item.label)) + 14;
    if (at > x && at + w > x + width) {
      at = x;
      row++;
    }
    const place = { item, x: at, y: row * ROW + ROW / 2 };
    at += w;
    return place;
  });
  return { places, height: items.length ? (row + 1) * ROW : 0 };
}

export function paintLegend(
  pen: Pen,
  legend: LegendLayout,
  palette: Palette,
  color: LegendColor,
): void {
  for (const { item, x, y } of legend.places) {
    paintKey(pen, item, color(item), x, y, palette);
    pen.text(fitText(pen, item.label, 180), x + KEY, y, { color: palette.text });
  }
}

function paintKey(
  pen: Pen,
  { kind }: LegendItem,
  look: string | Stroke,
  x: number,
  y: number,
  palette: Palette,
): void {
  const stroke = typeof look === "string" ? { color: look, width: 2 } : look;
  if (kind === "line") pen.line([x, y, x + 18, y], stroke);
  else if (kind === "dot") pen.dot(x + 9, y, 4.5, stroke.color);
  else {
    if (kind === "hatch") pen.hatch(x + 4, y - 6, 12, 12, stroke.color);
    else pen.rect(x + 4, y - 6, 12, 12, stroke.color);
    pen.frame(x + 4.5, y - 5.5, 11, 11, { color: palette.lineStrong });
  }
}

/** A colour table as a vertical bar with ticks at its right; `scale` runs from bottom to top. */
export function paintColorBar(
  pen: Pen,
  box: Box,
  table: ColorTable,
  scale: Scale,
  quantity: Quantity,
  palette: Palette,
): void {
  const steps = Math.max(1, Math.min(128, Math.floor(box.h)));
  const data = new Uint32Array(steps);
  for (let i = 0; i < steps; i++) {
    data[i] = table.pixels[Math.round((1 - i / Math.max(1, steps - 1)) * 255)]!;
  }
  const bytes = new Uint8ClampedArray(data.buffer);
  pen.image({ width: 1, height: steps, data: bytes }, box.x, box.y, box.w, box.h);
  pen.frame(box.x + 0.5, box.y + 0.5, box.w - 1, box.h - 1, { color: palette.lineStrong });
  const values = scale.ticks(Math.max(2, Math.floor(box.h / 30)));
  const { unit, labels } = tickLabels(quantity, values);
  const inside = (y: number) => Math.min(Math.max(y, box.y + FONT / 2), box.y + box.h - FONT / 2);
  const top = inside(scale.at(values.at(-1)!));
  let last = Infinity;
  values.forEach((value, i) => {
    const y = Math.round(scale.at(value)) + 0.5;
    pen.line([box.x + box.w, y, box.x + box.w + 3, y], { color: palette.lineStrong });
    // in a short bar the ends are named rather than what is between them
    const isEnd = i === values.length - 1;
    if (last - inside(y) < FONT || (!isEnd && inside(y) - top < FONT)) return;
    last = inside(y);
    pen.text(labels[i]!, box.x + box.w + 6, last, { color: palette.muted });
  });
  pen.text(unit, box.x, box.y - 9, { color: palette.muted });
}

/** Text on a ground of its own, for places where lines may run. */
export function paintPlate(
  pen: Pen,
  text: string,
  x: number,
  y: number,
  align: "left" | "right",
  palette: Palette,
  bold = false,
): void {
  const width = pen.measure(text, FONT, bold);
  pen.rect(
    align === "right" ? x - width - 2 : x - 2,
    y - 7,
    width + 4,
    14,
    withAlpha(palette.surface, 0.82),
  );
  pen.text(text, x, y, { color: palette.text, align, bold });
}
