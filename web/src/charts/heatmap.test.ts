// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { randomFrom } from "../testing/random";
import { RecordingPen } from "../testing/recordingPen";
import { roughWidth } from "./base/chart";
import {
  columnGroups,
  heatmapChart,
  heatmapPixels,
  heatmapTable,
  layoutHeatmap,
  type HeatmapData,
} from "./heatmap";

function matrix(
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): HeatmapData {
  return {
    rows: Array.from({ length: rows }, (_, i) => String(i)),
    columns: Array.from({ length: columns }, (_, i) => String(i)),
    values: Float64Array.from({ length: rows * columns }, (_, i) =>
      value(Math.floor(i / columns), i % columns),
    ),
    quantity: quantities.energy,
    rowKind: "layer",
    columnKind: "token",
  };
}

const size = { width: 640, height: 300 };

describe("a heatmap", () => {
  it("has room for the name of each column, turned ones too", () => {
    for (const width of [400, 600, 900]) {
      const columns = ["input_layernorm", ...Array.from({ length: 15 }, (_, i) => `c${i}`)];
      const data = { ...matrix(6, 16, () => 1), columns };
      const { plot, labelsTurned } = layoutHeatmap(data, {}, { width, height: 300 });
      expect(labelsTurned).toBe(true);
      const middle = plot.x + plot.w / 16 / 2;
      expect(middle).toBeGreaterThanOrEqual(0.7 * roughWidth(columns[0]!));
    }
  });

  it("is hit where its cells are anchored, row 0 at the top", () => {
    const data = matrix(13, 21, (row, column) => row * column);
    const chart = heatmapChart(data);
    const layout = chart.layout(size);
    for (let row = 0; row < 13; row++) {
      for (let column = 0; column < 21; column++) {
        const box = chart.anchor(layout, { row, column })!;
        expect(chart.hit(layout, box.x + box.w / 2, box.y + box.h / 2)).toEqual({ row, column });
        expect(box.y).toBeCloseTo(layout.plot.y + (row * layout.plot.h) / 13, 9);
      }
    }
    const { plot } = layout;
    expect(chart.hit(layout, plot.x - 1, plot.y + 5)).toBeNull();
    expect(chart.hit(layout, plot.x + plot.w + 1, plot.y + 5)).toBeNull();
    expect(chart.anchor(layout, { row: 13, column: 0 })).toBeNull();
  });

  it("is transparent exactly where nothing was measured", () => {
    const random = randomFrom(5);
    const data = matrix(30, 40, () => (random() < 0.3 ? Number.NaN : random()));
    const layout = layoutHeatmap(data, {}, size);
    const pixels = heatmapPixels(layout, palettes.light.energy, false);
    data.values.forEach((value, i) =>
      expect(pixels.data[i * 4 + 3]).toBe(Number.isNaN(value) ? 0 : 255),
    );
    expect(layout.missing).toBe(data.values.filter(Number.isNaN).length);
  });

  it("shows more as darker on light and as brighter on dark", () => {
    const data = matrix(1, 50, (_, column) => column);
    const layout = layoutHeatmap(data, {}, size);
    for (const theme of ["light", "dark"] as const) {
      const { data: bytes } = heatmapPixels(layout, palettes[theme].energy, false);
      const brightness = (i: number) =>
        bytes[i * 4]! * 0.2126 + bytes[i * 4 + 1]! * 0.7152 + bytes[i * 4 + 2]! * 0.0722;
      for (let i = 10; i < 50; i += 10) {
        if (theme === "light") expect(brightness(i)).toBeLessThan(brightness(i - 10));
        else expect(brightness(i)).toBeGreaterThan(brightness(i - 10));
      }
    }
  });

  it("keeps the largest of the cells that share a pixel, says so, and still finds each", () => {
    const data = matrix(700, 2000, (row, column) => (row === 333 && column === 1234 ? 99 : 1));
    const chart = heatmapChart(data);
    const layout = chart.layout(size);
    expect(layout.columnsPerPixel * layout.image.width).toBeGreaterThanOrEqual(2000);
    expect(layout.image.width).toBeLessThanOrEqual(layout.plot.w);
    expect(layout.image.height).toBeLessThanOrEqual(layout.plot.h);
    expect(Math.max(...layout.image.values)).toBe(99);
    const across = Math.floor(1234 / layout.columnsPerPixel);
    const down = Math.floor(333 / layout.rowsPerPixel);
    expect(layout.image.values[down * layout.image.width + across]).toBe(99);
    expect(chart.note!(layout)).toMatch(/largest of \d+ tokens × \d+ layers/);
    const box = chart.anchor(layout, { row: 333, column: 1234 })!;
    expect(chart.hit(layout, box.x + box.w / 2, box.y + box.h / 2)).toEqual({
      row: 333,
      column: 1234,
    });
  });

  it("says nothing when each cell has a pixel", () => {
    const chart = heatmapChart(matrix(3, 3, () => 1));
    expect(chart.note!(chart.layout(size))).toBeNull();
  });

  it.each([
    ["linear", {}, [0, 8]],
    ["logarithmic", { scale: "log" }, [0.5, 8]],
    ["of differences", { difference: true }, [-8, 8]],
    ["given", { domain: [0, 100] }, [0, 100]],
  ] as const)("has a %s scale", (_, options, domain) => {
    const data = matrix(1, 4, (_row, column) => [0.5, 2, 8, Number.NaN][column]!);
    expect(layoutHeatmap(data, options, size).domain).toEqual(domain);
  });

  it("colours no difference with the middle of its scale", () => {
    const data = matrix(1, 3, (_, column) => [-4, 0, 1][column]!);
    const layout = layoutHeatmap(data, { difference: true }, size);
    const { data: bytes } = heatmapPixels(layout, palettes.light.difference, false);
    const middle = palettes.light.difference.pixels[128]!;
    expect(new Uint32Array(bytes.buffer)[1]).toBe(middle);
    expect(new Uint32Array(bytes.buffer)[0]).toBe(palettes.light.difference.pixels[0]);
  });

  it("has a table of what is drawn", () => {
    const { columns, rows } = heatmapTable(
      matrix(2, 2, (row, column) => (row && column ? Number.NaN : row + column / 4)),
    );
    expect(columns.map(({ label }) => label)).toEqual(["layer", "0, energy", "1, energy"]);
    expect(rows).toEqual([
      ["0", 0, 0.25],
      ["1", 1, null],
    ]);
  });

  it("names the parts of the model above its columns", () => {
    const columns = ["embedding", "q_proj", "attention", "up_proj", "lm_head"];
    expect(columnGroups(columns)).toEqual([
      { group: "other", first: 0, count: 1 },
      { group: "attention", first: 1, count: 2 },
      { group: "mlp", first: 3, count: 1 },
      { group: "other", first: 4, count: 1 },
    ]);
    const pen = new RecordingPen();
    const chart = heatmapChart({ ...matrix(4, 5, () => 1), columns });
    chart.paint(pen, chart.layout(size), palettes.light);
    expect(pen.texts()).toEqual(expect.arrayContaining(["attention", "MLP"]));
  });

  it("tells what is not measured in words", () => {
    const chart = heatmapChart(matrix(1, 1, () => Number.NaN));
    expect(chart.describe({ row: 0, column: 0 }, chart.layout(size)).rows).toEqual([
      ["energy", "not measured"],
    ]);
  });
});
