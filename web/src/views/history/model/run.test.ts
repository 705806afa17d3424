// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { RunGroup } from "../../../api/schema";
import { comparedGroups, toggled } from "./groups";
import { energyOf, joulesPerToken, parseTags, promptPreview, shortDate, wrongLabels } from "./run";

describe("a run in the table", () => {
  const run = { total_energy_mj: 4000, net_energy_mj: 3000, joules_per_token: 0.5, output_tokens: 8 };

  it("has gross and net energies, and none where none is known", () => {
    expect(energyOf(run, "gross")).toBe(4000);
    expect(energyOf(run, "net")).toBe(3000);
    expect(joulesPerToken(run, "gross")).toBe(0.5);
    expect(joulesPerToken(run, "net")).toBe(0.375);
    expect(joulesPerToken({ ...run, net_energy_mj: null }, "net")).toBeNull();
    expect(joulesPerToken({ ...run, output_tokens: 0 }, "net")).toBeNull();
  });

  it("has a date and a line of its prompt", () => {
    expect(shortDate("2026-11-29T01:36:53.361188")).toBe("2026-11-29 01:36");
    expect(promptPreview("One\ntwo\t\u202eevil")).toBe("One↵two⇥�evil");
    expect(promptPreview("x".repeat(300))).toBe(`${"x".repeat(200)}…`);
    expect(promptPreview("  ")).toBe("(blank)");
    expect(promptPreview(null)).toBe("(no prompt)");
  });
});

describe("labels", () => {
  it("are one per line, none twice", () => {
    expect(parseTags(" a, b \n\nc\na, b\n")).toEqual(["a, b", "c"]);
  });

  it.each([
    [["a"], "", null],
    [Array.from({ length: 33 }, (_, i) => `t${i}`), "", "at most 32 tags"],
    [["ü".repeat(129)], "", `at most 256 bytes each: “${"ü".repeat(20)}…” is longer`],
    [[], "e".repeat(256), null],
    [[], "e".repeat(257), `at most 256 bytes each: “${"e".repeat(20)}…” is longer`],
  ])("%#: are not longer than the server takes", (tags, experiment, wrong) => {
    expect(wrongLabels(tags, experiment)).toBe(wrong);
  });
});

describe("what is compared", () => {
  const group = (runs: number, ids: string[], complete = runs) =>
    ({ runs, complete, latest_run_ids: ids }) as RunGroup;

  it("are the largest groups, their runs in the order they were made", () => {
    const groups = [group(1, ["a"]), group(3, ["d", "c", "b"]), group(2, ["x"], 0), group(2, ["f", "e"])];
    expect(comparedGroups(groups)).toEqual(["b,c,d", "e,f", "a"]);
    expect(comparedGroups([group(3, ["a"])])).toEqual([]);
    expect(comparedGroups(Array.from({ length: 6 }, (_, i) => group(i + 1, [`${i}`])))).toEqual(["5", "4", "3", "2"]);
  });

  it("is chosen one by one, four at most", () => {
    expect(toggled(["a", "b"], "a")).toEqual(["b"]);
    expect(toggled(["a"], "b")).toEqual(["a", "b"]);
    expect(toggled(["a", "b", "c", "d"], "e")).toEqual(["a", "b", "c", "d"]);
  });
});
