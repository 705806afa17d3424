// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { randomFrom } from "../../testing/random";
import { inset, overlaps, placeTip } from "./geometry";

describe("a tip", () => {
  it("is in the window, and beside its anchor where there is room", () => {
    const random = randomFrom(4);
    const bounds = { width: 1000, height: 700 };
    for (let k = 0; k < 1000; k++) {
      const anchor = {
        x: random() * 980,
        y: random() * 680,
        w: random() * 200,
        h: random() * 200,
      };
      const tip = { width: 40 + random() * 260, height: 20 + random() * 180 };
      const { x, y } = placeTip(anchor, tip, bounds);
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + tip.width).toBeLessThanOrEqual(bounds.width);
      expect(y + tip.height).toBeLessThanOrEqual(bounds.height);
      const room = anchor.x - tip.width - 10 >= 0 || anchor.x + anchor.w + tip.width + 10 <= 1000;
      if (room) expect(overlaps({ x, y, w: tip.width, h: tip.height }, anchor)).toBe(false);
    }
  });

  it("wider than the window begins at its left", () => {
    expect(
      placeTip({ x: 5, y: 5, w: 5, h: 5 }, { width: 500, height: 20 }, { width: 100, height: 100 })
        .x,
    ).toBe(0);
  });
});

it("an inset is never empty", () => {
  expect(inset({ width: 10, height: 0 }, 50, 50, 50, 50)).toEqual({ x: 50, y: 50, w: 1, h: 1 });
});
