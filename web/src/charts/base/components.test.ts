// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { componentGroup } from "./components";

const header = readFileSync(join(import.meta.dirname, "../../../../src/stream/taxonomy.h"), "utf8");
const rows = [...header.matchAll(/X\((\w+), (ATTENTION|MLP|OTHER), /g)];

it("components belong to the groups that the recorder puts them in", () => {
  expect(rows.length).toBeGreaterThan(30);
  for (const [, name, group] of rows) {
    const expected = name === "unattributed" ? "unattributed" : group!.toLowerCase();
    expect(componentGroup(name!), name).toBe(expected);
  }
});

it("what is not known belongs to no part", () => {
  expect(componentGroup("something_new")).toBe("other");
  expect(componentGroup("constructor")).toBe("other");
  expect(componentGroup("not profiled")).toBe("unattributed");
});
