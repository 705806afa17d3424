// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { SteadyMedian, TINT_STEPS, tintOf } from "./tint";

describe("a tint", () => {
  it("rises with the value", () => {
    let before = -1;
    for (const ratio of [0.1, ...TINT_STEPS, 100]) {
      const tint = tintOf(ratio * 7, 7)!;
      expect(tint).toBeGreaterThanOrEqual(before);
      before = tint;
    }
    expect(tintOf(7, 7)).toBe(3);
    expect(tintOf(0, 7)).toBe(0);
    expect(before).toBe(TINT_STEPS.length);
  });

  it("is none where nothing is known", () => {
    expect(tintOf(null, 7)).toBeNull();
    expect(tintOf(1, 0)).toBeNull();
  });
});

describe("a steady median", () => {
  it("is near the median of all", () => {
    const median = new SteadyMedian();
    for (let i = 1; i <= 1000; i++) median.add((i * 37) % 101);
    expect(Math.abs(median.value / 50 - 1)).toBeLessThan(0.2);
  });

  it("does not move for noise", () => {
    const median = new SteadyMedian();
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      median.add(100 + (i % 7));
      seen.add(median.value);
    }
    expect(seen.size).toBe(1);
  });

  it("leaves out what is not known", () => {
    const median = new SteadyMedian();
    median.add(null);
    median.add(Number.NaN);
    expect(median.value).toBe(0);
  });
});
