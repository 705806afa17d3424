// SPDX-License-Identifier: MIT
// When the page is drawn anew: at most so often, less often where drawing is dear (the machine that draws is the one
// that is measured), not while nobody sees it, and not while it is held (quiet mode).

export interface PacerOptions {
  /** Between two drawings, at least and at most. */
  readonly gapMs: number;
  readonly longestGapMs: number;
  /** Of the time, what drawing may take. */
  readonly shareRatio: number;
  draw(): void;
  isHidden(): boolean;
  isHeld(): boolean;
  now(): number;
}

export interface Pacer {
  /** There is something new. */
  mark(): void;
  /** The page may have become visible, or is no longer held. */
  resume(): void;
  /** Draw now whatever there is, held or not (the end of a run); not while hidden. */
  flush(): void;
  /** What a drawing took of the page's thread. */
  took(ms: number): void;
}

export function makePacer(options: PacerOptions): Pacer {
  const { draw, isHidden, isHeld, now } = options;
  let last = Number.NEGATIVE_INFINITY;
  let gapMs = options.gapMs;
  let dirty = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    dirty = false;
    last = now();
    draw();
  };
  const plan = () => {
    if (!dirty || timer !== undefined || isHidden() || isHeld()) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        if (dirty && !isHidden() && !isHeld()) run();
      },
      Math.max(0, last + gapMs - now()),
    );
  };
  return {
    mark: () => {
      dirty = true;
      plan();
    },
    resume: plan,
    took: (ms) => {
      const wanted = Math.min(
        options.longestGapMs,
        Math.max(options.gapMs, ms / options.shareRatio),
      );
      gapMs += (wanted - gapMs) / 4; // one slow drawing is no slow machine
    },
    flush: () => {
      if (dirty && !isHidden()) run();
    },
  };
}
