// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { histogramChart, type HistogramData } from "./histogram";

export interface HistogramProps extends CommonProps {
  readonly data: HistogramData;
  readonly onBack?: (() => void) | undefined;
}

/** Spread of one value over the tokens of a run. */
export function Histogram({ data, ...props }: HistogramProps) {
  const chart = useMemo(() => histogramChart(data), [data]);
  return <CanvasChart {...props} chart={chart} kind="histogram" />;
}
