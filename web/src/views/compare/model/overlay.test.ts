// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { Block } from "../../../api/f32";
import type { LayerAverage, MatrixHead, Power } from "../../../api/schema";
import { difference, layerLine, originOf, shifted } from "./overlay";

const attribution = { model: "time", activity_known: false, reason: "" } as const;

function matrix(
  layers: number[],
  components: string[],
  values: (number | null)[][],
  change: Partial<MatrixHead> = {},
): Block<MatrixHead> {
  const head: MatrixHead = {
    run_id: "r",
    metric: "energy_mj",
    unit: "mJ",
    attribution,
    aggregate: "sum",
    layers,
    components,
    groups: components.map(() => "other" as const),
    passes: [0, 1].map((pass) => ({
      pass,
      phase: "decode" as const,
      position: pass,
      first_token: pass,
      tokens: 1,
      duration_ms: 1,
      energy_mj: 1,
      profiled: true,
    })),
    stack: false,
    min: null,
    max: null,
    rest: { unattributed: null, not_profiled: null },
    ...change,
  };
  return { head, values: Float32Array.from(values.flat(), (value) => value ?? Number.NaN) };
}

const rows = ({ values, components }: { values: Float64Array; components: string[] }) =>
  Array.from({ length: values.length / components.length }, (_, i) =>
    [...values.slice(i * components.length, (i + 1) * components.length)],
  );

describe("a difference of matrices", () => {
  const base = matrix([-1, 0, 1], ["q", "mlp"], [[null, 2], [4, 8], [0, 8]]);

  it("is per token, cell by cell", () => {
    const out = difference(base, matrix([-1, 0, 1], ["q", "mlp"], [[null, 6], [4, 4], [2, 8]]), false);
    expect(rows(out)).toEqual([[Number.NaN, 2], [0, -2], [1, 0]]);
    expect(out.missing).toBe(0);
  });

  it("counts profiled tokens only", () => {
    const passes = base.head.passes.map((pass, i) => ({ ...pass, profiled: i === 0, tokens: 4 }));
    const out = difference(base, matrix([0], ["mlp"], [[8]], { passes }), false);
    expect(out.values[out.layers.indexOf(0) * 2 + 1]).toBe(8 / 4 - 8 / 2);
  });

  it("leaves averages as they are", () => {
    const a = matrix([0], ["q"], [[1]], { aggregate: "average" });
    const b = matrix([0], ["q"], [[1.5]], { aggregate: "average" });
    expect(difference(a, b, false).values[0]).toBe(0.5);
    expect(difference(a, b, true).values[0]).toBe(0.5);
  });

  it("can be relative, and says what it cannot divide", () => {
    const out = difference(base, matrix([0, 1], ["q", "mlp"], [[6, 8], [2, 4]]), true);
    expect(rows(out)).toEqual([[Number.NaN, Number.NaN], [0.5, 0], [Number.NaN, -0.5]]);
    expect(out.missing).toBe(2); // a row that only one has, and 0
  });

  it("matches layers and components by name", () => {
    const out = difference(base, matrix([0, 2], ["q", "rope", "mlp"], [[4, 1, 8], [4, 1, 8]]), false);
    expect(out.layers).toEqual([-1, 0, 1, 2]);
    expect(out.components).toEqual(["q", "rope", "mlp"]);
    expect(rows(out)[1]).toEqual([0, Number.NaN, 0]);
    expect(out.missing).toBe(1 + 1 + 2 + 3);
  });
});

describe("runs over each other", () => {
  const power = {
    phases: [
      { phase: "prefill", start_ms: 2, end_ms: 5 },
      { phase: "decode", start_ms: 5, end_ms: 9 },
    ],
  } as Power;

  it("begin together, or with the first generated token", () => {
    expect(originOf(power, "start")).toBe(0);
    expect(originOf(power, "decode")).toBe(5);
    expect(originOf({ ...power, phases: [] }, "decode")).toBe(0);
    expect([...shifted([-1, 5, 6], 5)]).toEqual([-6, 0, 1]);
  });

  it("have a line of averages per layer", () => {
    const row = (layer: number, change: Partial<LayerAverage> = {}) =>
      ({
        phase: "decode",
        layer,
        passes: 4,
        duration_ms: 8,
        attention_ms: 4,
        mlp_ms: 2,
        energy_mj: 80,
        attention_energy_mj: 40,
        mlp_energy_mj: null,
        ...change,
      }) as LayerAverage;
    const all = [row(1), row(0), row(-1), row(2, { passes: 0 }), row(0, { phase: "prefill" })];
    expect(layerLine(all, "decode", "energy", "all")).toEqual({ layers: [0, 1], values: [20, 20] });
    expect(layerLine(all, "decode", "time", "attention").values).toEqual([1, 1]);
    expect(layerLine(all, "decode", "energy", "mlp").values).toEqual([null, null]);
  });
});
