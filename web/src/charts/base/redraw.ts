// SPDX-License-Identifier: MIT
// When to draw: once per frame at most, live charts ten times a second at most, hidden or quiet
// pages never.

/** The browser's clock, or a test's. */
export interface FrameClock {
  now(): number;
  /**
   * Calls back before the next frame, not before `delay` ms have passed; returns how to cancel it.
   */
  schedule(callback: () => void, delay: number): () => void;
  hidden(): boolean;
}

export const browserClock: FrameClock = {
  now: () => performance.now(),
  schedule: (callback, delay) => {
    let frame = 0;
    const timer =
      delay > 0 ? setTimeout(() => (frame = requestAnimationFrame(callback)), delay) : 0;
    if (delay <= 0) frame = requestAnimationFrame(callback);
    return () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  },
  hidden: () => document.hidden,
};

export const LIVE_INTERVAL_MS = 100;

/**
 * Joins requests to draw. What is asked for while hidden or quiet is drawn once, when that ends.
 */
export class Redraw {
  #draw: () => void;
  #clock: FrameClock;
  #interval: number;
  #quiet = false;
  #wanted = false;
  #cancel: (() => void) | null = null;
  #last = Number.NEGATIVE_INFINITY;

  constructor(draw: () => void, interval: number, clock: FrameClock = browserClock) {
    this.#draw = draw;
    this.#interval = interval;
    this.#clock = clock;
  }

  request(): void {
    this.#wanted = true;
    this.wake();
  }

  /** Draws what is wanted, if drawing is allowed by now. */
  wake(): void {
    if (!this.#wanted || this.#cancel || this.#quiet || this.#clock.hidden()) return;
    const delay = Math.max(0, this.#last + this.#interval - this.#clock.now());
    this.#cancel = this.#clock.schedule(() => {
      this.#cancel = null;
      if (this.#quiet || this.#clock.hidden()) return;
      this.#wanted = false;
      this.#last = this.#clock.now();
      this.#draw();
    }, delay);
  }

  setInterval(interval: number): void {
    this.#interval = interval;
  }

  setQuiet(quiet: boolean): void {
    this.#quiet = quiet;
    this.wake();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#wanted = false;
  }
}
