// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import type { Box } from "./base/geometry";
import type { Palette } from "./base/palette";
import type { Pen } from "./base/pen";
import {
  heatmapChart,
  type HeatmapCell,
  type HeatmapData,
  type HeatmapLayout,
  type HeatmapOptions,
} from "./heatmap";

export interface CanvasHeatmapProps extends CommonProps, HeatmapOptions {
  /** Keep the object while nothing in it changes: a new one is laid out and drawn. */
  readonly data: HeatmapData;
  /** Selected rows (first and last) and columns, framed. */
  readonly selectedRows?: readonly [first: number, last: number] | null | undefined;
  readonly selectedColumns?: readonly number[] | undefined;
  readonly onActivate?: ((cell: HeatmapCell) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
  readonly onCursor?: ((cell: HeatmapCell | null) => void) | undefined;
}

/** Layer × component, or any other matrix. */
export function CanvasHeatmap(props: CanvasHeatmapProps) {
  const { data, scale, difference, domain, colors, selectedRows, selectedColumns } = props;
  const low = domain?.[0];
  const high = domain?.[1];
  const chart = useMemo(
    () =>
      heatmapChart(data, {
        scale: scale ?? "linear",
        difference: difference ?? false,
        domain: low !== undefined && high !== undefined ? [low, high] : undefined,
        colors: colors ?? "energy",
      }),
    [data, scale, difference, low, high, colors],
  );
  const marks = (pen: Pen, layout: HeatmapLayout, palette: Palette) => {
    for (const box of selectionBoxes(data, layout, selectedRows, selectedColumns)) {
      pen.frame(box.x, box.y, box.w, box.h, { color: palette.surface, width: 4 });
      pen.frame(box.x, box.y, box.w, box.h, { color: palette.text, width: 2 });
    }
  };
  return <CanvasChart {...props} chart={chart} kind="heatmap" marks={marks} />;
}

/** What is framed: the selected rows across all columns, or cut to the selected columns. */
export function selectionBoxes(
  data: HeatmapData,
  { plot }: HeatmapLayout,
  rows: readonly [number, number] | null | undefined,
  columns: readonly number[] | undefined,
): Box[] {
  if (!rows && !columns?.length) return [];
  const [first, last] = rows ?? [0, data.rows.length - 1];
  const down = plot.h / data.rows.length;
  const across = plot.w / data.columns.length;
  const y = plot.y + first * down;
  const h = (last - first + 1) * down;
  if (!columns?.length) return [{ x: plot.x, y, w: plot.w, h }];
  return columns.map((column) => ({ x: plot.x + column * across, y, w: across, h }));
}
