// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { randomFrom } from "../testing/random";
import { RecordingPen } from "../testing/recordingPen";
import { stacks, waterfallChart, waterfallTable, type WaterfallData } from "./waterfall";

const NAMES = [
  "q_proj",
  "attention",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
  "rope",
  "lm_head",
  "sampling",
  "unattributed",
];

function made(tokens: number, seed = 1): WaterfallData {
  const random = randomFrom(seed);
  return {
    positions: Array.from({ length: tokens }, (_, i) => i + 7),
    texts: Array.from({ length: tokens }, (_, i) => `t${i}`),
    series: NAMES.map((name, k) => ({
      name,
      values: Array.from({ length: tokens }, () =>
        random() < 0.05 ? Number.NaN : random() * (k + 1),
      ),
    })),
    quantity: quantities.energy,
  };
}

const size = { width: 700, height: 300 };
const sumOf = (data: WaterfallData, token: number) =>
  data.series.reduce((sum, { values }) => sum + (values[token]! > 0 ? values[token]! : 0), 0);

describe("stacks", () => {
  it("keep the sum of every token, however few there are", () => {
    const data = made(50);
    for (const most of [1, 2, 5, 10, 20]) {
      const all = stacks(data, most);
      expect(all.length).toBe(Math.min(most, NAMES.length));
      for (let token = 0; token < 50; token++) {
        const sum = all.reduce((total, stack) => total + stack.values[token]!, 0);
        expect(sum).toBeCloseTo(sumOf(data, token), 9);
      }
    }
  });

  it("stand in the order of the parts of the model, the rest last and named by its number", () => {
    const names = stacks(made(200), 5).map(({ name }) => name);
    expect(names.at(-1)).toBe("6 others");
    expect(names.slice(0, -1)).toEqual(["rope", "sampling", "lm_head", "unattributed"]);
  });
});

describe("a waterfall", () => {
  it("draws bars whose parts add up to the sum of their token", () => {
    const data = made(40);
    const chart = waterfallChart(data, { most: 20 });
    const layout = chart.layout(size);
    for (const { token } of layout.bars) {
      const box = chart.anchor(layout, token)!;
      expect(layout.scale.invert(box.y)).toBeCloseTo(sumOf(data, token), 6);
      expect(box.y + box.h).toBeCloseTo(layout.plot.y + layout.plot.h, 9);
    }
    const pen = new RecordingPen();
    chart.paint(pen, layout, palettes.light);
    const [first] = layout.bars;
    const parts = pen.drawn.filter(
      ({ kind, x, y }) => kind === "rect" && x === first!.x && y >= layout.plot.y,
    );
    const lowest = Math.max(...parts.map(({ y, h }) => y + h));
    // a pixel is the line between two parts
    expect(Math.abs(lowest - layout.plot.y - layout.plot.h)).toBeLessThanOrEqual(1);
    expect(Math.min(...parts.map(({ y }) => y))).toBeCloseTo(
      chart.anchor(layout, first!.token)!.y,
      6,
    );
  });

  it("ends its line at the total, never falling", () => {
    const data = made(60);
    const layout = waterfallChart(data).layout(size);
    const ys = layout.line.filter((_, i) => i % 2 === 1);
    ys.forEach((y, i) => i > 0 && expect(y).toBeLessThanOrEqual(ys[i - 1]!));
    const total = data.positions.reduce((sum, _, i) => sum + sumOf(data, i), 0);
    expect(layout.cumulative.invert(ys.at(-1)!)).toBeCloseTo(total, 6);
  });

  it("keeps the costliest token of those that share a pixel, and says so", () => {
    const data = made(5000);
    const chart = waterfallChart(data);
    const layout = chart.layout(size);
    expect(layout.bars.length).toBeLessThanOrEqual(layout.plot.w);
    layout.bars.forEach(({ token }, i) => {
      const from = i * layout.tokensPerBar;
      const end = Math.min(5000, from + layout.tokensPerBar);
      const most = Math.max(...Array.from({ length: end - from }, (_, k) => sumOf(data, from + k)));
      expect(sumOf(data, token)).toBeCloseTo(most, 9);
    });
    expect(chart.note!(layout)).toMatch(/costliest of \d+ tokens/);
  });

  it("is hit where its bars are", () => {
    const chart = waterfallChart(made(90), { view: [20, 60] });
    const layout = chart.layout(size);
    for (const { token, x, w } of layout.bars) {
      expect(token).toBeGreaterThanOrEqual(20);
      expect(token).toBeLessThan(60);
      expect(chart.hit(layout, x + w / 2, layout.plot.y + 10)).toBe(token);
    }
    expect(chart.anchor(layout, 19)).toBeNull();
    expect(chart.anchor(layout, 60)).toBeNull();
  });

  it("has a table with every series and the running total", () => {
    const data = made(30);
    const { rows, columns } = waterfallTable(data);
    expect(columns.length).toBe(NAMES.length + 3);
    let total = 0;
    rows.forEach((row, i) => {
      total += sumOf(data, i);
      expect(row[0]).toBe(i + 7);
      expect(row.at(-1)).toBeCloseTo(total, 9);
    });
  });
});
