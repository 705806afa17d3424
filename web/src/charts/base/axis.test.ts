// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../../format/units";
import { palettes } from "../../testing/palettes";
import { RecordingPen } from "../../testing/recordingPen";
import { layoutLegend, paintAxisX, paintAxisY, paintColorBar, tickLabels, type LegendItem } from "./axis";
import { overlaps } from "./geometry";
import { fitText } from "./pen";
import { linearScale } from "./ticks";

const items = (count: number): LegendItem[] =>
  Array.from({ length: count }, (_, i) => ({
    label: "component_".repeat(1 + (i % 3)),
    kind: "area",
  }));

describe("a legend", () => {
  it.each([120, 300, 800, 4000])(
    "in %d pixels keeps to its width and shows every item",
    (width) => {
      const { places, height } = layoutLegend(items(12), 4, width);
      expect(places.length).toBe(12);
      for (const { y, x } of places) {
        expect(x).toBeGreaterThanOrEqual(4);
        expect(y).toBeLessThan(height);
      }
      for (const here of new Set(places.map(({ y }) => y))) {
        const row = places.filter(({ y }) => y === here);
        row.forEach(({ x }, i) => i > 0 && expect(x).toBeGreaterThan(row[i - 1]!.x + 40));
        if (row.length > 1) expect(row.at(-1)!.x).toBeLessThan(4 + width - 40);
      }
    },
  );

  it("of nothing takes no room", () => expect(layoutLegend([], 0, 100).height).toBe(0));
});

describe("tick labels", () => {
  it("share a unit, except over decades", () => {
    expect(tickLabels(quantities.energy, [0, 500, 1000]).unit).toBe("J");
    const wide = tickLabels(quantities.energy, [0.001, 1, 1000]);
    expect(wide.unit).toBe("");
    expect(wide.labels.map((label) => label.replaceAll("\u00a0", " "))).toEqual([
      "1 µJ",
      "1 mJ",
      "1 J",
    ]);
    expect(tickLabels(quantities.energy, []).labels).toEqual([]);
  });
});

describe("axes", () => {
  it.each([
    [60, 40],
    [200, 80],
    [1200, 400],
  ])("of a plot of %d × %d have no labels across each other", (w, h) => {
    const plot = { x: 56, y: 40, w, h };
    for (const top of [1, 37, 12345, 6e6]) {
      const pen = new RecordingPen();
      paintAxisX(
        pen,
        plot,
        linearScale([0, top], [plot.x, plot.x + w]),
        quantities.time,
        palettes.light,
      );
      paintAxisY(
        pen,
        plot,
        linearScale([0, top], [plot.y + h, plot.y]),
        quantities.power,
        palettes.light,
      );
      const texts = pen.drawn.filter(({ kind, text }) => kind === "text" && text);
      expect(texts.length).toBeGreaterThan(3);
      texts.forEach((a, i) =>
        texts
          .slice(i + 1)
          .forEach((b) => expect(overlaps(a, b), `${a.text} ${b.text}`).toBe(false)),
      );
    }
  });
});

describe("a colour bar", () => {
  const share = { name: "share", format: String, axis: (values: readonly number[]) => ({ unit: "", labels: values.map(String) }) };
  const labelsAt = (height: number) => {
    const pen = new RecordingPen();
    const scale = linearScale([0, 1], [16 + height, 16]);
    paintColorBar(pen, { x: 0, y: 16, w: 12, h: height }, palettes.light.energy, scale, share, palettes.light);
    return pen.drawn.filter(({ kind, text }) => kind === "text" && text);
  };

  it("names its ends when it is short, and no two labels overlap", () => {
    expect(labelsAt(24).map(({ text }) => text)).toEqual(["0", "1"]);
    expect(labelsAt(80).map(({ text }) => text)).toContain("0.5");
    for (const height of [20, 24, 30, 40, 60, 80, 200]) {
      const labels = labelsAt(height);
      labels.forEach((a, i) => labels.slice(i + 1).forEach((b) => expect(overlaps(a, b), `${height}`).toBe(false)));
    }
  });
});

describe("text that has to fit", () => {
  const pen = new RecordingPen();
  it("is whole, cut with an ellipsis, or gone", () => {
    expect(fitText(pen, "attention", 100)).toBe("attention");
    const cut = fitText(pen, "post_attention_layernorm", 80);
    expect(cut).toMatch(/^post_.*…$/);
    expect(pen.measure(cut)).toBeLessThanOrEqual(80);
    expect(fitText(pen, "post_attention_layernorm", 20)).toBe("");
    expect(fitText(pen, "", 20)).toBe("");
    expect(fitText(pen, "x", -5)).toBe("");
  });

  it("keeps characters outside the basic plane whole", () => {
    expect(fitText(pen, "🐎".repeat(30), 100)).toMatch(/^🐎+…$/u);
  });
});
