// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { alignedData } from "./SeriesLines";

it("series with a common x are handed to uPlot as they are, gaps as null", () => {
  const x = [0, 1, 2];
  const style = "accent" as const;
  expect(
    alignedData([
      { name: "a", x, y: [1, Number.NaN, 3], style },
      { name: "b", x, y: [4, null, 6], style },
    ]),
  ).toEqual([
    [0, 1, 2],
    [1, null, 3],
    [4, null, 6],
  ]);
});

it("series with different x are merged; only a gap of its own is a gap", () => {
  const [x, a, b] = alignedData([
    { name: "a", x: [0, 2], y: [1, null], style: "accent" },
    { name: "b", x: [1, 2], y: [7, 8], style: "accent" },
  ]);
  expect(x).toEqual([0, 1, 2]);
  expect(a).toEqual([1, undefined, null]);
  expect(b).toEqual([undefined, 7, 8]);
});

it("no series are an empty table", () => expect(alignedData([])).toEqual([[]]));
