// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, it, vi } from "vitest";
import { LIVE_INTERVAL_MS, Redraw, type FrameClock } from "./redraw";

class FakeClock implements FrameClock {
  time = 0;
  isHidden = false;
  waiting: { callback: () => void; at: number }[] = [];
  now = () => this.time;
  hidden = () => this.isHidden;
  schedule = (callback: () => void, delay: number) => {
    const entry = { callback, at: this.time + Math.max(delay, 16) };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((each) => each !== entry);
    };
  };
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.waiting.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.waiting = this.waiting.filter((each) => each !== next);
      this.time = next.at;
      next.callback();
    }
    this.time = end;
  }
}

let clock: FakeClock;
const draw = vi.fn();
beforeEach(() => {
  clock = new FakeClock();
  draw.mockClear();
});

describe("redrawing", () => {
  it("joins requests of a frame", () => {
    const redraw = new Redraw(draw, 0, clock);
    for (let i = 0; i < 50; i++) redraw.request();
    expect(draw).not.toHaveBeenCalled();
    clock.advance(20);
    expect(draw).toHaveBeenCalledTimes(1);
    clock.advance(1000);
    expect(draw).toHaveBeenCalledTimes(1);
  });

  it("of live charts happens ten times a second at most, and the last request counts", () => {
    const redraw = new Redraw(draw, LIVE_INTERVAL_MS, clock);
    for (let ms = 0; ms < 2000; ms += 5) {
      redraw.request();
      clock.advance(5);
    }
    expect(draw.mock.calls.length).toBeGreaterThanOrEqual(15);
    expect(draw.mock.calls.length).toBeLessThanOrEqual(21);
    const before = draw.mock.calls.length;
    redraw.request();
    clock.advance(500);
    expect(draw).toHaveBeenCalledTimes(before + 1);
  });

  it("does nothing on a hidden page, and once when it is shown again", () => {
    const redraw = new Redraw(draw, 0, clock);
    clock.isHidden = true;
    redraw.request();
    redraw.request();
    clock.advance(1000);
    expect(draw).not.toHaveBeenCalled();
    expect(clock.waiting).toEqual([]);
    clock.isHidden = false;
    redraw.wake();
    clock.advance(20);
    expect(draw).toHaveBeenCalledTimes(1);
  });

  it("does not draw when the page is hidden before the frame comes", () => {
    const redraw = new Redraw(draw, 0, clock);
    redraw.request();
    clock.isHidden = true;
    clock.advance(50);
    expect(draw).not.toHaveBeenCalled();
    clock.isHidden = false;
    redraw.wake();
    clock.advance(50);
    expect(draw).toHaveBeenCalledTimes(1);
  });

  it("waits for quiet to end", () => {
    const redraw = new Redraw(draw, 0, clock);
    redraw.setQuiet(true);
    redraw.request();
    clock.advance(5000);
    expect(draw).not.toHaveBeenCalled();
    redraw.setQuiet(false);
    clock.advance(20);
    expect(draw).toHaveBeenCalledTimes(1);
  });

  it("wakes without a wish for nothing", () => {
    const redraw = new Redraw(draw, 0, clock);
    redraw.wake();
    clock.advance(100);
    expect(draw).not.toHaveBeenCalled();
  });

  it("ends when stopped", () => {
    const redraw = new Redraw(draw, 0, clock);
    redraw.request();
    redraw.stop();
    clock.advance(100);
    expect(draw).not.toHaveBeenCalled();
  });
});
