// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { fitness } from "./Palette";

describe("a command", () => {
  it("is found by letters in their order", () => {
    expect(fitness("Theme: dark", "thdk")).not.toBeNull();
    expect(fitness("Theme: dark", "kd")).toBeNull();
    expect(fitness("anything", "")).not.toBeNull();
  });

  it("fits better at the beginning of words and in one piece", () => {
    expect(fitness("Start the run", "st")!).toBeGreaterThan(fitness("Whisky tasting", "st")!);
    expect(fitness("Go to Live", "gl")!).toBeGreaterThan(fitness("Get angular", "gl")!);
  });
});
