// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { fileName } from "./save";

describe("a file's name", () => {
  it.each([
    ["run-1 power.png", "run-1-power.png"],
    ["../../etc/passwd", "etc-passwd"],
    ["a\u202eb\u0000c", "a-b-c"],
    ["энергия é.svg", "энергия-é.svg"],
    ["///", "ergon"],
    ["x".repeat(500), "x".repeat(120)],
  ])("of %j is %j", (name, file) => expect(fileName(name)).toBe(file));
});
