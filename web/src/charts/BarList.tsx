// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { barsChart, barsHeight, type BarsData } from "./bars";
import { CanvasChart, type CommonProps } from "./base/CanvasChart";

export interface BarListProps extends CommonProps {
  readonly data: BarsData;
  /** Key of a bar. */
  readonly onActivate?: ((key: string) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
}

/** Horizontal bars with values. As high as its bars unless a height is given. */
export function BarList({ data, onActivate, ...props }: BarListProps) {
  const chart = useMemo(() => barsChart(data), [data]);
  return (
    <CanvasChart
      {...props}
      chart={chart}
      kind="bar chart"
      height={props.height ?? barsHeight(data)}
      onActivate={onActivate && ((index: number) => onActivate(data.bars[index]!.key))}
    />
  );
}
