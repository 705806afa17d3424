// SPDX-License-Identifier: MIT
// The part of an axis that is in view: zooming and panning as pure functions.

import type { Range } from "./ticks";

/**
 * Scales the view about a fraction of its width, and keeps it inside `full`. `factor` < 1 zooms in.
 */
export function zoomRange(
  view: Range,
  full: Range,
  factor: number,
  about: number,
  smallest: number,
): Range {
  const span = view[1] - view[0];
  const least = Math.min(smallest, full[1] - full[0]);
  const wanted = Math.min(full[1] - full[0], Math.max(least, span * factor));
  const fixed = view[0] + span * about;
  return clampRange([fixed - wanted * about, fixed + wanted * (1 - about)], full);
}

/** Moves the view by a fraction of its width. */
export function panRange(view: Range, full: Range, by: number): Range {
  const shift = (view[1] - view[0]) * by;
  return clampRange([view[0] + shift, view[1] + shift], full);
}

/** The range moved into `full`, cut where it is wider. */
export function clampRange([low, high]: Range, full: Range): Range {
  if (high - low >= full[1] - full[0]) return full;
  if (low < full[0]) return [full[0], full[0] + (high - low)];
  if (high > full[1]) return [full[1] - (high - low), full[1]];
  return [low, high];
}
