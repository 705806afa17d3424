// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { randomFrom } from "../testing/random";
import { histogramBins, histogramChart, histogramTable, quantile } from "./histogram";

const random = randomFrom(9);
const sets = [
  Array.from({ length: 300 }, () => random() * 10),
  Array.from({ length: 1000 }, () => random() ** 8 * 1e6),
  Array.from({ length: 50 }, () => -random() * 1e-9),
  [1, 2],
  [5, 5, 5],
  [0.1, 0.2, 0.3],
  [1e300, -1e300],
];

describe("bins", () => {
  it.each(sets.map((values) => [values]))("hold every value once, in place (set %#)", (values) => {
    const { bins, n } = histogramBins([...values, null, Number.NaN, Infinity]);
    expect(n).toBe(values.length);
    expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(values.length);
    expect(bins.length).toBeLessThanOrEqual(42);
    bins.forEach((bin, i) => {
      if (i > 0) expect(bin.from).toBeCloseTo(bins[i - 1]!.to, 9);
      const room = (bin.to - bin.from) * 1e-6;
      const inside = values.filter((v) => v >= bin.from - room && v <= bin.to + room).length;
      expect(bin.count).toBeLessThanOrEqual(inside);
    });
    expect(bins[0]!.from).toBeLessThanOrEqual(Math.min(...values) + 1e-9);
    expect(bins.at(-1)!.to).toBeGreaterThanOrEqual(Math.max(...values) - 1e-9);
  });

  it("of nothing are none", () => {
    expect(histogramBins([null, Number.NaN])).toEqual({
      bins: [],
      n: 0,
      median: null,
      p05: null,
      p95: null,
    });
  });
});

it.each([
  [0, 1],
  [0.25, 1.75],
  [0.5, 2.5],
  [0.95, 3.85],
  [1, 4],
])("quantile %s of 1, 2, 3, 4 is %s, as R's type 7", (p, value) => {
  expect(quantile([1, 2, 3, 4], p)).toBeCloseTo(value, 12);
});

describe("a histogram", () => {
  const data = { values: sets[0]!, quantity: quantities.energy, kind: "tokens" };
  it("is hit at its bins", () => {
    const chart = histogramChart(data);
    const layout = chart.layout({ width: 500, height: 300 });
    histogramBins(data.values).bins.forEach((_, i) => {
      const box = chart.anchor(layout, i)!;
      expect(chart.hit(layout, box.x + box.w / 2, layout.plot.y + 5)).toBe(i);
    });
  });

  it("has a table of its bins", () => {
    const { rows } = histogramTable(data);
    expect(rows.reduce((sum, row) => sum + (row[2] as number), 0)).toBe(300);
  });
});
