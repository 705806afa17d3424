// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { layoutSankey, sankeyChart, type FlowData, type SankeyTarget } from "./sankey";

export interface SankeyProps extends CommonProps {
  readonly data: FlowData;
  /** Id of the chosen node; of a link, that of its target. */
  readonly onActivate?: ((id: string) => void) | undefined;
  readonly onBack?: (() => void) | undefined;
}

/** Flow of energy from the input through layers and parts of the model to the output. */
export function Sankey({ data, onActivate, ...props }: SankeyProps) {
  const chart = useMemo(() => sankeyChart(data), [data]);
  // which links and nodes there are does not depend on the size
  const ids = useMemo(() => layoutSankey(data, { width: 800, height: 400 }), [data]);
  const activate = ({ kind, index }: SankeyTarget) => {
    const node = kind === "node" ? index : ids.ribbons[index]?.target;
    const id = node === undefined ? undefined : ids.nodes[node]?.node.id;
    if (id !== undefined) onActivate?.(id);
  };
  return <CanvasChart {...props} chart={chart} kind="flow diagram" onActivate={activate} />;
}
