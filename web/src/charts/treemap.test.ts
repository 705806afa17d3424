// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { randomFrom } from "../testing/random";
import { contains, overlaps } from "./base/geometry";
import {
  closeSums,
  divide,
  layoutTreemap,
  nodeAt,
  treemapChart,
  treemapTable,
  type TreeNode,
} from "./treemap";

const KINDS = ["run", "phase", "layer", "component", "operation"];

function made(seed: number, depth = 0, random = randomFrom(seed), name = "run"): TreeNode {
  const kind = KINDS[depth]!;
  if (depth === 4) return { name, kind, value: random() ** 3 * 10 };
  const children = Array.from({ length: [2, 12, 6, 3][depth]! }, (_, i) =>
    made(seed, depth + 1, random, `${kind}${i}`),
  );
  const sum = children.reduce((total, child) => total + child.value!, 0);
  return { name, kind, value: sum * (1 + random() * 0.1), children };
}

const options = { quantity: quantities.energy, path: [] };
const size = { width: 900, height: 600 };

function eachNode(node: TreeNode, visit: (node: TreeNode) => void): void {
  visit(node);
  node.children?.forEach((child) => eachNode(child, visit));
}

describe("closed sums", () => {
  it("make children and unattributed the parent, at every level", () => {
    eachNode(closeSums(made(1)), ({ children, value }) => {
      if (!children) return;
      expect(children.reduce((sum, child) => sum + child.value!, 0)).toBeCloseTo(value!, 9);
    });
  });

  it("add nothing where nothing is left", () => {
    const tree = {
      name: "a",
      kind: "phase",
      value: 0.3,
      children: [0.1, 0.2].map((value, i) => ({ name: `${i}`, kind: "layer", value })),
    };
    expect(closeSums(tree).children).toHaveLength(2);
  });

  it("take the sum where the whole is not known", () => {
    const tree = {
      name: "a",
      kind: "phase",
      value: null,
      children: [{ name: "b", kind: "layer", value: 4 }],
    };
    expect(closeSums(tree).value).toBe(4);
  });
});

describe("division of a box", () => {
  it("gives areas that are the values and together the box, without overlap", () => {
    const random = randomFrom(2);
    for (let k = 0; k < 50; k++) {
      const values = Array.from(
        { length: 1 + Math.floor(random() * 40) },
        () => random() ** 4 + 1e-4,
      );
      values.sort((a, b) => b - a);
      const box = { x: 5, y: 7, w: 50 + 800 * random(), h: 50 + 400 * random() };
      const parts = divide(values, box);
      const sum = values.reduce((a, b) => a + b, 0);
      parts.forEach((part, i) => {
        expect((part.w * part.h) / (box.w * box.h)).toBeCloseTo(values[i]! / sum, 9);
        expect(part.x).toBeGreaterThanOrEqual(box.x - 1e-6);
        expect(part.x + part.w).toBeLessThanOrEqual(box.x + box.w + 1e-6);
        expect(part.y + part.h).toBeLessThanOrEqual(box.y + box.h + 1e-6);
        const inner = { x: part.x + 1e-6, y: part.y + 1e-6, w: part.w - 2e-6, h: part.h - 2e-6 };
        parts.slice(i + 1).forEach((other) => expect(overlaps(inner, other)).toBe(false));
      });
    }
  });

  it("of nothing is nothing", () => expect(divide([], { x: 0, y: 0, w: 9, h: 9 })).toEqual([]));
});

