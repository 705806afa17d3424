// SPDX-License-Identifier: MIT
// When the page is drawn anew: at most so often, not while nobody sees it, and not while it is held (quiet mode).

export interface PacerOptions {
  readonly gapMs: number;
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
}

export function makePacer({ gapMs, draw, isHidden, isHeld, now }: PacerOptions): Pacer {
  let last = Number.NEGATIVE_INFINITY;
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
    flush: () => {
      if (dirty && !isHidden()) run();
    },
  };
}
