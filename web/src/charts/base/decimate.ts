// SPDX-License-Identifier: MIT
// Fewer points for the same picture: in every pixel column the first, lowest, highest and last
// value stay, so neither a peak nor a gap can vanish.

/**
 * Indices to draw, ascending, of the points from `first` to `last` (exclusive), whose `x` ascends.
 * `column` gives the pixel column of an x. A value that is not finite is a gap; of a run of gaps in
 * a column one stays.
 */
export function decimate(
  x: ArrayLike<number>,
  y: ArrayLike<number | null>,
  column: (x: number) => number,
  first = 0,
  last = x.length,
): number[] {
  const out: number[] = [];
  const keep = (index: number) => {
    if (index >= 0 && (out.length === 0 || index > out[out.length - 1]!)) out.push(index);
  };
  let i = first;
  while (i < last) {
    const here = Math.floor(column(x[i]!));
    let low = -1;
    let high = -1;
    let gap = -1;
    keep(i);
    for (; i < last && Math.floor(column(x[i]!)) === here; i++) {
      const value = y[i];
      if (value == null || !Number.isFinite(value)) {
        if (gap < 0) gap = i;
        continue;
      }
      if (low < 0 || value < y[low]!) low = i;
      if (high < 0 || value > y[high]!) high = i;
    }
    const [a, b] = low < high ? [low, high] : [high, low];
    if (gap < a) keep(gap);
    keep(a);
    if (gap > a && gap < b) keep(gap);
    keep(b);
    keep(gap);
    keep(i - 1);
  }
  return out;
}
