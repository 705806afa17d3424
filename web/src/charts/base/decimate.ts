// SPDX-License-Identifier: MIT
// Fewer points for the same picture: in every pixel column the first, lowest, highest and last value stay,
// so neither a peak nor a gap can vanish.

/**
 * Indices to draw, ascending, of the points from `first` to `last` (exclusive), whose `x` ascends. `column`
 * gives the pixel column of an x. A value that is not finite is a gap; of a run of gaps in a column one stays.
 */
export function decimate(
  x: ArrayLike<number>,
  y: ArrayLike<number | null>,
  column: (x: number) => number,
  first = 0,
  last = x.length,
): number[] {
  const out: number[] = [];
  let i = first;
  while (i < last) {
    const here = Math.floor(column(x[i]!));
    const start = i;
    let low = -1;
    let high = -1;
    let gap = -1;
    for (; i < last && Math.floor(column(x[i]!)) === here; i++) {
      const value = y[i];
      if (value == null || !Number.isFinite(value)) {
        if (gap < 0) gap = i;
      } else {
        if (low < 0 || value < y[low]!) low = i;
        if (high < 0 || value > y[high]!) high = i;
      }
    }
    const keep = [start, low, high, gap, i - 1].filter((index) => index >= 0).sort((a, b) => a - b);
    for (const index of keep) if (out[out.length - 1] !== index) out.push(index);
  }
  return out;
}
