// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { Comparison } from "../../../api/schema";
import { formatChange, formatIn, formatP, formatSpread, signedPercent, statRows } from "./statistics";

type Metric = Comparison["metrics"][number];

function side(group: string, values: number[], change: Partial<Metric["groups"][number]> = {}) {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    group,
    n: values.length,
    mean,
    sd: 1,
    median: sorted[values.length >> 1]!,
    min: sorted[0]!,
    max: sorted[values.length - 1]!,
    ci_low: mean - 0.1,
    ci_high: mean + 0.1,
    ci_method: "t" as const,
    ci_t: null,
    ci_bootstrap: null,
    ci_median: [sorted[0]!, sorted[values.length - 1]!],
    values,
    ...change,
  };
}

function comparison(metric: Partial<Metric>, welch: number | null, ranks: number | null): Comparison {
  const groups = metric.groups ?? [side("A", [1, 2, 3]), side("B", [2, 4, 9])];
  return {
    groups: [],
    confidence: 0.95,
    alpha: 0.05,
    decided_by: "welch",
    correction: "holm",
    bootstrap: {},
    per_token: [],
    gates: [],
    warnings: [],
    metrics: [
      {
        metric: "joules_per_token",
        title: "energy per token",
        unit: "J",
        higher_is_better: false,
        groups,
        comparisons: [
          {
            group: "B",
            ratio: 2.5,
            ratio_ci_low: 2,
            ratio_ci_high: 3,
            welch: { t: 1, df: 2, p: welch, p_holm: welch },
            mann_whitney: { u: 1, method: "exact", p: ranks, p_holm: ranks },
            hedges_g: 1,
            cliffs_delta: 1,
            significant: welch !== null && welch < 0.05,
            finding: "150.0 % higher (worse)",
            runs_needed: null,
            runs_needed_for_pct: null,
          },
        ],
        ...metric,
      },
    ],
  };
}

describe("rows of statistics", () => {
  it("take the mean with Welch's test", () => {
    const [row] = statRows(comparison({}, 0.01, 0.4), "mean");
    expect(row!.cells[0]).toMatchObject({ value: 2, low: 1.9, high: 2.1, n: 3 });
    expect(row!.deltas).toEqual([
      { change: 1.5, low: 1, high: 2, p: 0.01, verdict: "worse", finding: "150.0 % higher (worse)" },
    ]);
  });

  it("take the median with Mann–Whitney's", () => {
    const [row] = statRows(comparison({}, 0.01, 0.4), "median");
    expect(row!.cells[1]).toMatchObject({ value: 4, low: 2, high: 9 });
    expect(row!.deltas[0]).toMatchObject({ change: 1, low: null, high: null, p: 0.4, verdict: "same" });
  });

  it.each([
    [0.01, false, "worse"],
    [0.01, true, "better"],
    [0.05, false, "same"],
    [null, false, "untested"],
  ] as const)("p %s, higher is better: %s: %s", (p, higher_is_better, verdict) => {
    expect(statRows(comparison({ higher_is_better }, p, null), "mean")[0]!.deltas[0]!.verdict).toBe(verdict);
  });

  it("leave out what is not known", () => {
    const none = { mean: null, median: null, ci_low: null, ci_high: null, ci_median: null };
    const groups = [side("A", [1, 2, 3]), side("B", [2], none)];
    const unknown = comparison({ groups }, null, null);
    unknown.metrics[0]!.comparisons[0]!.ratio = null;
    for (const average of ["mean", "median"] as const) {
      const [row] = statRows(unknown, average);
      expect(row!.cells[1]!.value).toBeNull();
      expect(row!.deltas[0]).toMatchObject({ change: null, verdict: "untested" });
      expect(formatChange(row!.deltas[0]!)).toBe("—");
    }
  });
});

describe("figures", () => {
  it.each([
    ["J", 0.392, "392\u00a0mJ"],
    ["mJ", 1500, "1.50\u00a0J"],
    ["ms", 12, "12.0\u00a0ms"],
    ["mW", 9000, "9.00\u00a0W"],
    ["", 48.123, "48.1"],
    ["J", null, "—"],
  ])("in %s: %s is %s", (unit, value, text) => expect(formatIn(unit, value)).toBe(text));

  it.each([
    [{ value: 10, low: 9, high: 10.5 }, "±\u00a010\u00a0%"],
    [{ value: 10, low: 9.9, high: 10.1 }, "±\u00a01.0\u00a0%"],
    [{ value: -10, low: -11, high: -9 }, "±\u00a010\u00a0%"],
    [{ value: 0, low: -1, high: 1 }, ""],
    [{ value: 10, low: null, high: null }, ""],
  ])("spread of %o", (cell, text) => expect(formatSpread(cell)).toBe(text));

  it.each([
    [0.1, "+10.0\u00a0%"],
    [-0.0316, "−3.2\u00a0%"],
    [0.0001, "±0.0\u00a0%"],
    [12, "+1200\u00a0%"],
  ])("%s as a change", (ratio, text) => expect(signedPercent(ratio)).toBe(text));

  it.each([
    [null, "no test"],
    [0.00001, "<\u00a00.0001"],
    [0.0005, "0.0005"],
    [0.0312, "0.031"],
    [1, "1.000"],
  ])("p of %s", (p, text) => expect(formatP(p)).toBe(text));

  it("say ~ where the difference is not significant", () => {
    const delta = statRows(comparison({}, 0.5, null), "mean")[0]!.deltas[0]!;
    expect(formatChange(delta)).toBe("~");
    expect(formatChange({ ...delta, verdict: "untested" })).toBe("+150\u00a0%");
  });
});
