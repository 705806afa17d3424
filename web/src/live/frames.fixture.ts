// SPDX-License-Identifier: MIT
// Frames for tests, as the server writes them.

import type {
  RunSummary,
  WsComponentMetrics,
  WsFrame,
  WsPowerSample,
  WsTokenComplete,
} from "../api/schema";

export const RUN = "20261129-015000-aaaaaa";

export const started = (id = RUN, seq = 1): WsFrame => ({
  type: "run_started",
  run_id: id,
  seq,
  t_ms: 0,
  model_name: "tales-q8_0",
  mode: "standard",
  prompt: "Once",
  tags: ["a"],
  experiment_name: null,
  max_length: 8,
  layers: 2,
  power_sources: ["synthetic"],
  started_at_utc: "2026-11-29T01:50:00+00:00",
});

export const token = (
  index: number,
  seq = 0,
  change: Partial<WsTokenComplete> = {},
): WsTokenComplete => ({
  type: "token_complete",
  run_id: RUN,
  seq,
  t_ms: 100 + 10 * index,
  index,
  position: index,
  text: ` t${index}`,
  phase: index < 2 ? "prefill" : "decode",
  duration_ms: 10,
  energy_mj: 2 * index,
  power_mw: 200 * index,
  grade: "interpolated",
  ...change,
});

export const samples = (
  rows: readonly (readonly [t: number, cpu: number | null, total: number | null])[],
  seq = 0,
): WsPowerSample => ({
  type: "power_sample",
  run_id: RUN,
  seq,
  t_ms: rows.at(-1)![0],
  timestamp_ms: rows.map(([t]) => t),
  phase: rows.map(([t]) => (t < 0 ? null : "decode")),
  cpu_power_mw: rows.map(([, cpu]) => cpu),
  total_power_mw: rows.map(([, , total]) => total),
});

export const components = (
  cells: readonly (readonly [layer: number, name: string, time: number, energy: number | null])[],
): WsComponentMetrics => ({
  type: "component_metrics",
  run_id: RUN,
  seq: 0,
  t_ms: 200,
  token_index: 3,
  phase: "decode",
  layer_index: cells.map(([layer]) => layer),
  component_name: cells.map(([, name]) => name),
  time_ms: cells.map(([, , time]) => time),
  energy_mj: cells.map(([, , , energy]) => energy),
});

export function summaryOf(id = RUN, change: Partial<RunSummary> = {}): RunSummary {
  const phase = (name: "prefill" | "decode", start: number, length: number) => ({
    phase: name,
    start_ms: start,
    duration_ms: length,
    energy_mj: null,
    energy_by_domain_mj: {},
    average_power_mw: null,
    peak_power_mw: null,
    tokens: 1,
    tokens_per_second: null,
    joules_per_token: null,
    unattributed_ms: 0,
    unattributed_energy_mj: null,
    grade: "measured" as const,
    counters: null,
  });
  return {
    id,
    run_id: id,
    created_at: "2026-11-29T01:50:00",
    created_at_utc: "2026-11-29T01:50:00+00:00",
    status: "complete",
    failure: null,
    model_name: "tales-q8_0",
    model: { layers: 2 },
    engine: {},
    machine: {},
    prompt: "Once",
    response: "",
    tags: [],
    experiment_name: null,
    mode: "standard",
    settings: {},
    input_tokens: 2,
    output_tokens: 4,
    total_duration_ms: 500,
    total_energy_mj: 8000,
    energy_by_domain_mj: { cpu: 8000 },
    phases: [phase("prefill", 10, 90), phase("decode", 100, 380)],
    tokens_per_second: 10,
    prefill_tokens_per_second: null,
    time_to_first_token_ms: null,
    joules_per_token: 2,
    joules_per_input_token: null,
    joules_per_output_token: null,
    tokens_per_joule: null,
    energy_delay_product_js: null,
    prefill_decode_energy_ratio: null,
    output_input_token_energy_ratio: null,
    energy_per_million_parameters_mj: null,
    average_power_mw: 16_000,
    peak_power_mw: 20_000,
    idle_power_mw: 6000,
    net_energy_mj: 5000,
    unattributed_energy_mj: 0,
    cost_usd: null,
    co2_g: null,
    grid: { region: "us", g_per_kwh: 400, usd_per_kwh: 0.12, date: null },
    power: {
      sources: ["synthetic"],
      grade: "measured",
      interval_ms: null,
      samples: 1,
      coverage_ratio: 1,
      residual_ratio: null,
      warnings: [],
    },
    profiler: {
      overhead_pct: null,
      overhead_ci_pct: null,
      method: "",
      profiled_tokens: 4,
      dropped_events: 0,
      store_bytes_per_token: null,
    },
    conditions: {},
    ...change,
  };
}
