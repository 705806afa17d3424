// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { randomFrom } from "../../testing/random";
import { nearest, upperBound } from "./search";

it("finds what a search from the left finds", () => {
  const random = randomFrom(2);
  for (let k = 0; k < 300; k++) {
    const sorted = Array.from({ length: Math.floor(random() * 20) }, () =>
      Math.floor(random() * 15),
    );
    sorted.sort((a, b) => a - b);
    const value = random() * 18 - 1;
    const after = sorted.findIndex((each) => each > value);
    expect(upperBound(sorted, value)).toBe(after < 0 ? sorted.length : after);
    const best = Math.min(...sorted.map((each) => Math.abs(each - value)));
    const found = nearest(sorted, value);
    if (sorted.length === 0) expect(found).toBe(-1);
    else expect(Math.abs(sorted[found]! - value)).toBe(best);
  }
});

it("looks at its part only", () => {
  expect(upperBound([1, 2, 3, 4, 5], 0, 2, 4)).toBe(2);
  expect(upperBound([1, 2, 3, 4, 5], 9, 2, 4)).toBe(4);
});
