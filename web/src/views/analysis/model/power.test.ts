// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { Power } from "../../../api/schema";
import { refined } from "./power";

const power = (timestamp_ms: number[], columns: Partial<Power["samples"]> = {}): Power =>
  ({
    count: 100,
    returned: timestamp_ms.length,
    decimation: "minmax",
    samples: {
      timestamp_ms,
      phase: timestamp_ms.map(() => 0),
      total_power_mw: timestamp_ms.map((ms) => ms * 10),
      ...columns,
    },
  }) as unknown as Power;

describe("power that is looked at more closely", () => {
  const whole = power([0, 10, 20, 30, 40]);

  it("has the part's samples in its place, the rest as it was", () => {
    const { samples, returned } = refined(whole, power([12, 14, 16, 18, 20]), 12, 20);
    expect(samples.timestamp_ms).toEqual([0, 10, 12, 14, 16, 18, 20, 30, 40]);
    expect(samples.total_power_mw).toEqual([0, 100, 120, 140, 160, 180, 200, 300, 400]);
    expect(returned).toBe(9);
  });

  it("keeps what it has where the part has nothing", () => {
    expect(refined(whole, power([]), 12, 18)).toBe(whole);
    expect(refined(whole, undefined, 12, 18)).toBe(whole);
  });

  it("does not make up what only one of them knows", () => {
    const part = power([12, 14], { gpu_power_mw: [1, 2] });
    const { samples } = refined(power([0, 20], { cpu_power_mw: [5, 6] }), part, 10, 15);
    expect(samples.gpu_power_mw).toEqual([null, 1, 2, null]);
    expect(samples.cpu_power_mw).toEqual([5, null, null, 6]);
  });
});
