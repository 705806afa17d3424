// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { randomFrom } from "../testing/random";
import {
  hitSankey,
  layoutSankey,
  ribbonOutline,
  sankeyChart,
  sankeyTable,
  type FlowData,
} from "./sankey";

function made(layers: number, seed = 1): FlowData {
  const random = randomFrom(seed);
  const parts = ["attention", "mlp", "other"];
  const into = new Map<string, number>();
  const links: FlowData["links"][number][] = [];
  for (let i = 0; i < layers; i++) {
    const values = parts.map(() => random() + 0.05);
    links.push({ source: "input", target: `layer:${i}`, value: values.reduce((a, b) => a + b, 0) });
    parts.forEach((part, k) => {
      links.push({ source: `layer:${i}`, target: part, value: values[k]! });
      into.set(part, (into.get(part) ?? 0) + values[k]!);
    });
  }
  for (const part of parts) links.push({ source: part, target: "output", value: into.get(part)! });
  const stage = (id: string) =>
    id === "input" ? 0 : id.startsWith("layer") ? 1 : id === "output" ? 3 : 2;
  const ids = [
    "input",
    ...Array.from({ length: layers }, (_, i) => `layer:${i}`),
    ...parts,
    "output",
  ];
  return {
    nodes: ids.map((id) => ({ id, name: id, stage: stage(id) })),
    links,
    quantity: quantities.energy,
  };
}

const size = { width: 800, height: 500 };

describe.each([1, 4, 32, 96])("the flow through %d layers", (layers) => {
  const data = made(layers);
  const layout = layoutSankey(data, size);

  it("keeps sums: what flows into a node flows out of it", () => {
    layout.nodes.forEach((box, i) => {
      const into = layout.ribbons.filter(({ target }) => target === i);
      const out = layout.ribbons.filter(({ source }) => source === i);
      const sum = (all: typeof into, key: "value" | "width") =>
        all.reduce((total, each) => total + each[key], 0);
      for (const side of [into, out]) {
        if (side.length === 0) continue;
        expect(sum(side, "value")).toBeCloseTo(box.value, 9);
        expect(sum(side, "width")).toBeCloseTo(box.h, 6);
      }
    });
    const input = layout.nodes.find(({ node }) => node.id === "input")!;
    const output = layout.nodes.find(({ node }) => node.id === "output")!;
    expect(input.value).toBeCloseTo(output.value, 9);
    expect(layout.total).toBeCloseTo(input.value, 9);
  });

  it("stacks ribbons on a side of a node without overlap, in the order of their other ends", () => {
    layout.nodes.forEach((box, i) => {
      for (const [mine, other, y] of [
        ["source", "target", "y0"],
        ["target", "source", "y1"],
      ] as const) {
        const side = layout.ribbons.filter((each) => each[mine] === i).sort((a, b) => a[y] - b[y]);
        let end = box.y;
        side.forEach((each, k) => {
          expect(each[y] - each.width / 2).toBeCloseTo(end, 6);
          end = each[y] + each.width / 2;
          if (k > 0) {
            expect(layout.nodes[each[other]]!.y).toBeGreaterThanOrEqual(
              layout.nodes[side[k - 1]![other]]!.y,
            );
          }
        });
      }
    });
  });

  it("puts stages from left to right, layers from top to bottom, inside the picture", () => {
    for (const { node, x, y, h } of layout.nodes) {
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y + h).toBeLessThanOrEqual(size.height + 1e-6);
      for (const other of layout.nodes) {
        if (other.node.stage > node.stage) expect(other.x).toBeGreaterThan(x);
      }
    }
    const column = layout.nodes.filter(({ node }) => node.stage === 1);
    column.forEach((box, i) => i > 0 && expect(box.y).toBeGreaterThan(column[i - 1]!.y));
  });

  it("is hit at nodes and ribbons", () => {
    layout.nodes.forEach(({ x, y, w, h }, index) => {
      if (h > 0.5) expect(hitSankey(layout, x + w / 2, y + h / 2)).toEqual({ kind: "node", index });
    });
    layout.ribbons.forEach((each) => {
      const found = hitSankey(layout, (each.x0 + each.x1) / 2, (each.y0 + each.y1) / 2);
      expect(found?.kind).toBe("link");
    });
    expect(hitSankey(layout, 400, 1)).toBeNull();
  });

  it("has a cursor that reaches every node", () => {
    const chart = sankeyChart(data);
    const seen = new Set<number>();
    let at = chart.step(layout, null, "right");
    for (let column = 0; column < 4; column++) {
      at = chart.step(layout, at, "first");
      for (let i = 0; i <= layers + 2; i++) {
        seen.add(at!.index);
        at = chart.step(layout, at, "down");
      }
      at = chart.step(layout, at, "right");
    }
    expect(seen.size).toBe(layout.nodes.length);
  });
});

it("a ribbon is as high as its width all along", () => {
  const outline = ribbonOutline({
    source: 0,
    target: 1,
    value: 1,
    width: 8,
    x0: 0,
    y0: 10,
    x1: 100,
    y1: 70,
  });
  const half = outline.length / 2;
  for (let i = 0; i < half; i += 2) {
    const below = outline.length - 2 - i;
    expect(outline[below]).toBeCloseTo(outline[i]!, 9);
    expect(outline[below + 1]! - outline[i + 1]!).toBeCloseTo(8, 9);
  }
  expect(outline[1]).toBe(6);
});

it("the table of a flow has every link, those not known too", () => {
  const data = made(2);
  const { rows } = sankeyTable({
    ...data,
    links: [...data.links, { source: "input", target: "layer:0", value: null }],
  });
  expect(rows.length).toBe(data.links.length + 1);
  expect(rows[0]).toEqual(["input", "layer 0", data.links[0]!.value]);
  expect(rows.at(-1)![2]).toBeNull();
});
