// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { randomFrom } from "../testing/random";
import { RecordingPen } from "../testing/recordingPen";
import { powerSeries } from "./power";
import {
  layoutSeries,
  lineStroke,
  seriesChart,
  seriesExtent,
  seriesPoints,
  seriesTable,
  type SeriesData,
} from "./series";

const size = { width: 600, height: 240 };

function lines(count: number, seed = 1): SeriesData {
  const random = randomFrom(seed);
  const line = (name: string, run: number) => ({
    name,
    x: Float64Array.from({ length: count }, (_, i) => i * (10 + run) + random()),
    y: Array.from({ length: count }, () => (random() < 0.01 ? null : random() ** 6 * 900 + 5)),
    style: { run },
  });
  return {
    series: [line("a", 0), line("b", 1)],
    xQuantity: quantities.time,
    yQuantity: quantities.power,
  };
}

describe("series", () => {
  it("keep the highest and lowest value of every pixel column", () => {
    const data = lines(20000);
    const layout = layoutSeries(data, {}, size);
    data.series.forEach((series, i) => {
      const points = seriesPoints(series, layout.drawn[i]!, layout.x, layout.y);
      const drawn = points.filter((value, k) => k % 2 === 1 && !Number.isNaN(value));
      const all = series.y as (number | null)[];
      const values = all.filter((value): value is number => value !== null);
      expect(Math.min(...drawn)).toBeCloseTo(layout.y.at(Math.max(...values)), 9);
      expect(Math.max(...drawn)).toBeCloseTo(layout.y.at(Math.min(...values)), 9);
      expect(layout.drawn[i]!.length).toBeLessThanOrEqual(5 * (layout.plot.w + 2));
    });
  });

  it("show a value without neighbours as a dot, and others by their line alone", () => {
    const pen = new RecordingPen();
    const data: SeriesData = {
      series: [
        { name: "one", x: Float64Array.of(5), y: [3], style: { run: 0 } },
        { name: "two", x: Float64Array.of(1, 2, 3, 4, 5), y: [1, 2, null, 4, null], style: { run: 1 } },
      ],
      xQuantity: quantities.time,
      yQuantity: quantities.power,
    };
    const chart = seriesChart(data);
    chart.paint(pen, chart.layout(size), palettes.light);
    const { x, y } = layoutSeries(data, {}, size);
    const dots = pen.drawn.filter(({ kind }) => kind === "dot").map((dot) => [dot.x + dot.w / 2, dot.y + dot.h / 2]);
    expect(dots).toEqual([
      [x.at(5), y.at(3)],
      [x.at(4), y.at(4)],
    ]);
  });

  it("reach as far as their bands do", () => {
    const data = { ...lines(10), bands: [{ label: "prefill", phase: "prefill", from: -5, to: 1e5 }] } as const;
    expect(seriesExtent(data)).toEqual([-5, 1e5]);
  });

  it("have gaps where nothing was measured", () => {
    const data: SeriesData = {
      ...lines(0),
      series: [{ name: "a", x: [0, 1, 2, 3], y: [1, null, Number.NaN, 4], style: "accent" }],
    };
    const layout = layoutSeries(data, {}, size);
    const points = seriesPoints(data.series[0]!, layout.drawn[0]!, layout.x, layout.y);
    expect(points.filter((_, i) => i % 2 === 1).map(Number.isNaN)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("are drawn to the edges of a view, from points outside it", () => {
    const data = lines(1000);
    const layout = layoutSeries(data, { view: [2005, 2495] }, size);
    data.series.forEach(({ x }, i) => {
      const drawn = layout.drawn[i]!;
      expect(x[drawn[0]!]!).toBeLessThanOrEqual(2005);
      expect(x[drawn.at(-1)!]!).toBeGreaterThanOrEqual(2495);
      expect(drawn.length).toBeLessThan(80);
    });
    for (const stop of layout.stops) expect(stop >= 2005 && stop <= 2495).toBe(true);
  });

  it("fill the height: values of the view are inside, their range is not tiny", () => {
    const data = lines(500);
    const layout = layoutSeries(data, {}, size);
    const most = Math.max(
      ...data.series.flatMap(({ y }) => Array.from(y as (number | null)[], (v) => v ?? 0)),
    );
    expect(layout.y.domain[0]).toBe(0);
    expect(layout.y.domain[1]).toBeGreaterThanOrEqual(most);
    expect(layout.y.domain[1]).toBeLessThan(most * 1.5);
  });

  it("point to the nearest sample that is drawn", () => {
    const chart = seriesChart(lines(300));
    const layout = chart.layout(size);
    for (const stop of layout.stops) {
      const { x, y } = chart.anchor(layout, stop)!;
      expect(chart.hit(layout, x, y + 5)).toBeCloseTo(stop, 9);
    }
    expect(chart.hit(layout, 3, 100)).toBeNull();
    expect(chart.anchor(layout, -1e6)).toBeNull();
  });

  it("become hairlines where there are more points than pixels", () => {
    const sparse = layoutSeries(lines(100), {}, size);
    const dense = layoutSeries(lines(9000), {}, size);
    expect(lineStroke(sparse, 0, { run: 1 }, palettes.light).width).toBeGreaterThan(1);
    expect(lineStroke(dense, 0, { run: 1 }, palettes.light)).toMatchObject({
      width: 1,
      color: palettes.light.run[1],
      dash: [8, 3],
    });
  });

  it("cover all x of all series", () => {
    const data = lines(50);
    const [low, high] = seriesExtent(data);
    for (const { x } of data.series)
      for (const at of Array.from(x)) expect(at >= low && at <= high).toBe(true);
  });

  it("share a table by x; what one does not have is empty", () => {
    const data: SeriesData = {
      ...lines(0),
      series: [
        { name: "a", x: [0, 1, 3], y: [5, null, 7], style: "accent" },
        { name: "b", x: [1, 2], y: [8, 9], style: "accent" },
      ],
    };
    expect(seriesTable(data).rows).toEqual([
      [0, 5, null],
      [1, null, 8],
      [2, null, 9],
      [3, 7, null],
    ]);
  });
});

describe("power", () => {
  const power = {
    timestamp_ms: [0, 10, 20, 30],
    power_mw: { cpu: [1, 5, null, 2], dram: [1, 1, null, 1], total: [2, 6, null, 3] },
    phases: [
      { phase: "prefill" as const, start_ms: 0, end_ms: 15 },
      { phase: "decode" as const, start_ms: 15, end_ms: 30 },
    ],
    idle_mw: 0.5,
  };

  it("has a line per domain that is known, peak and idle marked", () => {
    const data = powerSeries(power);
    expect(data.series.map(({ name }) => name)).toEqual(["CPU", "DRAM", "total"]);
    expect(data.marks).toEqual([{ label: "peak", x: 10, y: 6 }]);
    expect(data.levels).toEqual([{ label: "idle", value: 0.5 }]);
    expect(data.bands!.map(({ phase }) => phase)).toEqual(["prefill", "decode"]);
  });

  it("does not draw the total over the only domain", () => {
    const { cpu } = power.power_mw;
    const data = powerSeries({ ...power, power_mw: { cpu, total: cpu } });
    expect(data.series.map(({ name }) => name)).toEqual(["CPU"]);
    expect(
      powerSeries({ ...power, power_mw: { total: cpu } }).series.map(({ name }) => name),
    ).toEqual(["total"]);
  });

  it("marks nothing where nothing is known", () => {
    const data = powerSeries({ timestamp_ms: [], power_mw: {}, idle_mw: null });
    expect([data.series, data.marks, data.levels]).toEqual([[], [], []]);
  });

  it("says when samples were left out, and when none were", () => {
    const noted = seriesChart(powerSeries({ ...power, taken: 4000 }));
    expect(noted.note!(noted.layout(size))).toBe("4 of 4000 samples, highs and lows kept.");
    const whole = seriesChart(powerSeries({ ...power, taken: 4 }));
    expect(whole.note!(whole.layout(size))).toBeNull();
  });

  it("is drawn with a dash per domain on bands per phase, its labels clear of each other", () => {
    const chart = seriesChart(powerSeries(power));
    const pen = new RecordingPen();
    const layout = chart.layout(size);
    chart.paint(pen, layout, palettes.light);
    expect(pen.texts()).toEqual(
      expect.arrayContaining(["CPU", "DRAM", "total", "prefill", "decode", "peak 6.00\u00a0mW"]),
    );
    const bands = pen.drawn.filter(
      ({ kind, h, color }) => kind === "rect" && h === layout.plot.h && color,
    );
    expect(bands.map(({ color }) => color)).toEqual([
      palettes.light.phase.prefill,
      palettes.light.phase.decode,
    ]);
    const label = (text: string) => pen.drawn.find((each) => each.text?.startsWith(text))!;
    expect(label("peak").y).toBeGreaterThan(label("prefill").y + 11);
  });

  it("tells the phase at a time", () => {
    const chart = seriesChart(powerSeries(power));
    const words = chart.describe(20, chart.layout(size));
    expect(words.rows).toContainEqual(["phase", "decode"]);
    expect(words.rows).toContainEqual(["CPU", "not measured"]);
  });
});
