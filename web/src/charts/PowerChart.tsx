// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { powerSeries, type PowerData } from "./power";
import { SeriesChart, type SeriesChartProps } from "./SeriesChart";

export interface PowerChartProps extends Omit<SeriesChartProps, "data" | "fromZero" | "kind"> {
  readonly data: PowerData;
}

/** Power over time, a line per domain, with phases as bands, peak and idle marked. */
export function PowerChart({ data, ...props }: PowerChartProps) {
  const series = useMemo(() => powerSeries(data), [data]);
  return <SeriesChart {...props} data={series} kind="power chart" />;
}
