// SPDX-License-Identifier: MIT
import { describe, expect, it, vi } from "vitest";
import { randomFrom } from "../../testing/random";
import type { Range } from "./ticks";
import { clampRange, panRange, zoomRange } from "./view";
import { zoomKey, type ZoomAxis } from "./zoom";

const full: Range = [10, 110];

describe("zooming", () => {
  it("keeps what is under the pointer, and stays inside", () => {
    const random = randomFrom(3);
    for (let k = 0; k < 500; k++) {
      const low = 10 + random() * 60;
      const view: Range = [low, low + 1 + random() * 30];
      const about = random();
      const factor = 0.2 + 2 * random();
      const next = zoomRange(view, full, factor, about, 0.5);
      expect(next[0]).toBeGreaterThanOrEqual(full[0]);
      expect(next[1]).toBeLessThanOrEqual(full[1] + 1e-9);
      expect(next[1] - next[0]).toBeGreaterThanOrEqual(0.5 - 1e-9);
      const touched = next[0] === full[0] || next[1] >= full[1] - 1e-9;
      const fixed = view[0] + about * (view[1] - view[0]);
      if (!touched) expect(next[0] + about * (next[1] - next[0])).toBeCloseTo(fixed, 6);
    }
  });

  it("ends at the smallest view and at everything", () => {
    expect(zoomRange([50, 51], full, 1e-6, 0.5, 0.25)).toEqual([50.375, 50.625]);
    expect(zoomRange([50, 51], full, 1e6, 0.5, 0.25)).toEqual(full);
  });

  it("of an axis shorter than the smallest view shows all of it", () => {
    expect(zoomRange([0, 3], [0, 3], 0.5, 0.5, 8)).toEqual([0, 3]);
  });
});

describe("panning", () => {
  it("moves by a part of the view, and stops at the ends without changing its width", () => {
    expect(panRange([20, 40], full, 0.5)).toEqual([30, 50]);
    expect(panRange([20, 40], full, -3)).toEqual([10, 30]);
    expect(panRange([20, 40], full, 9)).toEqual([90, 110]);
  });

  it("cuts what is wider than everything", () => {
    expect(clampRange([0, 500], full)).toEqual(full);
  });
});

describe("keys", () => {
  const press = (key: string, view: Range = [40, 60]) => {
    const onView = vi.fn<ZoomAxis["onView"]>();
    const known = zoomKey({ full, view, smallest: 1, onView }, key);
    return { known, view: onView.mock.calls[0]?.[0] };
  };

  it.each(["w", "+", "="])("%s zooms in", (key) => expect(press(key).view).toEqual([44, 56]));
  it.each(["s", "-"])("%s zooms out", (key) => {
    const [low, high] = press(key).view!;
    expect(high - low).toBeCloseTo(20 / 0.6, 9);
    expect((low + high) / 2).toBeCloseTo(50, 9);
  });
  it("a and d move", () => {
    expect(press("a").view).toEqual([36, 56]);
    expect(press("d").view).toEqual([44, 64]);
  });
  it("0 and zooming out far enough show everything", () => {
    expect(press("0")).toEqual({ known: true, view: undefined });
    expect(press("s", [10, 109]).view).toBeUndefined();
  });
  it("others are somebody else's", () => expect(press("x").known).toBe(false));
});
