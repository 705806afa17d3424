// SPDX-License-Identifier: MIT
// The Sankey's nodes and links: the server's for a run or phase, or made of chosen passes.

import type { Flow } from "../../../api/schema";
import type { FlowData, FlowLink, FlowNode } from "../../../charts/sankey";
import type { Measure } from "./measure";
import { foldPasses } from "./stack";
import type { Stacks } from "./tree";

export function measuredFlow(flow: Flow, measure: Measure): FlowData {
  return {
    nodes: flow.nodes,
    links: flow.links.map((link) => ({
      source: link.source,
      target: link.target,
      value: measure.of(link),
    })),
    quantity: measure.quantity,
  };
}

const GROUP_NAME: Record<string, string> = { attention: "attention", mlp: "MLP", other: "other" };

/** Input → layers → attention, MLP and what lies outside → output, of some passes. */
export function flowOfPasses(stacks: Stacks, rows: readonly number[], measure: Measure): FlowData {
  const { layers, components, groups, passes } = stacks.time.head;
  const times = foldPasses(stacks.time, rows);
  const energies = stacks.energy ? foldPasses(stacks.energy, rows) : null;
  const nodes = new Map<string, FlowNode>();
  const links = new Map<
    string,
    { source: string; target: string; duration_ms: number; energy_mj: number | null }
  >();
  const flow = (
    source: FlowNode,
    target: FlowNode,
    duration_ms: number,
    energy_mj: number | null,
  ) => {
    nodes.set(source.id, source);
    nodes.set(target.id, target);
    const key = `${source.id} ${target.id}`;
    const held = links.get(key);
    if (held) {
      held.duration_ms += duration_ms;
      if (held.energy_mj !== null && energy_mj !== null) held.energy_mj += energy_mj;
    } else {
      links.set(key, { source: source.id, target: target.id, duration_ms, energy_mj });
    }
  };
  const input: FlowNode = { id: "input", name: "input", stage: 0 };
  const output: FlowNode = { id: "output", name: "output", stage: 3 };
  const through = (middle: FlowNode, group: FlowNode, duration: number, energy: number | null) => {
    flow(input, middle, duration, energy);
    flow(middle, group, duration, energy);
    flow(group, output, duration, energy);
  };
  const inside = { duration_ms: 0, energy_mj: energies ? 0 : null };
  layers.forEach((layer, row) => {
    const middle: FlowNode =
      layer < 0
        ? { id: "outside", name: "outside", stage: 1 }
        : { id: `layer:${layer}`, name: `${layer}`, stage: 1 };
    components.forEach((name, column) => {
      const cell = row * components.length + column;
      const duration = times[cell]!;
      if (Number.isNaN(duration)) return;
      const energy = energies ? energies[cell]! : null;
      const group = groups[column] ?? "other";
      const target: FlowNode =
        layer < 0
          ? { id: `component:${name}`, name, stage: 2 }
          : { id: group, name: GROUP_NAME[group] ?? group, stage: 2 };
      through(middle, target, duration, energy);
      inside.duration_ms += duration;
      if (inside.energy_mj !== null) inside.energy_mj += energy ?? 0;
    });
  });
  const whole = { duration_ms: 0, energy_mj: energies ? 0 : null };
  const apart = { duration_ms: 0, energy_mj: energies ? 0 : null };
  for (const row of rows) {
    const pass = passes[row]!;
    for (const sum of pass.profiled ? [whole] : [whole, apart]) {
      sum.duration_ms += pass.duration_ms;
      if (sum.energy_mj !== null) sum.energy_mj += pass.energy_mj ?? 0;
    }
  }
  const rest = {
    duration_ms: Math.max(0, whole.duration_ms - apart.duration_ms - inside.duration_ms),
    energy_mj:
      whole.energy_mj === null
        ? null
        : Math.max(0, whole.energy_mj - apart.energy_mj! - inside.energy_mj!),
  };
  for (const [id, name, sum] of [
    ["not_profiled", "not profiled", apart],
    ["unattributed", "unattributed", rest],
  ] as const) {
    if (sum.duration_ms > 0 || (sum.energy_mj ?? 0) > 0) {
      flow(input, { id, name, stage: 1 }, sum.duration_ms, sum.energy_mj);
      flow({ id, name, stage: 1 }, output, sum.duration_ms, sum.energy_mj);
    }
  }
  return {
    nodes: [...nodes.values()],
    links: [...links.values()].map((link): FlowLink => ({
      source: link.source,
      target: link.target,
      value: measure.of(link),
    })),
    quantity: measure.quantity,
  };
}
