// SPDX-License-Identifier: MIT
// What every chart is, apart from React: pure functions that CanvasChart and the exporters call.

import type { Box, Size } from "./geometry";
import type { Palette } from "./palette";
import { FONT, type Pen } from "./pen";

/** One cell, span, bar … in words: for the tooltip and the live region. */
export interface Description {
  readonly title: string;
  readonly rows: readonly (readonly [label: string, value: string])[];
}

export type Step = "left" | "right" | "up" | "down" | "first" | "last";

/** L is the chart's layout, T what can be pointed at in it. */
export interface Chart<L, T> {
  layout(size: Size): L;
  paint(pen: Pen, layout: L, palette: Palette): void;
  hit(layout: L, x: number, y: number): T | null;
  /** Where a target is drawn; null when it is not in view. */
  anchor(layout: L, target: T): Box | null;
  /** The next target of the data cursor; from null the first one. */
  step(layout: L, from: T | null, step: Step): T | null;
  describe(target: T, layout: L): Description;
  /** What a viewer has to know about the drawing, e.g. that it is decimated. */
  note?(layout: L): string | null;
}

/** About how wide a text is, for margins that have to be known before there is a pen. */
export function roughWidth(text: string, size = FONT): number {
  return text.length * size * 0.62;
}

/** As tables have it: null for what is not known. */
export function knownOrNull(value: number | null | undefined): number | null {
  return value == null || Number.isNaN(value) ? null : value;
}

export function stepIndex(from: number | null, count: number, step: Step): number {
  if (count === 0) return -1;
  if (from === null || step === "first") return 0;
  if (step === "last") return count - 1;
  const delta = step === "left" || step === "up" ? -1 : 1;
  return Math.min(count - 1, Math.max(0, from + delta));
}
