// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { randomFrom } from "../../testing/random";
import { extent, linearScale, logScale, logTicks, niceRange, niceStep, ticks } from "./ticks";

const random = randomFrom(1);
const ranges = Array.from({ length: 400 }, (): [number, number] => {
  const size = 10 ** (random() * 30 - 15);
  const low = (random() - 0.5) * size;
  return [low, low + size * (0.01 + random())];
});

describe("ticks", () => {
  it("lie in the range, ascend, and are about as many as asked for", () => {
    for (const range of ranges) {
      for (const count of [2, 5, 10]) {
        const found = ticks(range, count);
        const room = (range[1] - range[0]) * 1e-6;
        expect(found.length).toBeLessThanOrEqual(count + 1);
        expect(found.length, String(range)).toBeGreaterThanOrEqual(Math.floor(count / 2.5) - 1);
        found.forEach((tick, i) => {
          expect(tick).toBeGreaterThanOrEqual(range[0] - room);
          expect(tick).toBeLessThanOrEqual(range[1] + room);
          if (i > 0) expect(tick).toBeGreaterThan(found[i - 1]!);
        });
      }
    }
  });

  it("cover the range: no gap at an end is wider than a step", () => {
    for (const range of ranges) {
      const found = ticks(range, 6);
      const step = niceStep(range[1] - range[0], 6) * (1 + 1e-6);
      expect(found[0]! - range[0]).toBeLessThanOrEqual(step);
      expect(range[1] - found.at(-1)!).toBeLessThanOrEqual(step);
    }
  });

  it("step by 1, 2 or 5 times a power of ten", () => {
    for (const [low, high] of ranges) {
      const step = niceStep(high - low, 5);
      const first = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
      expect(
        [1, 2, 5].some((digit) => Math.abs(first - digit) < 1e-6),
        `${step}`,
      ).toBe(true);
    }
  });

  it("are written without rounding errors", () => {
    expect(ticks([0, 0.5], 5)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(ticks([-1, 1], 4)).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(ticks([-3e-7, 3e-7], 3).map(String)).toEqual(["-2e-7", "0", "2e-7"]);
  });

  it("end somewhere, whatever the range", () => {
    expect(ticks([Number.NaN, 1], 5)).toEqual([]);
    expect(ticks([0, Infinity], 5)).toEqual([]);
    expect(ticks([3, 3], 5)).toEqual([3]);
    expect(ticks([1e300, 2e300], 5).length).toBeGreaterThan(2);
    expect(ticks([0, Number.MIN_VALUE], 5).length).toBeLessThan(1001);
    expect(ticks([1e16, 1e16 + 4], 100).length).toBeLessThan(1001);
  });
});

describe("a nice range", () => {
  it("holds the range and ends at whole steps", () => {
    for (const range of ranges) {
      const [low, high] = niceRange(range, 5);
      const step = niceStep(range[1] - range[0], 5);
      expect(low).toBeLessThanOrEqual(range[0] + step * 1e-6);
      expect(high).toBeGreaterThanOrEqual(range[1] - step * 1e-6);
      expect(high - low).toBeLessThanOrEqual(range[1] - range[0] + 2 * step);
      const steps = (high - low) / step;
      expect(Math.abs(steps - Math.round(steps))).toBeLessThan(1e-6);
    }
  });

  it.each([[0], [5], [-5], [1e-9], [1e12]])("gives the single value %s room", (value) => {
    const [low, high] = niceRange([value, value]);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    expect(high).toBeGreaterThan(low);
  });
});

describe("logarithmic ticks", () => {
  it("are positive, ascend and lie in the range", () => {
    for (let k = 0; k < 200; k++) {
      const low = 10 ** (random() * 20 - 10);
      const range = [low, low * 10 ** (random() * 12)] as const;
      const found = logTicks(range, 6);
      expect(found.length).toBeGreaterThan(0);
      expect(found.length).toBeLessThan(20);
      found.forEach((tick, i) => {
        expect(tick).toBeGreaterThanOrEqual(range[0] * (1 - 1e-6));
        expect(tick).toBeLessThanOrEqual(range[1] * (1 + 1e-6));
        if (i > 0) expect(tick).toBeGreaterThan(found[i - 1]!);
      });
    }
  });

  it("need positive values", () => {
    expect(logTicks([0, 10], 5)).toEqual([]);
    expect(logTicks([-5, 10], 5)).toEqual([]);
  });
});

describe("scales", () => {
  it.each([
    ["linear", linearScale],
    ["logarithmic", logScale],
  ])("%s: invert is the inverse of at, ends meet ends", (_, scale) => {
    for (let k = 0; k < 200; k++) {
      const low = 10 ** (random() * 8 - 4);
      const made = scale([low, low * (1.5 + 100 * random())], [400, 20]);
      expect(made.at(made.domain[0])).toBeCloseTo(400, 6);
      expect(made.at(made.domain[1])).toBeCloseTo(20, 6);
      const pixel = 20 + 380 * random();
      expect(made.at(made.invert(pixel))).toBeCloseTo(pixel, 6);
    }
  });

  it("place what has no logarithm at the lower end", () => {
    const made = logScale([1, 100], [0, 100]);
    expect(made.at(0)).toBe(0);
    expect(made.at(-3)).toBe(0);
  });

  it("of a single value are finite", () => {
    expect(linearScale([3, 3], [0, 10]).at(3)).toBe(0);
    expect(linearScale([0, 1], [5, 5]).invert(5)).toBe(0);
  });
});

describe("extent", () => {
  it("ignores what is no number", () => {
    expect(extent([null, 3, Number.NaN, -1, Infinity])).toEqual([-1, 3]);
    expect(extent([null, Number.NaN])).toBeNull();
    expect(extent([])).toBeNull();
    expect(extent([9, 1, 5, 9], 1, 3)).toEqual([1, 5]);
  });
});
