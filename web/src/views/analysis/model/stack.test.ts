// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { MatrixHead } from "../../../api/schema";
import { sampleRun } from "../../../testing/sampleRun";
import {
  colorRange,
  foldPasses,
  passesOfTokens,
  passMatrix,
  passOfToken,
  restOf,
  type Stack,
} from "./stack";

const run = sampleRun({ promptTokens: 3, outputTokens: 5, bare: [2] });
const { time } = run.stacks;
const energy = run.stacks.energy!;

function small(aggregate: MatrixHead["aggregate"], matrices: number[][]): Stack {
  const pass = run.stacks.time.head.passes[0]!;
  return {
    head: {
      ...time.head,
      aggregate,
      layers: [0],
      components: matrices[0]!.map((_, i) => `c${i}`),
      groups: matrices[0]!.map(() => "other" as const),
      passes: matrices.map((_, i) => ({ ...pass, pass: i })),
    },
    values: Float32Array.from(matrices.flat()),
  };
}

describe("passes", () => {
  it("are found by each of their tokens", () => {
    const found = Array.from({ length: 9 }, (_, token) => passOfToken(time.head.passes, token));
    expect(found).toEqual([0, 0, 0, 1, 2, 3, 4, 5, -1]);
    expect(passOfToken([], 0)).toBe(-1);
  });

  it("of a range are those which evaluated one of its tokens", () => {
    expect(passesOfTokens(time.head.passes, [2, 4])).toEqual([0, 1, 2]);
    expect(passesOfTokens(time.head.passes, [3, 3])).toEqual([1]);
    expect(passesOfTokens(time.head.passes, null)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(passesOfTokens(time.head.passes, [40, 50])).toEqual([]);
  });

  it("are slices without a copy", () => {
    const matrix = passMatrix(time, 1);
    expect(matrix.buffer).toBe(time.values.buffer);
    expect(matrix.length).toBe(time.head.layers.length * time.head.components.length);
  });
});

describe("several passes", () => {
  const matrices = [
    [1, Number.NaN, 5],
    [3, Number.NaN, Number.NaN],
  ];

  it.each([
    ["sum", [4, Number.NaN, 5]],
    ["average", [2, Number.NaN, 5]],
    ["max", [3, Number.NaN, 5]],
  ] as const)(
    "become one by %s, over the passes in which a cell is known",
    (aggregate, expected) => {
      expect([...foldPasses(small(aggregate, matrices), [0, 1])]).toEqual(expected);
    },
  );

  it("make power as energy over time, not as the average of powers", () => {
    const parts = { energy: small("sum", [[10], [30]]), time: small("sum", [[1], [9]]) };
    const power = small("ratio", [[10_000], [3333]]);
    expect([...foldPasses(power, [0, 1], parts)]).toEqual([4000]);
    expect(foldPasses(power, [0, 1])[0]).toBeNaN();
  });

  it("of none are known nowhere", () => {
    expect(foldPasses(time, []).every(Number.isNaN)).toBe(true);
  });

  it("add up, with what is in no cell, to what the passes cost", () => {
    const rows = [0, 1, 2, 3, 4, 5];
    for (const [stack, of] of [
      [energy, (pass: { energy_mj: number | null }) => pass.energy_mj],
      [time, (pass: { duration_ms: number }) => pass.duration_ms],
    ] as const) {
      const cells = foldPasses(stack, rows).reduce(
        (sum, value) => sum + (Number.isNaN(value) ? 0 : value),
        0,
      );
      const rest = restOf(stack, rows, of);
      const whole = stack.head.passes.reduce((sum, pass) => sum + of(pass)!, 0);
      expect(rest.notProfiled).toBeCloseTo(of(stack.head.passes[3]!)!, 6);
      expect(rest.unattributed).toBeGreaterThan(0);
      expect(cells + rest.unattributed + rest.notProfiled).toBeCloseTo(whole, 6);
    }
  });
});

describe("the range of colours", () => {
  it("is that of all passes", () => {
    expect(
      colorRange(
        small("sum", [
          [1, 2, 3],
          [4, Number.NaN, 9],
        ]),
        [0, 1],
      ),
    ).toEqual({ range: [1, 9], clipped: false });
    expect(colorRange(small("sum", [[Number.NaN]]), [0])).toBeNull();
  });

  it("leaves out a few passes that were far slower, and says so", () => {
    const usual = Array.from({ length: 95 }, (_, i) => [1 + (i % 10) / 10, 0.1]);
    const slow = Array.from({ length: 5 }, () => [500, 400]);
    const stack = small("sum", [...usual, ...slow]);
    const rows = stack.head.passes.map((_, i) => i);
    const found = colorRange(stack, rows)!;
    expect(found.clipped).toBe(true);
    expect(found.range[0]).toBeCloseTo(0.1, 5);
    expect(found.range[1]).toBeCloseTo(1.9, 5);
  });

  it("is whole where nothing is far above the rest", () => {
    const stack = small(
      "sum",
      Array.from({ length: 50 }, (_, i) => [1 + i / 250]),
    );
    const found = colorRange(
      stack,
      stack.head.passes.map((_, i) => i),
    )!;
    expect(found.clipped).toBe(false);
    expect(found.range[1]).toBeCloseTo(1.196, 5);
  });
});
