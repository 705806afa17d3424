// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makePacer } from "./pacer";

describe("the page is drawn", () => {
  let draws: number[];
  let hidden: boolean;
  let held: boolean;
  const start = () =>
    makePacer({
      gapMs: 100,
      longestGapMs: 500,
      shareRatio: 0.1,
      draw: () => draws.push(Date.now()),
      isHidden: () => hidden,
      isHeld: () => held,
      now: () => Date.now(),
    });

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    draws = [];
    hidden = held = false;
  });
  afterEach(() => void vi.useRealTimers());

  it("at once, then at most ten times a second", () => {
    const pacer = start();
    for (let ms = 0; ms < 1000; ms += 3) {
      pacer.mark();
      vi.advanceTimersByTime(3);
    }
    expect(draws[0]).toBe(0);
    expect(draws.length).toBeGreaterThanOrEqual(10);
    expect(draws.length).toBeLessThanOrEqual(11);
    for (let i = 1; i < draws.length; i++)
      expect(draws[i]! - draws[i - 1]!).toBeGreaterThanOrEqual(100);
  });

  it("not without anything new", () => {
    const pacer = start();
    pacer.mark();
    vi.advanceTimersByTime(10_000);
    expect(draws.length).toBe(1);
  });

  it("never while hidden, and when it is seen again", () => {
    const pacer = start();
    hidden = true;
    pacer.mark();
    pacer.flush();
    vi.advanceTimersByTime(10_000);
    expect(draws).toEqual([]);
    hidden = false;
    pacer.resume();
    vi.advanceTimersByTime(0);
    expect(draws.length).toBe(1);
  });

  it("not while held, but at the end", () => {
    const pacer = start();
    held = true;
    for (let i = 0; i < 100; i++) {
      pacer.mark();
      vi.advanceTimersByTime(10);
    }
    expect(draws).toEqual([]);
    pacer.flush();
    expect(draws.length).toBe(1);
  });

  it("not when it was hidden after it was planned", () => {
    const pacer = start();
    pacer.mark();
    vi.advanceTimersByTime(0);
    pacer.mark();
    hidden = true;
    vi.advanceTimersByTime(1000);
    expect(draws.length).toBe(1);
  });

  it("less often where it is dear, but not for ever", () => {
    const pacer = start();
    const gapAfter = (cost: number) => {
      for (let i = 0; i < 50; i++) pacer.took(cost);
      const before = draws.length;
      for (let ms = 0; ms < 5000; ms += 5) {
        pacer.mark();
        vi.advanceTimersByTime(5);
      }
      return Math.round(5000 / (draws.length - before) / 50) * 50;
    };
    expect(gapAfter(2)).toBe(100);
    expect(gapAfter(25)).toBe(250);
    expect(gapAfter(1000)).toBe(500);
    expect(gapAfter(1)).toBe(100);
  });
});
