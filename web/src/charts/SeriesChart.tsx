// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { withAlpha } from "./base/color";
import type { Range } from "./base/ticks";
import { seriesChart, seriesExtent, type SeriesData, type SeriesLayout } from "./series";
import { SeriesLines } from "./SeriesLines";

export interface SeriesChartProps extends CommonProps {
  readonly data: SeriesData;
  /** Part of the x axis in view. */
  readonly view?: Range | undefined;
  /** Makes the chart zoom. */
  readonly onView?: ((view: Range | undefined) => void) | undefined;
  /** Selected part of the x axis. */
  readonly selected?: Range | null | undefined;
  readonly onBrush?: ((range: Range) => void) | undefined;
  /** An x, e.g. the time of the token that the rest of the page shows. */
  readonly at?: number | null | undefined;
  readonly onActivate?: ((x: number) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
  readonly onCursor?: ((x: number | null) => void) | undefined;
  readonly fromZero?: boolean | undefined;
  readonly kind?: string | undefined;
}

const plot = (layout: SeriesLayout) => layout.plot;

/** Lines over a common axis; uPlot draws the lines, everything else is as in the other charts. */
export function SeriesChart(props: SeriesChartProps) {
  const { data, view, onView, selected, onBrush, at, fromZero = true } = props;
  const [chart, whole] = useMemo(() => {
    const options = { view, fromZero };
    return [seriesChart(data, options, false), seriesChart(data, options)];
  }, [data, view, fromZero]);
  const full = seriesExtent(data);
  return (
    <CanvasChart
      {...props}
      chart={chart}
      whole={whole}
      kind={props.kind ?? "line chart"}
      plot={plot}
      zoom={onView && { full, view: view ?? full, smallest: (full[1] - full[0]) / 1e5, onView }}
      onBack={onView && view ? () => onView(undefined) : props.onBack}
      onBrush={
        onBrush && ((layout, from, to) => onBrush([layout.x.invert(from), layout.x.invert(to)]))
      }
      layer={(layout, palette) => (
        <SeriesLines data={data} layout={layout} palette={palette} live={props.live ?? false} />
      )}
      marks={(pen, layout, palette) => {
        const box = layout.plot;
        if (selected) {
          const from = Math.max(box.x, layout.x.at(selected[0]));
          const to = Math.min(box.x + box.w, layout.x.at(selected[1]));
          if (to > from) pen.rect(from, box.y, to - from, box.h, withAlpha(palette.accent, 0.18));
        }
        if (at == null) return;
        const x = layout.x.at(at);
        if (x >= box.x && x <= box.x + box.w) {
          pen.line([x, box.y, x, box.y + box.h], { color: palette.focus, width: 2 });
        }
      }}
    />
  );
}
