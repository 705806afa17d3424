// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { filterParams, isFiltered, nextSort, NO_FILTERS, pageCount, pageParams, pageRange, parseSort } from "./query";

describe("what is asked for", () => {
  it("is everything when nothing is chosen", () => {
    expect(isFiltered(NO_FILTERS)).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, search: "  " })).toBe(false);
    expect(Object.values(filterParams(NO_FILTERS))).toEqual(Array(9).fill(null));
  });

  it("is what was chosen", () => {
    const filters = {
      search: " sea ",
      model: "m",
      tag: "t",
      experiment: "e",
      status: "failed",
      mode: "deep",
      from: "2026-11-01",
      to: "2026-11-30",
      alike: "20261129-013653-5dac66",
    } as const;
    expect(isFiltered(filters)).toBe(true);
    expect(pageParams(filters, "-created_at", 2)).toEqual({
      search: "sea",
      model: "m",
      tag: "t",
      experiment: "e",
      status: "failed",
      mode: "deep",
      date_from: "2026-11-01",
      date_to: "2026-11-30",
      same_prompt_as: "20261129-013653-5dac66",
      sort: "-created_at",
      limit: 50,
      offset: 100,
    });
  });
});

describe("pages", () => {
  it.each([
    [0, 0, 1, "none"],
    [1, 0, 1, "1–1 of 1"],
    [50, 0, 1, "1–50 of 50"],
    [51, 1, 2, "51–51 of 51"],
    [51, 4, 2, "none of 51"],
  ])("%s runs, page %s", (total, page, count, range) => {
    expect(pageCount(total)).toBe(count);
    expect(pageRange(total, page)).toBe(range);
  });
});

describe("a sort", () => {
  it("turns round with a second click", () => {
    expect(nextSort("-created_at", "joules_per_token")).toBe("joules_per_token");
    expect(nextSort("joules_per_token", "joules_per_token")).toBe("-joules_per_token");
    expect(nextSort("-joules_per_token", "joules_per_token")).toBe("joules_per_token");
    expect(nextSort("joules_per_token", "created_at")).toBe("-created_at");
  });

  it("is a key and a direction", () => {
    expect(parseSort("-created_at")).toEqual({ key: "created_at", descending: true });
    expect(parseSort("status")).toEqual({ key: "status", descending: false });
  });
});
