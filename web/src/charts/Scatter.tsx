// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { scatterChart, type ScatterData } from "./scatter";

export interface ScatterProps extends CommonProps {
  readonly data: ScatterData;
  /** Key of a point. */
  readonly onActivate?: ((key: string) => void) | undefined;
  readonly onCursor?: ((key: string | null) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
}

/** Throughput against energy, with the Pareto front. */
export function Scatter({ data, onActivate, onCursor, ...props }: ScatterProps) {
  const chart = useMemo(() => scatterChart(data), [data]);
  const key = (index: number) => data.points[index]!.key;
  return (
    <CanvasChart
      {...props}
      chart={chart}
      kind="scatter chart"
      onActivate={onActivate && ((index: number) => onActivate(key(index)))}
      onCursor={
        onCursor && ((index: number | null) => onCursor(index === null ? null : key(index)))
      }
    />
  );
}
