// SPDX-License-Identifier: MIT
// Timeline: spans in lanes, width = time or energy, colour = energy. What is narrower than a pixel
// is drawn once per pixel column, in the colour of its largest energy, so that 100 000 spans cost a
// few thousand rectangles.

import type { Quantity } from "../format/units";
import type { Table } from "../ui/DataTable";
import { paintAxisX, paintColorBar } from "./base/axis";
import { knownOrNull, roughWidth, type Chart, type Step } from "./base/chart";
import { inkOn } from "./base/color";
import { inset, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen } from "./base/pen";
import { upperBound } from "./base/search";
import { linearScale, type Range, type Scale } from "./base/ticks";
import type { TimelineData } from "./timelineData";

export type TimelineWidth = "time" | "energy";

export interface TimelineOptions {
  readonly width: TimelineWidth;
  /** Part of the axis in view, ms or mJ; everything when absent. */
  readonly view?: Range | undefined;
  readonly time: Quantity;
  readonly energy: Quantity;
}

/** Rectangles of one lane, left to right, never overlapping. */
export interface TimelineLane {
  readonly y: number;
  readonly h: number;
  /** Per rectangle: x, width, span with the largest energy in it, spans in it. */
  readonly x: Float64Array;
  readonly w: Float64Array;
  readonly span: Uint32Array;
  readonly shared: Uint32Array;
}

export interface TimelineLayout {
  readonly plot: Box;
  readonly scale: Scale;
  readonly lanes: readonly TimelineLane[];
  /** Spans drawn together with others. */
  readonly shared: number;
}

const LANE = 26;
const BAR = 78;

/** Height that shows every lane in full. */
export function timelineHeight(data: TimelineData): number {
  return Math.max(2, data.lanes.length) * LANE + 42;
}

function edges(data: TimelineData, width: TimelineWidth): readonly [Float64Array, Float64Array] {
  return width === "time" ? [data.start_ms, data.end_ms] : [data.from_mj, data.to_mj];
}

/** The whole axis. */
export function timelineExtent(data: TimelineData, width: TimelineWidth): Range {
  const [from, to] = edges(data, width);
  let low = Infinity;
  let high = -Infinity;
  for (let lane = 0; lane < data.lanes.length; lane++) {
    const last = data.first[lane + 1]!;
    if (last > data.first[lane]!) low = Math.min(low, from[data.first[lane]!]!);
    for (let i = data.first[lane]!; i < last; i++) if (to[i]! > high) high = to[i]!;
  }
  return low < high ? [low, high] : [0, 1];
}

export function layoutTimeline(
  data: TimelineData,
  options: TimelineOptions,
  size: Size,
): TimelineLayout {
  const left = Math.max(60, ...data.lanes.map((name) => roughWidth(name) + 16));
  const plot = inset(size, left, 4, BAR, 36);
  const domain = options.view ?? timelineExtent(data, options.width);
  const scale = linearScale(domain, [plot.x, plot.x + plot.w]);
  const step = Math.min(plot.h / Math.max(1, data.lanes.length), 2 * LANE);
  const lanes = data.lanes.map((_, lane) =>
    layoutLane(data, options.width, lane, scale, {
      y: plot.y + lane * step,
      h: Math.max(1, step - 3),
    }),
  );
  let shared = 0;
  for (const lane of lanes) for (const count of lane.shared) if (count > 1) shared += count;
  return { plot, scale, lanes, shared };
}

class Rectangles {
  x: number[] = [];
  w: number[] = [];
  span: number[] = [];
  shared: number[] = [];

  push(x: number, w: number, span: number, shared: number): void {
    this.x.push(x);
    this.w.push(w);
    this.span.push(span);
    this.shared.push(shared);
  }
}

