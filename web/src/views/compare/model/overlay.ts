// SPDX-License-Identifier: MIT
// Several runs laid over each other: power over time, averages per layer, cells of the layer × component matrix.

import type { Block } from "../../../api/f32";
import type { LayerAverage, MatrixHead, Phase, Power } from "../../../api/schema";

export type Align = "start" | "decode";

/** Times that become 0 when runs are laid over each other. */
export function originOf(power: Power, align: Align): number {
  if (align === "start") return 0;
  return power.phases.find(({ phase }) => phase === "decode")?.start_ms ?? 0;
}

export function shifted(times: readonly number[], origin: number): Float64Array {
  return Float64Array.from(times, (time) => time - origin);
}

export type LayerValue = "energy" | "time";
export type LayerPart = "all" | "attention" | "mlp";

export interface LayerLine {
  readonly layers: number[];
  /** mJ or ms per profiled pass: of decode a generated token, of prefill a chunk of the prompt. */
  readonly values: (number | null)[];
}

function partOf(row: LayerAverage, value: LayerValue, part: LayerPart): number | null {
  const energy = { all: row.energy_mj, attention: row.attention_energy_mj, mlp: row.mlp_energy_mj };
  const time = { all: row.duration_ms, attention: row.attention_ms, mlp: row.mlp_ms };
  return value === "energy" ? energy[part] : time[part];
}

/** A run's averages per layer; what is outside the layers is left out. */
export function layerLine(
  rows: readonly LayerAverage[],
  phase: Phase,
  value: LayerValue,
  part: LayerPart,
): LayerLine {
  const mine = rows
    .filter((row) => row.phase === phase && row.layer >= 0 && row.passes > 0)
    .sort((a, b) => a.layer - b.layer);
  return {
    layers: mine.map((row) => row.layer),
    values: mine.map((row) => {
      const sum = partOf(row, value, part);
      return sum === null ? null : sum / row.passes;
    }),
  };
}

export interface Difference {
  readonly layers: number[];
  readonly components: string[];
  /** layers × components, row after row; NaN where one of the two has no such cell or no value. */
  readonly values: Float64Array;
  readonly missing: number;
}

// Sums are compared per profiled token; averages and maxima as they are.
function divisor(head: MatrixHead): number {
  if (head.aggregate !== "sum") return 1;
  return head.passes.reduce((sum, pass) => sum + (pass.profiled ? pass.tokens : 0), 0) || Number.NaN;
}

function cellsOf({ head, values }: Block<MatrixHead>): Map<string, number> {
  const tokens = divisor(head);
  const cells = new Map<string, number>();
  head.layers.forEach((layer, row) => {
    head.components.forEach((component, column) => {
      const value = values[row * head.components.length + column] ?? Number.NaN;
      if (!Number.isNaN(value)) cells.set(`${layer} ${component}`, value / tokens);
    });
  });
  return cells;
}

// Names in the order of the first list; those only in the second one behind the name they follow there.
function merged(first: readonly string[], second: readonly string[]): string[] {
  const out = [...first];
  second.forEach((name, i) => {
    if (out.includes(name)) return;
    const before = i === 0 ? -1 : out.indexOf(second[i - 1]!);
    out.splice(before + 1, 0, name);
  });
  return out;
}

/**
 * `other` − `base` in each cell, per token where the metric adds up; `relative` divides by `base`. Layers are matched
 * by their number, components by their name; what only one of the two has is NaN.
 */
export function difference(base: Block<MatrixHead>, other: Block<MatrixHead>, relative: boolean): Difference {
  const layers = [...new Set([...base.head.layers, ...other.head.layers])].sort((a, b) => a - b);
  const components = merged(base.head.components, other.head.components);
  const [before, after] = [cellsOf(base), cellsOf(other)];
  const values = new Float64Array(layers.length * components.length).fill(Number.NaN);
  let missing = 0;
  layers.forEach((layer, row) => {
    components.forEach((component, column) => {
      const key = `${layer} ${component}`;
      const [a, b] = [before.get(key), after.get(key)];
      if (a === undefined && b === undefined) return;
      if (a === undefined || b === undefined || (relative && a === 0)) {
        missing++;
        return;
      }
      values[row * components.length + column] = relative ? (b - a) / a : b - a;
    });
  });
  return { layers, components, values, missing };
}
