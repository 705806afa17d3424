// SPDX-License-Identifier: MIT
// The treemap's tree: the server's for the whole run, or made of the matrices of chosen passes.

import type { TreeNode as ApiNode, Phase } from "../../../api/schema";
import type { TreeNode } from "../../../charts/treemap";
import type { Costed, Measure } from "./measure";
import { passMatrix, type Stack } from "./stack";

/** The same tree with one value a node. */
export function measuredTree(node: ApiNode, measure: Measure): TreeNode {
  const { kind, value, name } = { kind: node.kind, value: measure.of(node), name: nodeName(node) };
  return node.children
    ? { kind, name, value, children: node.children.map((child) => measuredTree(child, measure)) }
    : { kind, name, value };
}

function nodeName(node: ApiNode): string {
  return node.kind === "layer"
    ? `${node.layer ?? node.name}`
    : node.name.replaceAll("_", node.kind === "phase" ? " " : "_");
}

export interface Stacks {
  readonly time: Stack;
  /** null without a power source. */
  readonly energy: Stack | null;
}

interface Growing extends Costed {
  duration_ms: number;
  energy_mj: number | null;
}

const nothing = (energy: boolean): Growing => ({ duration_ms: 0, energy_mj: energy ? 0 : null });

function grow(sum: Growing, duration_ms: number, energy_mj: number | null): void {
  sum.duration_ms += duration_ms;
  if (energy_mj !== null && sum.energy_mj !== null) sum.energy_mj += energy_mj;
}

interface PhaseSums {
  readonly whole: Growing;
  readonly notProfiled: Growing;
  /** By row of the matrix, then column; undefined where there is nothing. */
  readonly cells: (Growing | undefined)[];
}

function sumPhases({ time, energy }: Stacks, rows: readonly number[]): Map<Phase, PhaseSums> {
  const phases = new Map<Phase, PhaseSums>();
  for (const row of rows) {
    const pass = time.head.passes[row]!;
    const known = energy !== null;
    let sums = phases.get(pass.phase);
    if (!sums)
      phases.set(
        pass.phase,
        (sums = { whole: nothing(known), notProfiled: nothing(known), cells: [] }),
      );
    grow(sums.whole, pass.duration_ms, pass.energy_mj);
    if (!pass.profiled) {
      grow(sums.notProfiled, pass.duration_ms, pass.energy_mj);
      continue;
    }
    const durations = passMatrix(time, row);
    const energies = energy ? passMatrix(energy, row) : null;
    for (let cell = 0; cell < durations.length; cell++) {
      const duration = durations[cell]!;
      if (Number.isNaN(duration)) continue;
      const mj = energies?.[cell] ?? Number.NaN;
      grow((sums.cells[cell] ??= nothing(known)), duration, Number.isNaN(mj) ? null : mj);
    }
  }
  return phases;
}

/**
 * Phases > layers > components of some passes. What the cells leave of the passes is
 * 'unattributed', so that children add up to their parent.
 */
export function treeOfPasses(stacks: Stacks, rows: readonly number[], measure: Measure): TreeNode {
  const { layers, components } = stacks.time.head;
  const children = [...sumPhases(stacks, rows)].map(([phase, sums]): TreeNode => {
    const inside = nothing(stacks.energy !== null);
    const nodes: TreeNode[] = [];
    layers.forEach((layer, row) => {
      const sum = nothing(stacks.energy !== null);
      const parts: TreeNode[] = [];
      components.forEach((name, column) => {
        const cell = sums.cells[row * components.length + column];
        if (!cell) return;
        grow(sum, cell.duration_ms, cell.energy_mj);
        parts.push({ kind: "component", name, value: measure.of(cell) });
      });
      if (parts.length === 0) return;
      grow(inside, sum.duration_ms, sum.energy_mj);
      const outside = layer < 0;
      nodes.push({
        kind: outside ? "outside" : "layer",
        name: outside ? "outside" : `${layer}`,
        value: measure.of(sum),
        children: parts,
      });
    });
    if (sums.notProfiled.duration_ms > 0) {
      grow(inside, sums.notProfiled.duration_ms, sums.notProfiled.energy_mj);
      nodes.push({
        kind: "not_profiled",
        name: "not profiled",
        value: measure.of(sums.notProfiled),
      });
    }
    const rest: Costed = {
      duration_ms: Math.max(0, sums.whole.duration_ms - inside.duration_ms),
      energy_mj:
        sums.whole.energy_mj === null || inside.energy_mj === null
          ? null
          : Math.max(0, sums.whole.energy_mj - inside.energy_mj),
    };
    nodes.push({ kind: "unattributed", name: "unattributed", value: measure.of(rest) });
    return {
      kind: "phase",
      name: phase.replace("_", " "),
      value: measure.of(sums.whole),
      children: nodes,
    };
  });
  const known = children.filter((child) => child.value !== null);
  const value = known.length ? known.reduce((sum, child) => sum + child.value!, 0) : null;
  return { kind: "run", name: "selection", value, children };
}
