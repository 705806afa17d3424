// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { randomFrom } from "../testing/random";
import { RecordingPen } from "../testing/recordingPen";
import { overlaps } from "./base/geometry";
import { paretoFront, scatterChart, scatterTable, type ScatterPoint } from "./scatter";

function made(count: number, seed: number): ScatterPoint[] {
  const random = randomFrom(seed);
  const grid = () => Math.floor(random() * 12) / 2 + 1; // with ties
  return Array.from({ length: count }, (_, i) => ({
    key: `${i}`,
    label: `run ${i}`,
    x: random() < 0.1 ? null : grid(),
    y: random() < 0.1 ? Number.NaN : grid(),
  }));
}

const data = (points: ScatterPoint[]) => ({
  points,
  xQuantity: quantities.rate,
  yQuantity: quantities.plain("energy", "J/token"),
});
const size = { width: 600, height: 360 };

describe("the Pareto front", () => {
  it("is what nothing dominates, by comparing all with all", () => {
    for (let seed = 0; seed < 60; seed++) {
      const points = made(40, seed);
      const real = points.filter(({ x, y }) => x !== null && y !== null && !Number.isNaN(y));
      const beaten = (a: ScatterPoint) =>
        real.some((b) => b.x! >= a.x! && b.y! <= a.y! && (b.x! > a.x! || b.y! < a.y!));
      const expected = points.flatMap((point, i) =>
        real.includes(point) && !beaten(point) ? [i] : [],
      );
      expect(paretoFront(points).sort((a, b) => a - b)).toEqual(expected);
    }
  });

  it("of nothing is nothing", () => expect(paretoFront([])).toEqual([]));
});

describe("a scatter chart", () => {
  it("is hit at its points, or at one in the same place", () => {
    const points = made(30, 3);
    const chart = scatterChart(data(points));
    const layout = chart.layout(size);
    for (const { x, y } of layout.dots) {
      const hit = layout.dots.find((dot) => dot.index === chart.hit(layout, x, y))!;
      expect([hit.x, hit.y]).toEqual([x, y]);
    }
    expect(chart.hit(layout, 2, 2)).toBeNull();
  });

  it("lays its labels over no other label, point or front", () => {
    const points = made(50, 5);
    const chart = scatterChart(data(points));
    const layout = chart.layout(size);
    const pen = new RecordingPen();
    chart.paint(pen, layout, palettes.light);
    const labels = pen.drawn.filter(({ text }) => text?.startsWith("run "));
    expect(labels.length).toBeGreaterThan(5);
    labels.forEach((a, i) => {
      labels.slice(i + 1).forEach((b) => expect(overlaps(a, b)).toBe(false));
      for (const { x, y } of layout.dots) {
        expect(overlaps(a, { x: x - 3, y: y - 3, w: 6, h: 6 }), `${a.text}`).toBe(false);
      }
    });
  });

  it("is logarithmic where values span decades", () => {
    const wide = [1, 10, 1000].map((x, i) => ({ key: `${i}`, label: "", x, y: 1 }));
    const { x } = scatterChart(data(wide)).layout(size);
    expect(x.at(10) - x.at(1)).toBeCloseTo(x.at(100) - x.at(10), 6);
  });

  it("steps from left to right", () => {
    const chart = scatterChart(data(made(20, 6)));
    const layout = chart.layout(size);
    let at = chart.step(layout, null, "right");
    const seen = [at];
    for (let i = 1; i < layout.dots.length; i++) seen.push((at = chart.step(layout, at, "right")));
    expect(seen).toEqual(layout.dots.map(({ index }) => index));
  });

  it("says what it does not show", () => {
    const chart = scatterChart(data([{ key: "a", label: "a", x: null, y: 3 }]));
    expect(chart.note!(chart.layout(size))).toBe(
      "Not shown: 1 of 1 runs, without energy or speed.",
    );
  });

  it("has a table with all runs", () => {
    const { rows } = scatterTable(
      data([
        { key: "a", label: "a", x: 5, y: 3 },
        { key: "b", label: "b", x: 4, y: 4 },
        { key: "c", label: "c", x: null, y: 4 },
      ]),
    );
    expect(rows).toEqual([
      ["a", 5, 3, "yes"],
      ["b", 4, 4, "no"],
      ["c", null, 4, "no"],
    ]);
  });
});
