// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { groupTitles, parseGroup, printGroup, typicalRun } from "./groups";
import { priceOf } from "./price";

describe("a group", () => {
  it.each(["20261129-013653-5dac66", "tag:a b", "experiment:x:y", "tag:"])("%s is written as it was read", (text) => {
    expect(printGroup(parseGroup(text))).toBe(text);
  });

  it("is a run unless it says otherwise", () => {
    expect(parseGroup("tag:tag:a")).toEqual({ kind: "tag", name: "tag:a" });
    expect(parseGroup("tags:a")).toEqual({ kind: "run", name: "tags:a" });
  });

  it("has a typical run: the median, the lower of two", () => {
    expect(typicalRun([], [])).toBeNull();
    expect(typicalRun(["a", "b", "c"], [3, 1, 2])).toBe("c");
    expect(typicalRun(["a", "b", "c", "d"], [3, 1, 2, 4])).toBe("c");
    expect(typicalRun(["a", "b"], [3, null])).toBe("a");
    expect(typicalRun(["a", "b"], [null, null])).toBe("a");
    expect(typicalRun(["b", "a"], [1, 1])).toBe("a");
  });

  it("has a title of its own", () => {
    const specs = ["abc123456", "abc654321", "tag:x", "tag:y", "experiment:y"].map(parseGroup);
    const runs = [{ id: "abc123456", model_name: "m" }, { id: "abc654321", model_name: "m" }, null, null, null];
    expect(groupTitles(specs, runs)).toEqual(["m (123456)", "m (654321)", "x", "tag y", "experiment y"]);
  });
});

describe("the price of runs", () => {
  const rates = { g_per_kwh: 400, usd_per_kwh: 0.1 };
  const kwh = 3.6e9;

  it("is an average per run, and per thousand tokens", () => {
    const price = priceOf([1 * kwh, 3 * kwh, null], [3600, 10800, null], rates);
    expect(price).toEqual({ runs: 2, usd: 0.2, g: 800, usdPerThousandTokens: 0.2, gPerThousandTokens: 800 });
  });

  it("is not known without energy, and per token not without tokens", () => {
    expect(priceOf([null], [null], rates)).toMatchObject({ runs: 0, usd: null, gPerThousandTokens: null });
    expect(priceOf([kwh], [null], rates)).toMatchObject({ runs: 1, usd: 0.1, usdPerThousandTokens: null });
  });
});
