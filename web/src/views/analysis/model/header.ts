// SPDX-License-Identifier: MIT
// What stands above a run: its totals, what is doubtful about them, and how they were taken.

import type { RunReport } from "../../../api/schema";
import { visibleText } from "../../../format/names";
import { formatBytes, formatCount, formatRatio, formatTime } from "../../../format/units";

export interface Totals {
  readonly net: boolean;
  readonly energy_mj: number | null;
  readonly joules_per_token: number | null;
  readonly power_mw: number | null;
}

export function totalsOf(report: RunReport, energy: "gross" | "net"): Totals {
  const {
    net_energy_mj: net,
    idle_power_mw: idle,
    average_power_mw: power,
    output_tokens: tokens,
  } = report;
  if (energy === "gross" || net === null || idle === null) {
    return {
      net: false,
      energy_mj: report.total_energy_mj,
      joules_per_token: report.joules_per_token,
      power_mw: power,
    };
  }
  return {
    net: true,
    energy_mj: net,
    joules_per_token: tokens > 0 ? net / 1000 / tokens : null,
    power_mw: power === null ? null : power - idle,
  };
}

const text = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;
const number = (value: unknown): number | null => (typeof value === "number" ? value : null);

/** Date, machine, mode, engine: one line. */
export function headline(report: RunReport): string {
  const threads = number(report.engine["threads"]);
  const parts = [
    report.created_at.slice(0, 16).replace("T", " "),
    text(report.machine["hostname"]),
    text(report.machine["cpu"]),
    `${report.mode} mode`,
    text(report.engine["backend"]),
    threads === null ? null : `${threads} threads`,
    ...report.tags.map((tag) => `#${tag}`),
    report.experiment_name,
  ];
  return parts
    .filter((part) => part !== null && part !== "")
    .map((part) => visibleText(part!))
    .join(" · ");
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

/** Of prefill and decode together: passes, and those that were profiled. */
function profiledOf({ profiled }: RunReport): { passes: number; of_passes: number } {
  const sum = (of: (phase: RunReport["profiled"][number]) => number) =>
    profiled.reduce((total, phase) => total + of(phase), 0);
  return { passes: sum((phase) => phase.profiled_passes), of_passes: sum((phase) => phase.passes) };
}

/** What makes the figures doubtful, each said once. */
export function warningsOf(report: RunReport): string[] {
  const { power, profiler, conditions } = report;
  const profiled = profiledOf(report);
  const warnings = [...power.warnings, ...strings(conditions["warnings"])];
  if (power.coverage_ratio !== null && power.coverage_ratio < 0.95) {
    warnings.push(`power readings cover ${formatRatio(power.coverage_ratio)} of the run`);
  }
  if (profiler.dropped_events > 0) {
    warnings.push(`the engine dropped ${profiler.dropped_events} events: operations are missing`);
  }
  if (profiled.passes < profiled.of_passes) {
    const bare = profiled.of_passes - profiled.passes;
    warnings.push(
      `${bare} of ${profiled.of_passes} passes ran without profiling${profiler.bare_tokens ? ", to compare with" : ""}: of these only time and energy are known`,
    );
  }
  return [...new Set(warnings)];
}

export interface Fact {
  readonly title: string;
  readonly value: string;
}

export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

function facts(...pairs: [title: string, value: string | null | undefined][]): Fact[] {
  return pairs.flatMap(([title, value]) => (value ? [{ title, value }] : []));
}

/** "+0.9 % (95 % interval 0.7 to 1.1 %)", or why there is none. */
export function overheadText(report: RunReport): string {
  const { overhead_pct: pct, overhead_ci_pct: ci, method } = report.profiler;
  if (pct === null) return `not measured${method ? `: ${method}` : ""}`;
  const signed = (value: number) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`;
  const interval =
    ci?.length === 2 ? ` (95 % interval ${signed(ci[0]!)} to ${signed(ci[1]!)} %)` : "";
  return `${signed(pct)} % slower${interval}`;
}

/** Words of whatever a JSON value is. */
export function printValue(value: unknown): string | null {
  if (value === null || value === undefined || value === "") return null;
  if (Array.isArray(value))
    return value.length ? value.map((one) => printValue(one) ?? "").join(", ") : null;
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

function everything(
  record: Record<string, unknown> | undefined,
  except: readonly string[] = [],
): Fact[] {
  return Object.entries(record ?? {}).flatMap(([key, value]) => {
    const printed = except.includes(key) ? null : printValue(value);
    return printed === null ? [] : [{ title: key.replaceAll("_", " "), value: printed }];
  });
}

/** How it was measured, on what, and with which settings. */
export function factsOf(report: RunReport): FactGroup[] {
  const { power, profiler, model } = report;
  const bytes = number(model["file_bytes"]);
  const parameters = number(model["parameters"]);
  return [
    {
      title: "Power",
      facts: facts(
        ["sources", power.sources.join(", ") || "none"],
        ["grade", power.grade],
        [
          "interval between readings",
          power.interval_ms === null ? null : formatTime(power.interval_ms),
        ],
        ["samples", formatCount(power.samples)],
        ["coverage", power.coverage_ratio === null ? null : formatRatio(power.coverage_ratio)],
        [
          "residual, counter against integrated power",
          power.residual_ratio === null ? null : formatRatio(power.residual_ratio),
        ],
        [
          "energy of a pass is split by",
          `${report.attribution.model}: ${report.attribution.reason}`,
        ],
      ),
    },
    {
      title: "Profiler",
      facts: facts(
        ["overhead", overheadText(report)],
        ["how it was compared", profiler.overhead_pct === null ? null : profiler.method],
        ["instrument", profiler.instrument],
        ["passes taken apart", `${profiledOf(report).passes} of ${profiledOf(report).of_passes}`],
        ["dropped events", formatCount(profiler.dropped_events)],
        [
          "stored per token",
          profiler.store_bytes_per_token === null
            ? null
            : formatBytes(profiler.store_bytes_per_token),
        ],
      ),
    },
    { title: "Conditions", facts: everything(report.conditions, ["warnings"]) },
    {
      title: "Model",
      facts: [
        ...facts(
          ["parameters", parameters === null ? null : formatCount(parameters)],
          ["file", bytes === null ? null : formatBytes(bytes)],
        ),
        ...everything(model, ["parameters", "file_bytes"]),
      ],
    },
    { title: "Engine", facts: everything(report.engine) },
    { title: "Machine", facts: everything(report.machine, ["memory_bytes"]) },
    { title: "Settings", facts: everything(report.settings) },
    {
      title: "Provenance",
      facts: [
        ...facts(
          ["run", report.id],
          ["begun (UTC)", report.created_at_utc],
          [
            "model loaded in",
            report.load_duration_ms === undefined
              ? "already loaded"
              : formatTime(report.load_duration_ms),
          ],
        ),
        ...everything(report.provenance),
      ],
    },
  ];
}