function layoutLane(
  data: TimelineData,
  width: TimelineWidth,
  lane: number,
  scale: Scale,
  place: { y: number; h: number },
): TimelineLane {
  const [from, to] = edges(data, width);
  const [low, high] = scale.domain;
  const [left, right] = scale.pixels;
  const factor = (right - left) / (high - low || 1);
  const last = data.first[lane + 1]!;
  const out = new Rectangles();
  let end = left; // where the last rectangle ends
  let column = -1; // pixel column being filled, relative to left
  let best = -1;
  let shared = 0;
  const flush = () => {
    if (shared > 0) {
      const x = Math.max(end, left + column);
      if (left + column + 1 > x) out.push(x, left + column + 1 - x, best, shared);
      end = Math.max(end, left + column + 1);
    }
    shared = 0;
    best = -1;
  };
  for (
    let i = Math.max(data.first[lane]!, upperBound(to, low, data.first[lane]!, last));
    i < last;
    i++
  ) {
    if (from[i]! >= high) break;
    const x0 = left + (from[i]! - low) * factor;
    const x1 = left + (to[i]! - low) * factor;
    if (x1 < left || (x1 === x0 && width === "energy")) continue;
    if (x1 - x0 >= 1) {
      flush();
      const start = Math.max(x0, end, left);
      if (Math.min(x1, right) > start) out.push(start, Math.min(x1, right) - start, i, 1);
      end = Math.max(end, Math.min(x1, right));
      continue;
    }
    const here = Math.floor((x0 + x1) / 2 - left);
    if (here !== column) {
      flush();
      column = here;
    }
    shared++;
    if (best < 0 || !(data.energy_mj[i]! <= data.energy_mj[best]!)) best = i;
  }
  flush();
  return {
    ...place,
    x: Float64Array.from(out.x),
    w: Float64Array.from(out.w),
    span: Uint32Array.from(out.span),
    shared: Uint32Array.from(out.shared),
  };
}

/** The largest known energy of each lane: colours compare the spans of a lane with each other. */
function laneMaxima(data: TimelineData): number[] {
  return data.lanes.map((_, lane) => {
    let most = 0;
    for (let i = data.first[lane]!; i < data.first[lane + 1]!; i++) {
      if (data.energy_mj[i]! > most) most = data.energy_mj[i]!;
    }
    return most;
  });
}

/**
 * The span at a point, of those drawn in its place the one with the largest energy; -1 when there
 * is none.
 */
export function hitTimeline(layout: TimelineLayout, x: number, y: number): number {
  const lane = layout.lanes.find((each) => y >= each.y && y < each.y + each.h);
  if (!lane) return -1;
  const i = upperBound(lane.x, x) - 1;
  return i >= 0 && x < lane.x[i]! + lane.w[i]! ? lane.span[i]! : -1;
}

function laneOf(data: TimelineData, span: number): number {
  return upperBound(data.first, span) - 1;
}

// Across: the neighbour in the lane. Up and down: the span of the next lane at the same place.
function stepSpan(
  data: TimelineData,
  width: TimelineWidth,
  from: number | null,
  step: Step,
): number | null {
  if (data.start_ms.length === 0) return null;
  if (from === null) return 0;
  const lane = laneOf(data, from);
  if (step === "first") return data.first[lane]!;
  if (step === "last") return data.first[lane + 1]! - 1;
  if (step === "left") return Math.max(data.first[lane]!, from - 1);
  if (step === "right") return Math.min(data.first[lane + 1]! - 1, from + 1);
  const [starts, ends] = edges(data, width);
  const direction = step === "down" ? 1 : -1;
  for (let to = lane + direction; to >= 0 && to < data.lanes.length; to += direction) {
    const [first, last] = [data.first[to]!, data.first[to + 1]!];
    if (first === last) continue;
    // below, the first span that reaches into this one; above, the one around its middle
    if (step === "down") return Math.min(last - 1, upperBound(ends, starts[from]!, first, last));
    return Math.max(first, upperBound(starts, (starts[from]! + ends[from]!) / 2, first, last) - 1);
  }
  return from;
}

export function timelineTable(data: TimelineData): Table {
  const rows = Array.from({ length: data.start_ms.length }, (_, i) => [
    data.lanes[laneOf(data, i)]!,
    data.names[data.name[i]!]!,
    data.start_ms[i]!,
    data.end_ms[i]!,
    data.end_ms[i]! - data.start_ms[i]!,
    knownOrNull(data.energy_mj[i]),
  ]);
  const numeric = ["start, ms", "end, ms", "duration, ms", "energy, mJ"];
  return {
    columns: [
      { label: "lane", numeric: false },
      { label: "name", numeric: false },
      ...numeric.map((label) => ({ label, numeric: true })),
    ],
    rows,
  };
}

