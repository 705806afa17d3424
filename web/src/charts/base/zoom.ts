// SPDX-License-Identifier: MIT
// Zoom and pan of a chart's horizontal axis, by keys and wheel.

import type { Range } from "./ticks";
import { panRange, zoomRange } from "./view";

export interface ZoomAxis {
  /** The whole axis, and the part in view. */
  readonly full: Range;
  readonly view: Range;
  /** The least that can be in view. */
  readonly smallest: number;
  /** Called with undefined when everything is to be in view. */
  readonly onView: (view: Range | undefined) => void;
}

/** Shows `view`; undefined when that is everything. */
function show({ full, onView }: ZoomAxis, view: Range): void {
  onView(view[0] <= full[0] && view[1] >= full[1] ? undefined : view);
}

function zoomBy(axis: ZoomAxis, factor: number, about: number): void {
  show(axis, zoomRange(axis.view, axis.full, factor, about, axis.smallest));
}

export function panBy(axis: ZoomAxis, fraction: number): void {
  show(axis, panRange(axis.view, axis.full, fraction));
}

const KEYS: Record<string, (axis: ZoomAxis) => void> = {
  w: (axis) => zoomBy(axis, 0.6, 0.5),
  "+": (axis) => zoomBy(axis, 0.6, 0.5),
  "=": (axis) => zoomBy(axis, 0.6, 0.5),
  s: (axis) => zoomBy(axis, 1 / 0.6, 0.5),
  "-": (axis) => zoomBy(axis, 1 / 0.6, 0.5),
  a: (axis) => panBy(axis, -0.2),
  d: (axis) => panBy(axis, 0.2),
  "0": (axis) => axis.onView(undefined),
};

/** Whether the key was one of zooming. */
export function zoomKey(axis: ZoomAxis, key: string): boolean {
  const action = KEYS[key];
  action?.(axis);
  return action !== undefined;
}

/** `about` is where the pointer is, as a fraction of the plot. */
export function zoomWheel(axis: ZoomAxis, event: WheelEvent, about: number): void {
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) panBy(axis, (event.deltaX * unit) / 1000);
  else zoomBy(axis, Math.exp((event.deltaY * unit) / 400), Math.min(1, Math.max(0, about)));
}
