// SPDX-License-Identifier: MIT
// From the input through layers and attention, MLP and the rest to the output.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { queries } from "../../api/queries";
import { Sankey } from "../../charts/Sankey";
import { sankeyTable } from "../../charts/sankey";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { flowOfPasses, measuredFlow } from "./model/flow";
import { hasStretch, type Selection } from "./model/selection";
import { passesTitle } from "./model/stretch";
import type { Stacks } from "./model/tree";
import {
  lasting,
  select,
  useChosenPasses,
  useMeasure,
  useRun,
  useSettledSelection,
  useStacks,
} from "./useRun";

const HEIGHT = 460;

export function SankeyPanel() {
  const { id, report, tokens } = useRun();
  const measure = useMeasure();
  const selection = useSettledSelection();
  const some = hasStretch(selection);
  const { stacks, queries: matrices } = useStacks();
  const rows = useChosenPasses(stacks?.time.head, selection);
  const flow = useQuery({ ...queries.flow(id), ...lasting(report) });
  const data = useMemo(() => {
    if (!some) return flow.data ? measuredFlow(flow.data, measure) : null;
    return stacks ? flowOfPasses(stacks, rows, measure) : null;
  }, [some, flow.data, stacks, rows, measure]);
  const state: PanelState =
    data && data.links.length === 0
      ? { kind: "empty", says: "No pass was evaluated in the selected stretch." }
      : stateOf(...(some ? matrices : [flow]));
  return (
    <ChartPanel
      file={`${id}-flow`}
      title="As a flow"
      state={state}
      table={data ? () => sankeyTable(data) : undefined}
      source={`${measure.quantity.name} of ${passesTitle(selection, tokens, rows, stacks?.time.head.passes ?? [])}: what flows into a node flows out of it. A click selects.`}
    >
      {(handle) =>
        data && (
          <Sankey
            data={data}
            height={HEIGHT}
            label={`${measure.quantity.name} from the input through layers and components to the output`}
            handle={handle}
            onActivate={(node) => {
              const change = stacks && choiceOf(node, stacks);
              if (change) select(change);
            }}
          />
        )
      }
    </ChartPanel>
  );
}

/** What a node of the flow stands for. */
export function choiceOf(node: string, { time }: Stacks): Partial<Selection> | null {
  const layer = /^layer:(\d+)$/.exec(node);
  if (layer) return { layers: [Number(layer[1]), Number(layer[1])] };
  const component = /^component:(.+)$/s.exec(node);
  if (component) return { layers: null, components: [component[1]!] };
  if (node !== "attention" && node !== "mlp") return null;
  return { components: time.head.components.filter((_, i) => time.head.groups[i] === node) };
}
