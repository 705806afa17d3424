// SPDX-License-Identifier: MIT
// Runs again, with the settings they were made with, so that a comparison has more than one of each.

import type { GenerateRequest, RunSummary } from "../../../api/schema";

export interface Repeat {
  readonly request: GenerateRequest;
  /** Settings that a request cannot carry and that the repeats would not have. */
  readonly lost: readonly string[];
}

type Settings = Record<string, unknown>;

const num = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const list = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "number") ? value : undefined;

// What the server does unless it is told, and cannot be told.
const FIXED: readonly (readonly [key: string, usual: unknown])[] = [
  ["chat", false],
  ["bos", true],
  ["ignore_eos", false],
  ["cache_type_k", "f16"],
  ["cache_type_v", "f16"],
  ["device", "cpu"],
  ["mmap", true],
];

function lostOf(settings: Settings): string[] {
  const lost = FIXED.filter(([key, usual]) => settings[key] !== undefined && settings[key] !== usual).map(
    ([key]) => `${key} = ${String(settings[key])}`,
  );
  if (typeof settings["power"] === "string" && settings["power"].includes(":")) {
    lost.push(`power = ${settings["power"]}`);
  }
  return lost;
}

function dropUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

function profileOf(settings: Settings): NonNullable<GenerateRequest["profile"]> {
  const flash = settings["flash_attn"];
  const instrument = settings["instrument"];
  const budget = num(settings["overhead_budget_pct"]);
  return dropUndefined({
    // with a budget the recorder chooses which tokens are profiled
    sample_every: budget === undefined ? num(settings["sample_every"]) : undefined,
    bare_every: num(settings["bare_every"]),
    layer_stride: num(settings["layer_stride"]),
    layers: list(settings["layers"]),
    sparsity_threshold: num(settings["sparsity_threshold"]),
    attention_sparsity_threshold: num(settings["attention_sparsity_threshold"]),
    flash_attention: flash === true ? ("on" as const) : flash === false ? ("off" as const) : undefined,
    instrument: instrument === "trace" || instrument === "observe" ? instrument : undefined,
  }) as NonNullable<GenerateRequest["profile"]>;
}

/** The request that makes `run` once more, as one of `experiment`. */
export function repeatRequest(run: RunSummary, experiment: string): Repeat {
  const settings: Settings = run.settings;
  const power = settings["power"];
  const depth = run.mode === "minimal" || run.mode === "deep" ? run.mode : "standard";
  const request = dropUndefined({
    model_name: run.model_name,
    prompt: run.prompt ?? "",
    profiling_depth: depth,
    tags: run.tags,
    experiment_name: experiment,
    max_length: num(settings["tokens"]) ?? Math.max(1, run.output_tokens),
    temperature: num(settings["temperature"]),
    top_k: num(settings["top_k"]),
    top_p: num(settings["top_p"]),
    seed: num(settings["seed"]),
    power: typeof power === "string" && !power.includes(":") ? power : undefined,
    power_interval_ms: num(settings["power_interval_ms"]),
    overhead_budget_pct: num(settings["overhead_budget_pct"]),
    profile: profileOf(settings),
    grid: { region: run.grid.region, g_per_kwh: run.grid.g_per_kwh, usd_per_kwh: run.grid.usd_per_kwh },
    wait: false,
  }) as GenerateRequest;
  return { request, lost: lostOf(settings) };
}

/**
 * In which order `groups` are run `times` times each: A B B A A B B A …, so that a machine that warms up does it to
 * all of them alike.
 */
export function interleaved(groups: number, times: number): number[] {
  const forth = Array.from({ length: groups }, (_, i) => i);
  const back = [...forth].reverse();
  return Array.from({ length: times }, (_, i) => (i % 2 === 0 ? forth : back)).flat();
}

/** An experiment's name for the repeats of a run, at most as long as the server takes. */
export function experimentName(run: RunSummary, now: Date): string {
  const time = now.toISOString().slice(0, 19).replace("T", " ");
  return `${run.model_name} again, ${run.id}, ${time}`.slice(-256);
}
