// SPDX-License-Identifier: MIT
import { useMemo, useState } from "react";

import { quantities } from "../format/units";
import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { withAlpha } from "./base/color";
import type { Range } from "./base/ticks";
import {
  timelineChart,
  timelineExtent,
  timelineHeight,
  type TimelineLayout,
  type TimelineWidth,
} from "./timeline";
import type { TimelineData } from "./timelineData";

export interface CanvasTimelineProps extends CommonProps {
  /** From timelineData(). */
  readonly data: TimelineData;
  readonly width: TimelineWidth;
  /** Part in view, ms or mJ as `width` says. Without `onView` the chart keeps it itself. */
  readonly view?: Range | undefined;
  readonly onView?: ((view: Range | undefined) => void) | undefined;
  /** Selected part of the axis, ms or mJ. */
  readonly selected?: Range | null | undefined;
  /** A drag across the chart, ms or mJ. */
  readonly onBrush?: ((range: Range) => void) | undefined;
  /** Index of a span in `data`; it is brought into view as well. */
  readonly onActivate?: ((span: number) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
  readonly onCursor?: ((span: number | null) => void) | undefined;
}

const plot = (layout: TimelineLayout) => layout.plot;

/** Phases, sections, passes and spans in lanes. */
export function CanvasTimeline(props: CanvasTimelineProps) {
  const { data, width, selected, onBrush, onActivate } = props;
  const [own, setOwn] = useState<{ width: TimelineWidth; view: Range | undefined }>({
    width,
    view: undefined,
  });
  const view = props.onView ? props.view : own.width === width ? own.view : undefined;
  const setView = props.onView ?? ((next: Range | undefined) => setOwn({ width, view: next }));
  const full = useMemo(() => timelineExtent(data, width), [data, width]);
  const chart = useMemo(
    () => timelineChart(data, { width, view, time: quantities.time, energy: quantities.energy }),
    [data, width, view],
  );
  const activate = (span: number) => {
    const [from, to] = width === "time" ? [data.start_ms, data.end_ms] : [data.from_mj, data.to_mj];
    const room = (to[span]! - from[span]!) * 0.05;
    if (to[span]! > from[span]!) {
      setView([Math.max(full[0], from[span]! - room), Math.min(full[1], to[span]! + room)]);
    }
    onActivate?.(span);
  };
  return (
    <CanvasChart
      {...props}
      chart={chart}
      kind="timeline"
      height={props.height ?? timelineHeight(data)}
      plot={plot}
      zoom={{ full, view: view ?? full, smallest: (full[1] - full[0]) / 1e6, onView: setView }}
      onActivate={activate}
      onBack={view ? () => setView(undefined) : props.onBack}
      onBrush={
        onBrush &&
        ((layout, from, to) => onBrush([layout.scale.invert(from), layout.scale.invert(to)]))
      }
      marks={(pen, layout, palette) => {
        if (!selected) return;
        const box = layout.plot;
        const from = Math.max(box.x, layout.scale.at(selected[0]));
        const to = Math.min(box.x + box.w, layout.scale.at(selected[1]));
        if (to <= from) return;
        pen.rect(from, box.y, to - from, box.h, withAlpha(palette.accent, 0.18));
        pen.frame(from, box.y, to - from, box.h, { color: palette.accent, width: 1.5 });
      }}
    />
  );
}