export function timelineChart(
  data: TimelineData,
  options: TimelineOptions,
): Chart<TimelineLayout, number> {
  const maxima = laneMaxima(data);
  const [from, to] = edges(data, options.width);
  return {
    layout: (size) => layoutTimeline(data, options, size),
    paint: (pen, layout, palette) => paintTimeline(pen, data, options, maxima, layout, palette),
    hit: (layout, x, y) => {
      const span = hitTimeline(layout, x, y);
      return span < 0 ? null : span;
    },
    anchor: ({ scale, lanes, plot }, span) => {
      const lane = lanes[laneOf(data, span)];
      if (!lane || span >= from.length) return null;
      const x0 = Math.max(plot.x, scale.at(from[span]!));
      const x1 = Math.min(plot.x + plot.w, scale.at(to[span]!));
      return x1 < x0 ? null : { x: x0, y: lane.y, w: Math.max(1, x1 - x0), h: lane.h };
    },
    step: (_, span, step) => stepSpan(data, options.width, span, step),
    describe: (span) => describeSpan(data, options, span),
    note: (layout) =>
      layout.shared > 0
        ? `${layout.shared} spans are narrower than a pixel, which shows the costliest.`
        : null,
  };
}

function describeSpan(data: TimelineData, options: TimelineOptions, span: number) {
  const duration = data.end_ms[span]! - data.start_ms[span]!;
  const energy = data.energy_mj[span]!;
  return {
    title: `${data.lanes[laneOf(data, span)]}: ${data.names[data.name[span]!]}`,
    rows: [
      ["energy", Number.isNaN(energy) ? "not measured" : options.energy.format(energy)],
      ["duration", options.time.format(duration)],
      ["from", options.time.format(data.start_ms[span]!)],
    ] as const,
  };
}

function paintTimeline(
  pen: Pen,
  data: TimelineData,
  options: TimelineOptions,
  maxima: readonly number[],
  layout: TimelineLayout,
  palette: Palette,
): void {
  const { plot, scale } = layout;
  layout.lanes.forEach((lane, k) => {
    pen.text(fitText(pen, data.lanes[k]!, plot.x - 10), plot.x - 8, lane.y + lane.h / 2, {
      color: palette.text,
      align: "right",
    });
    pen.rect(plot.x, lane.y, plot.w, lane.h, palette.sunken);
    const most = maxima[k]!;
    for (let i = 0; i < lane.x.length; i++) {
      const energy = data.energy_mj[lane.span[i]!]!;
      const color = energy >= 0 && most > 0 ? palette.energy.css(energy / most) : palette.line;
      paintSpan(pen, lane, i, color, data, palette);
    }
  });
  paintAxisX(pen, plot, scale, options.width === "time" ? options.time : options.energy, palette);
  if (maxima.some((most) => most > 0)) {
    const bar: Box = {
      x: plot.x + plot.w + 16,
      y: plot.y + 16,
      w: 12,
      h: Math.max(20, plot.h - 24),
    };
    const share: Quantity = {
      name: "share",
      format: (value) => `${value}`,
      axis: (values) => ({
        unit: "of lane",
        labels: values.map((value) => (value === 1 ? "max" : `${value}`)),
      }),
    };
    paintColorBar(
      pen,
      bar,
      palette.energy,
      linearScale([0, 1], [bar.y + bar.h, bar.y]),
      share,
      palette,
    );
  }
}

function paintSpan(
  pen: Pen,
  lane: TimelineLane,
  i: number,
  color: string,
  data: TimelineData,
  palette: Palette,
): void {
  const x = lane.x[i]!;
  const w = lane.w[i]!;
  // a gap of a pixel between neighbours, where there is room for one
  pen.rect(x, lane.y, w > 4 ? w - 1 : w, lane.h, color);
  if (w < 30 || lane.h < 12 || lane.shared[i]! > 1) return;
  const label = fitText(pen, data.names[data.name[lane.span[i]!]!]!, w - 9);
  if (label) pen.text(label, x + 4, lane.y + lane.h / 2, { color: inkFor(color, palette) });
}

function inkFor(color: string, palette: Palette): string {
  return color.startsWith("#") ? inkOn(color) : palette.text;
}
