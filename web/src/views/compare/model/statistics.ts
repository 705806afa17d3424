// SPDX-License-Identifier: MIT
// A comparison as rows of a table, in the way of Go's benchstat: an average ± 95 %, then what changed, how sure
// that is, and from how many runs. The figures are the server's (docs/compare.md); nothing is calculated anew.

import type { Comparison } from "../../../api/schema";
import {
  formatEnergy,
  formatPlain,
  formatPower,
  formatTime,
  UNKNOWN,
} from "../../../format/units";

/** The mean with Welch's test, or the median with Mann–Whitney's. */
export type Average = "mean" | "median";

type Metric = Comparison["metrics"][number];
type Side = Metric["groups"][number];
type Pair = Metric["comparisons"][number];

export interface StatCell {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
  /** Of each run, in the order of the group's runs. */
  readonly values: readonly (number | null)[];
}

export type Verdict = "better" | "worse" | "same" | "untested";

export interface StatDelta {
  /** Relative to the baseline: −0.1 is a tenth less; null where either is not known. */
  readonly change: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Corrected for everything that is compared; null where there is no test. */
  readonly p: number | null;
  readonly verdict: Verdict;
  readonly finding: string;
}

export interface StatRow {
  readonly metric: string;
  readonly title: string;
  readonly unit: string;
  /** One per group, the baseline first. */
  readonly cells: readonly StatCell[];
  /** One per group but the baseline. */
  readonly deltas: readonly StatDelta[];
}

function cellOf(side: Side, average: Average): StatCell {
  const [low, high] =
    average === "mean" ? [side.ci_low, side.ci_high] : [side.ci_median?.[0] ?? null, side.ci_median?.[1] ?? null];
  return { value: average === "mean" ? side.mean : side.median, low, high, n: side.n, values: side.values };
}

function verdictOf(change: number | null, p: number | null, alpha: number, higherIsBetter: boolean): Verdict {
  if (change === null || p === null) return "untested";
  if (!(p < alpha)) return "same";
  return change > 0 === higherIsBetter ? "better" : "worse";
}

function changeOf(pair: Pair, base: Side, side: Side, average: Average): number | null {
  if (average === "mean") return pair.ratio === null ? null : pair.ratio - 1;
  if (base.median === null || side.median === null || base.median === 0) return null;
  return side.median / base.median - 1;
}

function deltaOf(metric: Metric, pair: Pair, average: Average, alpha: number): StatDelta | null {
  const base = metric.groups[0];
  const side = metric.groups.find(({ group }) => group === pair.group);
  if (!base || !side) return null;
  const change = changeOf(pair, base, side, average);
  const p = average === "mean" ? pair.welch.p_holm : pair.mann_whitney.p_holm;
  const interval = average === "mean" && pair.ratio_ci_low !== null && pair.ratio_ci_high !== null;
  return {
    change,
    low: interval ? pair.ratio_ci_low! - 1 : null,
    high: interval ? pair.ratio_ci_high! - 1 : null,
    p,
    verdict: verdictOf(change, p, alpha, metric.higher_is_better),
    finding: pair.finding,
  };
}

export function statRows(comparison: Comparison, average: Average): StatRow[] {
  return comparison.metrics.map((metric) => ({
    metric: metric.metric,
    title: metric.title,
    unit: metric.unit,
    cells: metric.groups.map((side) => cellOf(side, average)),
    deltas: metric.comparisons
      .map((pair) => deltaOf(metric, pair, average, comparison.alpha))
      .filter((delta) => delta !== null),
  }));
}

/** A value in the unit that a metric of the comparison is in. */
export function formatIn(unit: string, value: number | null): string {
  if (value === null) return UNKNOWN;
  switch (unit) {
    case "J":
      return formatEnergy(value * 1e3);
    case "mJ":
      return formatEnergy(value);
    case "ms":
      return formatTime(value);
    case "mW":
      return formatPower(value);
    default:
      return formatPlain(value);
  }
}

/** "± 2 %": half the interval's width, of the value; empty where there is none. */
export function formatSpread({ value, low, high }: Pick<StatCell, "value" | "low" | "high">): string {
  if (value === null || low === null || high === null || value === 0) return "";
  const percent = (Math.max(high - value, value - low) / Math.abs(value)) * 100;
  return `±\u00a0${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)}\u00a0%`;
}

/** "+10.0 %", "−3.2 %", "~" where the difference is not significant. */
export function formatChange(delta: StatDelta): string {
  if (delta.change === null) return UNKNOWN;
  return delta.verdict === "same" ? "~" : signedPercent(delta.change);
}

export function signedPercent(ratio: number): string {
  const percent = ratio * 100;
  const digits = Math.abs(percent) >= 99.95 ? 0 : 1;
  const text = Math.abs(percent).toFixed(digits);
  const sign = Number(text) === 0 ? "±" : percent > 0 ? "+" : "−";
  return `${sign}${text}\u00a0%`;
}

export function formatP(p: number | null): string {
  if (p === null) return "no test";
  if (p < 0.0001) return "<\u00a00.0001";
  return p.toFixed(p < 0.001 ? 4 : 3);
}
