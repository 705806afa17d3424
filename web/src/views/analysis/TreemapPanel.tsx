// SPDX-License-Identifier: MIT
// Where it went as areas: phase > layer > component > operation.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { queries } from "../../api/queries";
import { Treemap } from "../../charts/Treemap";
import { closeSums, treemapTable } from "../../charts/treemap";
import { setView, useView } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { hasStretch } from "./model/selection";
import { passesTitle } from "./model/stretch";
import { measuredTree, treeOfPasses } from "./model/tree";
import {
  lasting,
  useChosenPasses,
  useMeasure,
  useRun,
  useSettledSelection,
  useStacks,
} from "./useRun";
import styles from "./TreemapPanel.module.css";

const HEIGHT = 420;

export function TreemapPanel() {
  const { id, report, tokens } = useRun();
  const measure = useMeasure();
  const selection = useSettledSelection();
  const some = hasStretch(selection);
  const { stacks, queries: matrices } = useStacks();
  const rows = useChosenPasses(stacks?.time.head, selection);
  const tree = useQuery({ ...queries.tree(id), ...lasting(report) });
  const path = useView((state) => state.tree);
  const data = useMemo(() => {
    if (!some) return tree.data ? measuredTree(tree.data.root, measure) : null;
    return stacks ? treeOfPasses(stacks, rows, measure) : null;
  }, [some, tree.data, stacks, rows, measure]);
  const state: PanelState =
    data && !data.children?.length
      ? { kind: "empty", says: "No pass was evaluated in the selected stretch." }
      : stateOf(...(some ? matrices : [tree]));
  return (
    <ChartPanel
      file={`${id}-treemap`}
      title="As areas"
      state={state}
      table={data ? () => treemapTable(closeSums(data), measure.quantity) : undefined}
      source={`${measure.quantity.name} of ${passesTitle(selection, tokens, rows, stacks?.time.head.passes ?? [])}. A click goes a level down, Esc one up; what belongs to nothing is 'unattributed'.`}
    >
      {(handle) => (
        <>
          <nav className={styles["path"]} aria-label="Level of the treemap">
            {["run", ...path].map((name, depth) => (
              <button
                key={depth}
                type="button"
                disabled={depth === path.length}
                onClick={() => setView({ tree: path.slice(0, depth) })}
              >
                {name}
              </button>
            ))}
          </nav>
          {data && (
            <Treemap
              data={data}
              quantity={measure.quantity}
              path={path}
              onPath={(to) => setView({ tree: to })}
              height={HEIGHT}
              label={`${measure.quantity.name} by phase, layer, component and operation, as areas`}
              handle={handle}
            />
          )}
        </>
      )}
    </ChartPanel>
  );
}
