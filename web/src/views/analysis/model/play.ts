// SPDX-License-Identifier: MIT
// Moving through tokens, by steps or in the time in which they were made.

import type { Token } from "../../../api/schema";

export const SPEEDS = [0.5, 1, 2, 4, 8] as const;

/** Where the slider goes: inside the selected range where there is one. */
export function stepToken(
  token: number | null,
  by: number | "first" | "last",
  [first, last]: readonly [number, number],
): number {
  if (by === "first") return first;
  if (by === "last") return last;
  if (token === null) return by > 0 ? first : last;
  return Math.min(last, Math.max(first, token + by));
}

/** The token that was being evaluated at a time; the one before it in a gap. `tokens` are in order of time. */
export function tokenAt(tokens: readonly Token[], ms: number): number | null {
  let low = 0;
  let high = tokens.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (tokens[middle]!.start_ms <= ms) low = middle + 1;
    else high = middle - 1;
  }
  return high < 0 ? null : tokens[high]!.index;
}
