// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { RunSummary } from "../../../api/schema";
import { experimentName, interleaved, repeatRequest } from "./repeat";

const settings = {
  power: "auto",
  tokens: 64,
  ctx: 75,
  threads: 2,
  temperature: 0,
  top_k: 40,
  top_p: 0.95,
  seed: 7,
  chat: false,
  bos: true,
  ignore_eos: false,
  flash_attn: true,
  cache_type_k: "f16",
  cache_type_v: "f16",
  device: "cpu",
  mmap: true,
  mode: "deep",
  instrument: "trace",
  bare_every: 16,
  sample_every: 2,
};

function run(change: Partial<RunSummary> = {}): RunSummary {
  return {
    id: "20261129-013653-5dac66",
    model_name: "tales",
    prompt: "Once",
    mode: "deep",
    tags: ["a"],
    output_tokens: 8,
    grid: { region: "eu", g_per_kwh: 300, usd_per_kwh: 0.2, date: null },
    settings,
    ...change,
  } as RunSummary;
}

describe("a run again", () => {
  it("has its settings", () => {
    expect(repeatRequest(run(), "again")).toEqual({
      lost: [],
      request: {
        model_name: "tales",
        prompt: "Once",
        profiling_depth: "deep",
        tags: ["a"],
        experiment_name: "again",
        max_length: 64,
        temperature: 0,
        top_k: 40,
        top_p: 0.95,
        seed: 7,
        power: "auto",
        profile: { sample_every: 2, bare_every: 16, flash_attention: "on", instrument: "trace" },
        grid: { region: "eu", g_per_kwh: 300, usd_per_kwh: 0.2 },
        wait: false,
      },
    });
  });

  it("says what a request cannot carry", () => {
    const odd = { ...settings, chat: true, bos: false, device: "CUDA0", power: "synthetic:cpu=20W" };
    const { request, lost } = repeatRequest(run({ settings: odd }), "again");
    expect(lost).toEqual(["chat = true", "bos = false", "device = CUDA0", "power = synthetic:cpu=20W"]);
    expect(request).not.toHaveProperty("power");
  });

  it("leaves the choice of tokens to a budget", () => {
    const { request } = repeatRequest(run({ settings: { ...settings, overhead_budget_pct: 1 } }), "again");
    expect(request.overhead_budget_pct).toBe(1);
    expect(request.profile).not.toHaveProperty("sample_every");
  });

  it("makes do without settings, as of an imported run", () => {
    const { request } = repeatRequest(run({ settings: {}, mode: "standard" }), "again");
    expect(request).toMatchObject({ max_length: 8, profiling_depth: "standard", profile: {} });
  });

  it("takes turns", () => {
    expect(interleaved(2, 3)).toEqual([0, 1, 1, 0, 0, 1]);
    for (const [groups, times] of [[1, 4], [3, 5], [4, 20]] as const) {
      const order = interleaved(groups, times);
      for (let g = 0; g < groups; g++) expect(order.filter((each) => each === g)).toHaveLength(times);
    }
  });

  it("names an experiment within 256 characters, each run's differently", () => {
    const now = new Date("2026-11-29T01:02:03Z");
    expect(experimentName(run(), now)).toBe("tales again, 20261129-013653-5dac66, 2026-11-29 01:02:03");
    const long = experimentName(run({ model_name: "m".repeat(1000) }), now);
    expect(long).toHaveLength(256);
    expect(long).not.toBe(experimentName(run({ model_name: "m".repeat(1000), id: "other" }), now));
  });
});
