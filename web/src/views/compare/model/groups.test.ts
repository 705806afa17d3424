// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { RunSummary } from "../../../api/schema";
import { groupTitles, parseGroup, printGroup, typicalRun } from "./groups";
import { priceOf } from "./price";

const run = (id: string, joules: number | null, ms = 1) =>
  ({ id, model_name: "m", joules_per_token: joules, total_duration_ms: ms }) as RunSummary;

describe("a group", () => {
  it.each(["20261129-013653-5dac66", "tag:a b", "experiment:x:y", "tag:"])("%s is written as it was read", (text) => {
    expect(printGroup(parseGroup(text))).toBe(text);
  });

  it("is a run unless it says otherwise", () => {
    expect(parseGroup("tag:tag:a")).toEqual({ kind: "tag", name: "tag:a" });
    expect(parseGroup("tags:a")).toEqual({ kind: "run", name: "tags:a" });
  });

  it("has a typical run: the median in energy, the lower of two", () => {
    expect(typicalRun([])).toBeNull();
    expect(typicalRun([run("a", 3), run("b", 1), run("c", 2)])!.id).toBe("c");
    expect(typicalRun([run("a", 3), run("b", 1), run("c", 2), run("d", 4)])!.id).toBe("c");
    expect(typicalRun([run("a", 3), run("b", null)])!.id).toBe("a");
    expect(typicalRun([run("a", null, 5), run("b", null, 3), run("c", null, 4)])!.id).toBe("c");
  });

  it("has a title of its own", () => {
    const specs = ["abc123456", "abc654321", "tag:x", "tag:y", "experiment:y"].map(parseGroup);
    const runs = [{ id: "abc123456", model_name: "m" }, { id: "abc654321", model_name: "m" }, null, null, null];
    expect(groupTitles(specs, runs)).toEqual(["m (123456)", "m (654321)", "x", "tag y", "experiment y"]);
  });
});

describe("the price of runs", () => {
  const kwh = (id: string, energy: number | null, tokens: number) =>
    ({ id, total_energy_mj: energy === null ? null : energy * 3.6e9, output_tokens: tokens }) as RunSummary;
  const rates = { g_per_kwh: 400, usd_per_kwh: 0.1 };

  it("is an average per run, and per thousand tokens of all", () => {
    expect(priceOf([kwh("a", 1, 1000), kwh("b", 3, 3000), kwh("c", null, 500)], rates)).toEqual({
      runs: 2,
      usd: 0.2,
      g: 800,
      usdPerThousandTokens: 0.1,
      gPerThousandTokens: 400,
    });
  });

  it("is not known without energy, and per token not without tokens", () => {
    expect(priceOf([kwh("a", null, 10)], rates)).toMatchObject({ runs: 0, usd: null, gPerThousandTokens: null });
    expect(priceOf([kwh("a", 1, 0)], rates)).toMatchObject({ runs: 1, usd: 0.1, usdPerThousandTokens: null });
  });
});
