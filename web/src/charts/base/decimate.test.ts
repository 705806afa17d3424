// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { randomFrom } from "../../testing/random";
import { decimate } from "./decimate";

function samples(count: number, seed: number) {
  const random = randomFrom(seed);
  let at = 0;
  const x = Float64Array.from({ length: count }, () => (at += random() ** 4));
  const y = Array.from({ length: count }, () => {
    const value = random();
    if (value < 0.02) return null;
    return value < 0.03 ? Number.NaN : random() ** 9 * 1e6 - 5;
  });
  return { x, y, column: (value: number) => (value / at) * 99.999 };
}

describe("decimation", () => {
  it.each([1, 2, 3, 4, 5, 6])("keeps the extremes and gaps of each pixel column (%d)", (seed) => {
    const { x, y, column } = samples(5000, seed);
    const kept = new Set(decimate(x, y, column));
    for (let here = 0; here < 100; here++) {
      const inside = Array.from(x.keys()).filter((i) => Math.floor(column(x[i]!)) === here);
      const real = inside.filter((i) => y[i] !== null && !Number.isNaN(y[i]));
      const values = real.map((i) => y[i]!);
      const shown = real.filter((i) => kept.has(i)).map((i) => y[i]!);
      if (values.length > 0) {
        expect(Math.min(...shown)).toBe(Math.min(...values));
        expect(Math.max(...shown)).toBe(Math.max(...values));
      }
      if (real.length < inside.length) {
        expect(inside.some((i) => kept.has(i) && !real.includes(i))).toBe(true);
      }
      if (inside.length > 0) {
        expect(kept.has(inside[0]!)).toBe(true);
        expect(kept.has(inside.at(-1)!)).toBe(true);
      }
      expect(inside.filter((i) => kept.has(i)).length).toBeLessThanOrEqual(5);
    }
  });

  it("ascends, each index once", () => {
    const { x, y, column } = samples(3000, 7);
    const kept = decimate(x, y, column);
    kept.forEach((index, i) => i > 0 && expect(index).toBeGreaterThan(kept[i - 1]!));
  });

  it("keeps everything where there is room", () => {
    expect(decimate([0, 1, 2], [5, null, 7], (x) => x * 10)).toEqual([0, 1, 2]);
  });

  it("looks at its part only", () => {
    const { x, y, column } = samples(1000, 8);
    const kept = decimate(x, y, column, 100, 200);
    expect(kept[0]).toBe(100);
    expect(kept.at(-1)).toBe(199);
  });

  it("of nothing is nothing", () => {
    expect(decimate([], [], (x) => x)).toEqual([]);
  });
});
