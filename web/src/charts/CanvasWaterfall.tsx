// SPDX-License-Identifier: MIT
import { useMemo, useState } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { withAlpha } from "./base/color";
import type { Range } from "./base/ticks";
import { waterfallChart, type WaterfallData, type WaterfallLayout } from "./waterfall";

export interface CanvasWaterfallProps extends CommonProps {
  readonly data: WaterfallData;
  /** Index in `data` of the token that the rest of the page shows. */
  readonly token?: number | null | undefined;
  /** First and last index of a selection. */
  readonly selected?: readonly [first: number, last: number] | null | undefined;
  readonly onActivate?: ((token: number) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
  readonly onCursor?: ((token: number | null) => void) | undefined;
  /** A drag: first and last index. */
  readonly onBrush?: ((range: readonly [first: number, last: number]) => void) | undefined;
}

const plot = (layout: WaterfallLayout) => layout.plot;

/** Energy or time per token, stacked by component, with the running total. */
export function CanvasWaterfall(props: CanvasWaterfallProps) {
  const { data, token, selected, onBrush } = props;
  const [view, setView] = useState<Range | undefined>(undefined);
  const chart = useMemo(() => waterfallChart(data, { view }), [data, view]);
  const full: Range = [0, Math.max(1, data.positions.length)];
  const tokenAt = (layout: WaterfallLayout, x: number) => {
    const fraction = (x - layout.plot.x) / layout.plot.w;
    const index = layout.first + Math.floor(fraction * (layout.last - layout.first));
    return Math.min(layout.last - 1, Math.max(layout.first, index));
  };
  return (
    <CanvasChart
      {...props}
      chart={chart}
      kind="waterfall"
      plot={plot}
      zoom={{ full, view: view ?? full, smallest: 8, onView: setView }}
      onBack={view ? () => setView(undefined) : props.onBack}
      onBrush={
        onBrush && ((layout, from, to) => onBrush([tokenAt(layout, from), tokenAt(layout, to)]))
      }
      marks={(pen, layout, palette) => {
        const at = (index: number) =>
          layout.plot.x +
          ((index - layout.first) / Math.max(1, layout.last - layout.first)) * layout.plot.w;
        const { y, h } = layout.plot;
        if (selected) {
          const from = Math.max(at(selected[0]), layout.plot.x);
          const to = Math.min(at(selected[1] + 1), layout.plot.x + layout.plot.w);
          if (to > from) pen.rect(from, y, to - from, h, withAlpha(palette.accent, 0.18));
        }
        if (token == null || token < layout.first || token >= layout.last) return;
        const middle = (at(token) + at(token + 1)) / 2;
        pen.line([middle, y - 6, middle, y + h], { color: palette.surface, width: 4 });
        pen.line([middle, y - 6, middle, y + h], { color: palette.focus, width: 2 });
        pen.area([middle - 5, y - 8, middle + 5, y - 8, middle, y - 1], palette.focus);
      }}
    />
  );
}
