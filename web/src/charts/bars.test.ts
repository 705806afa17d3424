// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { RecordingPen } from "../testing/recordingPen";
import { barsChart, barsTable, layoutBars, type Bar, type BarsData } from "./bars";

const bar = (label: string, value: number | null, low?: number, high?: number): Bar => ({
  key: label,
  label,
  value,
  ...(low === undefined ? {} : { low, high: high! }),
  style: { domain: "cpu" },
});

const data: BarsData = {
  bars: [bar("a", 10, 8, 13), bar("b", -5), bar("c", null), bar("d", 0)],
  quantity: quantities.energy,
  kind: "component",
};
const size = { width: 500, height: 100 };

describe("bars", () => {
  it("are as long as their values, from zero to either side", () => {
    const { rows, scale } = layoutBars(data, size);
    const perUnit = rows[0]!.w / 10;
    expect(rows[1]!.w).toBeCloseTo(5 * perUnit, 9);
    expect(rows[1]!.x + rows[1]!.w).toBeCloseTo(scale.at(0), 9);
    expect(rows[0]!.x).toBeCloseTo(scale.at(0), 9);
    expect(rows[3]!.w).toBe(0);
  });

  it("and their intervals stay in the plot", () => {
    const { plot, scale } = layoutBars(data, size);
    expect(scale.at(13)).toBeCloseTo(plot.x + plot.w, 9);
    expect(scale.at(-5)).toBeCloseTo(plot.x, 9);
  });

  it("that are not known are hatched and say so, never zero", () => {
    const chart = barsChart(data);
    const pen = new RecordingPen();
    chart.paint(pen, chart.layout(size), palettes.light);
    expect(pen.drawn.filter(({ kind }) => kind === "hatch")).toHaveLength(1);
    expect(pen.texts()).toContain("not measured");
    expect(pen.texts()).toContain("0\u00a0mJ");
    expect(chart.describe(2, chart.layout(size)).rows).toEqual([["energy", "not measured"]]);
  });

  it("are hit in their rows", () => {
    const chart = barsChart(data);
    const layout = chart.layout(size);
    layout.rows.forEach(({ y, h }, i) => expect(chart.hit(layout, 300, y + h / 2)).toBe(i));
    expect(chart.hit(layout, 300, 99)).toBeNull();
  });

  it("have columns for intervals only where there are some", () => {
    expect(barsTable(data).rows).toEqual([
      ["a", 10, 8, 13],
      ["b", -5, null, null],
      ["c", null, null, null],
      ["d", 0, null, null],
    ]);
    expect(barsTable({ ...data, bars: [bar("a", 1)] }).columns).toHaveLength(2);
  });
});
