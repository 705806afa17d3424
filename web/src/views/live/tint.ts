// SPDX-License-Identifier: MIT
// How strongly a token is tinted: by its value against the median token, in steps that mean the same in every run.

export const TINT_STEPS = [0.5, 0.7, 0.85, 1.15, 1.4, 2, 4] as const;

/** 0 to TINT_STEPS.length; 3 is about the median. null: not known. */
export function tintOf(value: number | null, median: number): number | null {
  if (value === null || !(median > 0)) return null;
  const ratio = value / median;
  let step = 0;
  while (step < TINT_STEPS.length && ratio >= TINT_STEPS[step]!) step++;
  return step;
}

/** A median that moves only when it has to, so that tokens keep their tint while more come. */
export class SteadyMedian {
  value = 0;
  #values: number[] = [];
  #next = 1;

  /** `add` in any order; the median is taken anew whenever half as many values more are there. */
  add(value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    this.#values.push(value);
    if (this.#values.length < this.#next) return;
    this.#next = Math.ceil(this.#values.length * 1.5);
    const sorted = this.#values.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1]!;
    if (this.value === 0 || Math.abs(median / this.value - 1) > 0.1) this.value = median;
  }
}
