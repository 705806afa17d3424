// SPDX-License-Identifier: MIT
// What each token cost, component by component. Tokens that a pass evaluated together share it equally.

import type { MatrixPass, Token } from "../../../api/schema";
import type { WaterfallData, WaterfallSeries } from "../../../charts/waterfall";
import type { Measure } from "./measure";
import { EVERYTHING, includes, type Selection } from "./selection";
import { cellsOf, passMatrix } from "./stack";
import type { Stacks } from "./tree";

/** Layers and components whose cells count. */
export type WaterfallChoice = Pick<Selection, "layers" | "components">;

/** Per pass and component, then 'unattributed' and 'not profiled', in the measure. */
function passColumns(stacks: Stacks, measure: Measure, choice: WaterfallChoice) {
  const { head } = stacks.time;
  const columns = head.components.length;
  const values = Array.from({ length: columns + 2 }, () =>
    new Float64Array(head.passes.length).fill(Number.NaN),
  );
  const chosen = head.layers.flatMap((layer) =>
    head.components.map((name) => includes({ ...EVERYTHING, ...choice }, layer, name)),
  );
  head.passes.forEach((pass, index) => {
    const whole = measure.of(pass);
    if (whole === null) return;
    if (!pass.profiled) {
      values[columns + 1]![index] = whole;
      return;
    }
    const time = passMatrix(stacks.time, index);
    const energy = stacks.energy ? passMatrix(stacks.energy, index) : null;
    let inside = 0;
    for (let cell = 0; cell < cellsOf(head); cell++) {
      if (Number.isNaN(time[cell]!)) continue;
      const mj = energy ? energy[cell]! : Number.NaN;
      const value = measure.of({
        duration_ms: time[cell]!,
        energy_mj: Number.isNaN(mj) ? null : mj,
      });
      if (value === null) continue;
      inside += value;
      if (!chosen[cell]) continue;
      const column = cell % columns;
      const held = values[column]![index]!;
      values[column]![index] = Number.isNaN(held) ? value : held + value;
    }
    values[columns]![index] = Math.max(0, whole - inside);
  });
  return values;
}

/** Rows of passes and tokens in the order of evaluation; `tokens` may be a part of the run's. */
export function waterfallOf(
  stacks: Stacks,
  tokens: readonly Token[],
  measure: Measure,
  choice: WaterfallChoice,
): WaterfallData {
  const { head } = stacks.time;
  const rowOf = new Map(head.passes.map((pass, row) => [pass.pass, row]));
  const rows = tokens.map((token) => rowOf.get(token.pass) ?? -1);
  const columns = passColumns(stacks, measure, choice);
  const perToken = (column: Float64Array) =>
    Float64Array.from(rows, (row) =>
      row < 0 ? Number.NaN : column[row]! / tokensOf(head.passes[row]!),
    );
  const names = [...head.components, "unattributed", "not profiled"];
  const filtered = choice.layers !== null || choice.components.length > 0;
  const series = names
    .map((name, i): WaterfallSeries => ({ name, values: perToken(columns[i]!) }))
    // What belongs to no layer and no component is left out where some were chosen, unless by name.
    .filter(
      ({ name }, i) => i < head.components.length || !filtered || choice.components.includes(name),
    )
    .filter(({ values }) => Array.prototype.some.call(values, (value: number) => value > 0));
  return {
    positions: tokens.map((token) => token.index),
    texts: tokens.map((token) => token.text),
    series,
    quantity: measure.quantity,
  };
}

const tokensOf = (pass: MatrixPass): number => Math.max(1, pass.tokens);