describe("a treemap", () => {
  const tree = closeSums(made(3));
  const chart = treemapChart(tree, options);
  const layout = chart.layout(size);

  it("draws children inside their parents, larger first", () => {
    for (const box of layout.boxes) {
      if (box.depth === 0) continue;
      const parent = layout.boxes[layout.byPath.get(box.path.slice(0, -1).join("\u0000"))!]!;
      expect(parent.split).toBe(true);
      expect(box.x).toBeGreaterThanOrEqual(parent.x);
      expect(box.y).toBeGreaterThanOrEqual(parent.y);
      expect(box.x + box.w).toBeLessThanOrEqual(parent.x + parent.w + 1e-6);
      expect(box.y + box.h).toBeLessThanOrEqual(parent.y + parent.h + 1e-6);
    }
    const phases = layout.boxes.filter(({ depth }) => depth === 1);
    phases.forEach(
      (box, i) => i > 0 && expect(box.value).toBeLessThanOrEqual(phases[i - 1]!.value),
    );
    expect(phases.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(layout.total, 9);
  });

  it("gives siblings areas in proportion to their values", () => {
    for (const { path, split } of layout.boxes) {
      if (!split) continue;
      const children = layout.boxes.filter(
        ({ path: p }) => p.length === path.length + 1 && path.every((name, i) => p[i] === name),
      );
      // half a pixel of each side is the gap
      const areas = children.map(({ w, h }) => (w + 1) * (h + 1));
      const whole = areas.reduce((a, b) => a + b, 0);
      const sum = children.reduce((total, { value }) => total + value, 0);
      children.forEach(({ w, h, value }, i) => {
        if (w > 0 && h > 0) expect(areas[i]! / whole).toBeCloseTo(value / sum, 2);
      });
    }
  });

  it("is hit at the innermost box", () => {
    for (const box of layout.boxes) {
      if (box.split || box.w < 2 || box.h < 2) continue;
      expect(chart.hit(layout, box.x + box.w / 2, box.y + box.h / 2)).toEqual(box.path);
    }
    expect(chart.hit(layout, 450, 2)).toBeNull();
    for (const box of layout.boxes) expect(chart.anchor(layout, box.path)).toBe(box);
  });

  it("does not split what is too small, says so, and splits it once it fills the chart", () => {
    const small = layout.boxes.find(({ split, node }) => !split && node.children?.length)!;
    expect(chart.note!(layout)).not.toBeNull();
    const near = layoutTreemap(tree, { ...options, path: small.path }, size);
    expect(near.boxes[0]!.path).toEqual(small.path);
    expect(near.boxes.length).toBe(
      1 + small.node.children!.filter(({ value }) => value! > 0).length,
    );
  });

  it("goes as deep as a path leads, and no deeper", () => {
    expect(nodeAt(tree, ["run0", "phase3"]).node.kind).toBe("layer");
    expect(nodeAt(tree, ["run0", "nowhere", "x"]).path).toEqual(["run0"]);
    expect(nodeAt(tree, ["unattributed"]).path).toEqual([]);
  });

  it("steps through siblings by size, to the largest child and back", () => {
    const [, first] = layout.boxes;
    expect(chart.step(layout, null, "right")).toEqual(first!.path);
    const down = chart.step(layout, first!.path, "down")!;
    expect(down.slice(0, -1)).toEqual(first!.path);
    expect(chart.step(layout, down, "up")).toEqual(first!.path);
    const next = chart.step(layout, down, "right")!;
    const value = (path: readonly string[]) =>
      layout.boxes[layout.byPath.get(path.join("\u0000"))!]!.value;
    expect(value(next)).toBeLessThanOrEqual(value(down));
    expect(chart.step(layout, next, "left")).toEqual(down);
  });

  it("draws 2 880 leaves or what there is room for, in order", () => {
    const leaves: TreeNode = {
      name: "run",
      kind: "run",
      value: 2880,
      children: Array.from({ length: 2880 }, (_, i) => ({
        name: `${i}`,
        kind: "component",
        value: 1,
      })),
    };
    const all = layoutTreemap(leaves, options, size).boxes;
    expect(all.length).toBe(2881);
    expect(all.every((box) => contains({ x: -1, y: -1, w: 902, h: 602 }, box.x, box.y))).toBe(true);
  });
});

it("the table of a treemap has every node with its share of the parent", () => {
  const tree = closeSums(made(4));
  const { rows } = treemapTable(tree, quantities.energy);
  let nodes = 0;
  eachNode(tree, () => nodes++);
  expect(rows.length).toBe(nodes);
  expect(rows[0]).toEqual(["run", "run", tree.value, null]);
  const phases = rows.filter(([path]) => !String(path).includes("›")).slice(1);
  expect(phases.reduce((sum, row) => sum + (row[3] as number), 0)).toBeCloseTo(100, 9);
});
