// SPDX-License-Identifier: MIT
// Binary search in sorted columns.

/** The first index in [from, to) whose value is greater than `value`, or `to`. */
export function upperBound(
  sorted: ArrayLike<number>,
  value: number,
  from = 0,
  to = sorted.length,
): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The index whose value is nearest, or -1 in an empty column. */
export function nearest(sorted: ArrayLike<number>, value: number): number {
  const after = upperBound(sorted, value);
  if (after === 0) return sorted.length > 0 ? 0 : -1;
  if (after === sorted.length) return after - 1;
  return value - sorted[after - 1]! <= sorted[after]! - value ? after - 1 : after;
}
