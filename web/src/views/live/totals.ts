// SPDX-License-Identifier: MIT
// The running totals: what the progress frames say while a run goes on, its summary when it has ended.

import type { Grade } from "../../api/schema";
import type { LiveRun } from "../../live/run";

export interface Totals {
  readonly energyMj: number | null;
  readonly joulesPerToken: number | null;
  readonly tokensPerSecond: number | null;
  readonly powerMw: number | null;
  readonly peakMw: number | null;
  readonly outputTokens: number | null;
  readonly elapsedMs: number | null;
  readonly grade: Grade | null;
  /** Why a net figure is not there. */
  readonly noNet: string | null;
}

const WORST_FIRST: readonly Grade[] = [
  "unavailable",
  "estimated",
  "attributed",
  "interpolated",
  "measured",
];

function gradeOf(run: LiveRun): Grade | null {
  if (run.summary) return run.summary.power.grade;
  const last = run.tokens.at(-1)?.grade ?? null;
  // tokens are short, so that even a good sensor is interpolated for one; of a whole run only the kind is told
  return last !== null && WORST_FIRST.indexOf(last) <= 1 ? last : null;
}

export function totalsOf(run: LiveRun, kind: "gross" | "net"): Totals {
  const { progress, summary } = run;
  const grade = gradeOf(run);
  if (!summary) {
    const isNet = kind === "net";
    return {
      energyMj: isNet ? null : (progress?.total_energy_mj ?? null),
      joulesPerToken: isNet ? null : (progress?.joules_per_token ?? null),
      tokensPerSecond: progress?.tokens_per_second ?? null,
      powerMw: progress?.power_mw ?? null,
      peakMw: run.peakMw,
      outputTokens: progress?.output_tokens ?? null,
      elapsedMs: progress && progress.t_ms > 0 ? progress.t_ms : null,
      grade,
      noNet: isNet ? "what is above idle is known when the run has ended" : null,
    };
  }
  const net = summary.net_energy_mj;
  const tokens = summary.output_tokens;
  const isNet = kind === "net";
  return {
    energyMj: isNet ? net : summary.total_energy_mj,
    joulesPerToken: isNet
      ? net !== null && tokens > 0
        ? net / 1e3 / tokens
        : null
      : summary.joules_per_token,
    tokensPerSecond: summary.tokens_per_second,
    powerMw: isNet
      ? above(summary.average_power_mw, summary.idle_power_mw)
      : summary.average_power_mw,
    peakMw: isNet ? above(summary.peak_power_mw, summary.idle_power_mw) : summary.peak_power_mw,
    outputTokens: tokens,
    elapsedMs: summary.total_duration_ms,
    grade,
    noNet: isNet && net === null ? "idle power was not measured" : null,
  };
}

function above(power: number | null, idle: number | null): number | null {
  return power === null || idle === null ? null : power - idle;
}
