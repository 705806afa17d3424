// SPDX-License-Identifier: MIT
import { useMemo } from "react";

import type { Quantity } from "../format/units";
import { CanvasChart, type CommonProps } from "./base/CanvasChart";
import { closeSums, nodeAt, treemapChart, type TreeNode } from "./treemap";

export interface TreemapProps extends CommonProps {
  readonly data: TreeNode;
  readonly quantity: Quantity;
  /** Names from below the root to the node that fills the chart; [] is the root. */
  readonly path: readonly string[];
  /** Click or Enter goes a level down, Escape one up. */
  readonly onPath: (path: readonly string[]) => void;
  readonly onBack?: (() => void) | undefined;
  readonly onCursor?: ((path: readonly string[] | null) => void) | undefined;
}

/** Where the energy went, as areas. */
export function Treemap(props: TreemapProps) {
  const { data, quantity, onPath, onBack } = props;
  const closed = useMemo(() => closeSums(data), [data]);
  const key = JSON.stringify(props.path);
  const path = useMemo(() => nodeAt(closed, JSON.parse(key) as string[]).path, [closed, key]);
  const chart = useMemo(() => treemapChart(closed, { quantity, path }), [closed, quantity, path]);
  // one level at a time, towards what was chosen
  const activate = (target: readonly string[]) => {
    const next = target.slice(0, path.length + 1);
    if (nodeAt(closed, next).path.length > path.length) onPath(next);
    else if (target.length === path.length && path.length > 0) onPath(path.slice(0, -1));
  };
  return (
    <CanvasChart
      {...props}
      chart={chart}
      kind="treemap"
      onActivate={activate}
      onBack={path.length ? () => onPath(path.slice(0, -1)) : onBack}
    />
  );
}
