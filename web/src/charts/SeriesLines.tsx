// SPDX-License-Identifier: MIT
// The lines of a series chart, drawn by uPlot on the plot of our own axes.

import { useEffect, useRef } from "react";
import uPlot from "uplot";

import styles from "./base/chart.module.css";
import { useRedraw } from "./base/hooks";
import type { Palette } from "./base/palette";
import { lineStroke, type Series, type SeriesData, type SeriesLayout } from "./series";

export interface SeriesLinesProps {
  readonly data: SeriesData;
  readonly layout: SeriesLayout;
  readonly palette: Palette;
  readonly live: boolean;
}

// uPlot knows a gap as null only, never as NaN.
function column({ y }: Series): (number | null)[] {
  return Array.from(y, (value) => (value == null || Number.isNaN(value) ? null : value));
}

/**
 * One table for all series. Where their x differ, what a series does not have is not a gap of it.
 */
export function alignedData(series: readonly Series[]): uPlot.AlignedData {
  const [first] = series;
  if (!first) return [[]];
  if (series.every(({ x }) => x === first.x)) return [Array.from(first.x), ...series.map(column)];
  return uPlot.join(series.map((each): uPlot.AlignedData => [Array.from(each.x), column(each)]));
}

interface Drawn {
  readonly plot: uPlot;
  readonly look: string;
  data: SeriesData;
  layout: SeriesLayout;
}

function create(
  data: SeriesData,
  layout: SeriesLayout,
  palette: Palette,
  look: string,
  root: HTMLElement,
): Drawn {
  const series = data.series.map(({ style }, i): uPlot.Series => {
    const { color, width = 1, dash = [] } = lineStroke(layout, i, style, palette);
    return { stroke: color, width, dash: [...dash], points: { show: false } };
  });
  const drawn = { look, data, layout };
  const options: uPlot.Options = {
    width: layout.plot.w,
    height: layout.plot.h,
    padding: [0, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: false, range: () => [...drawn.layout.x.domain] },
      y: { range: () => [...drawn.layout.y.domain] },
    },
    series: [{}, ...series],
  };
  return Object.assign(drawn, { plot: new uPlot(options, alignedData(data.series), root) });
}

export function SeriesLines({ data, layout, palette, live }: SeriesLinesProps) {
  const root = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const look = JSON.stringify(
    data.series.map(({ style }, i) => lineStroke(layout, i, style, palette)),
  );

  const draw = useRedraw(() => {
    if (!root.current) return;
    if (drawn.current?.look !== look) {
      drawn.current?.plot.destroy();
      drawn.current = create(data, layout, palette, look, root.current);
      return;
    }
    const { plot, data: before } = drawn.current;
    Object.assign(drawn.current, { data, layout });
    plot.batch(() => {
      if (before !== data) plot.setData(alignedData(data.series), false);
      if (plot.width !== layout.plot.w || plot.height !== layout.plot.h) {
        plot.setSize({ width: layout.plot.w, height: layout.plot.h });
      }
      plot.setScale("x", { min: layout.x.domain[0], max: layout.x.domain[1] });
    });
  }, live);

  useEffect(draw, [draw, data, layout, look]);
  useEffect(
    () => () => {
      drawn.current?.plot.destroy();
      drawn.current = null;
    },
    [],
  );
  const { x, y, w, h } = layout.plot;
  return (
    <div
      ref={root}
      className={styles.lines}
      style={{ left: x, top: y, width: w, height: h }}
      aria-hidden="true"
    />
  );
}
