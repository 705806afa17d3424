// SPDX-License-Identifier: MIT
// Energy is conserved in whatever the panels show: children add up to their parent, flows into a node to
// flows out of it, bars to their tokens, in every measure.

import { describe, expect, it } from "vitest";
import type { FlowData } from "../../../charts/sankey";
import type { TreeNode } from "../../../charts/treemap";
import { sampleRun } from "../../../testing/sampleRun";
import { flowOfPasses, measuredFlow } from "./flow";
import { idleEnergy, measureOf, type MeasureName } from "./measure";
import { chosenPasses, EVERYTHING } from "./selection";
import { measuredTree, treeOfPasses, type Stacks } from "./tree";
import { waterfallOf } from "./waterfall";

const run = sampleRun({
  promptTokens: 4,
  outputTokens: 8,
  bare: [3, 5],
  weight: (phase, layer, component) =>
    (phase === "prefill" ? 0.4 : 1) * (1 + (layer % 3)) * (component === "down_proj" ? 2.5 : 1),
});
const stacks: Stacks = run.stacks;
const passes = stacks.time.head.passes;
const all = chosenPasses(EVERYTHING, passes, run.tokens);
const measures = (["gross", "net", "time"] as MeasureName[]).map(
  (name) => [name, measureOf(name, run.report)] as const,
);

// Values of matrices are single precision.
const close = (a: number, b: number) =>
  expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(b)));

function expectClosed(node: TreeNode): void {
  if (!node.children) return;
  close(
    node.children.reduce((sum, child) => sum + child.value!, 0),
    node.value!,
  );
  node.children.forEach(expectClosed);
}

function expectBalanced({ nodes, links }: FlowData): { into: number; outOf: number } {
  for (const { id } of nodes) {
    const into = links
      .filter((link) => link.target === id)
      .reduce((sum, link) => sum + link.value!, 0);
    const outOf = links
      .filter((link) => link.source === id)
      .reduce((sum, link) => sum + link.value!, 0);
    if (id !== "input" && id !== "output") close(into, outOf);
  }
  const at = (end: "source" | "target", id: string) =>
    links.filter((link) => link[end] === id).reduce((sum, link) => sum + link.value!, 0);
  return { into: at("target", "output"), outOf: at("source", "input") };
}

describe.each(measures)("%s", (name, measure) => {
  const passSum = (rows: readonly number[]) =>
    rows.reduce((sum, row) => sum + measure.of(passes[row]!)!, 0);

  it("closes in the server's tree", () => {
    const tree = measuredTree(run.tree, measure);
    expect(tree.value).toBe(measure.of(run.tree));
    expectClosed(tree);
  });

  it.each([[all], [[0]], [[1]], [[2, 3, 4]], [[4]], [[]]])(
    "closes in the tree of passes %j",
    (rows) => {
      const tree = treeOfPasses(stacks, rows, measure);
      expectClosed(tree);
      close(tree.value ?? 0, passSum(rows));
    },
  );

  it("flows through the server's Sankey and that of passes alike", () => {
    const server = expectBalanced(measuredFlow(run.flow, measure));
    const own = expectBalanced(flowOfPasses(stacks, all, measure));
    close(own.into, own.outOf);
    close(own.outOf, passSum(all));
    close(server.outOf, own.outOf);
  });

  it("is whole in each token's bar", () => {
    const data = waterfallOf(stacks, run.tokens, measure, { layers: null, components: [] });
    run.tokens.forEach((token, i) => {
      const bar = data.series.reduce(
        (sum, { values }) => sum + (Number.isNaN(values[i]!) ? 0 : values[i]!),
        0,
      );
      close(bar, measure.of(token)!);
    });
    expect(data.series.map((series) => series.name)).toContain("not profiled");
  });

  it("is a part of each bar where layers are chosen, and the parts add up", () => {
    const whole = waterfallOf(stacks, run.tokens, measure, { layers: null, components: [] });
    const parts = (
      [
        [0, 1],
        [2, 3],
      ] as const
    ).map((layers) => waterfallOf(stacks, run.tokens, measure, { layers, components: [] }));
    const sum = (data: typeof whole, component: string, i: number) =>
      data.series.find((series) => series.name === component)?.values[i] ?? 0;
    run.tokens.forEach((token, i) => {
      if (!token.profiled) return;
      close(
        parts.reduce((total, part) => total + sum(part, "down_proj", i), 0),
        sum(whole, "down_proj", i),
      );
    });
    expect(parts[0]!.series.map((series) => series.name)).not.toContain("unattributed");
    expect(parts[0]!.series.map((series) => series.name)).not.toContain("lm_head");
    expect(name).toBeTruthy();
  });
});

describe("measures", () => {
  it("are what there is: no idle power, no net; no energy, time", () => {
    const nothing = { total_energy_mj: null, idle_power_mw: null };
    expect(measureOf("net", { ...run.report, idle_power_mw: null }).name).toBe("gross");
    expect(measureOf("net", nothing).name).toBe("time");
    expect(measureOf("gross", nothing).name).toBe("time");
  });

  it("leave idle energy out of net", () => {
    const measure = measureOf("net", run.report);
    expect(measure.of({ energy_mj: 100, duration_ms: 10 })).toBeCloseTo(
      100 - idleEnergy(5000, 10),
      9,
    );
    expect(measure.of({ energy_mj: null, duration_ms: 10 })).toBeNull();
    expect(measure.of(run.tree)).toBeCloseTo(run.report.net_energy_mj!, 6);
  });

  it("work without a power source", () => {
    const dark = sampleRun({ withoutPower: true });
    const time = measureOf("gross", dark.report);
    const tree = treeOfPasses(dark.stacks, [0, 1], time);
    expectClosed(tree);
    expectBalanced(flowOfPasses(dark.stacks, [0, 1], time));
    expect(
      waterfallOf(dark.stacks, dark.tokens, time, { layers: null, components: [] }).series.length,
    ).toBeGreaterThan(3);
  });
});
