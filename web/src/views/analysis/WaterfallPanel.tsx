// SPDX-License-Identifier: MIT
// What each token cost, stacked by component, with the running total.

import { useMemo } from "react";
import { CanvasWaterfall } from "../../charts/CanvasWaterfall";
import { waterfallTable } from "../../charts/waterfall";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf } from "../../ui/Panel";
import { chosenTokens, hasCells, selectTokens } from "./model/selection";
import { waterfallOf } from "./model/waterfall";
import { select, useMeasure, useRun, useSelection, useSettledSelection, useStacks } from "./useRun";

const HEIGHT = 300;

export function WaterfallPanel() {
  const { id, tokens } = useRun();
  const { stacks, queries } = useStacks();
  const measure = useMeasure();
  const selection = useSelection();
  const { layers, components } = useSettledSelection();
  const data = useMemo(
    () => (stacks ? waterfallOf(stacks, tokens, measure, { layers, components }) : null),
    [stacks, tokens, measure, layers, components],
  );
  const first = tokens[0]?.index ?? 0;
  const range = chosenTokens({ ...selection, token: null }, tokens);
  const some = hasCells(selection);
  return (
    <ChartPanel
      file={`${id}-tokens`}
      title="Token by token"
      state={
        tokens.length ? stateOf(...queries) : { kind: "empty", says: "No token was evaluated." }
      }
      table={data ? () => waterfallTable(data) : undefined}
      source={
        some
          ? "Only the selected layers and components."
          : "Tokens that one pass evaluated together, as those of the prompt, share it equally. A click looks at a token, a drag selects some."
      }
    >
      {(handle) =>
        data && (
          <CanvasWaterfall
            data={data}
            height={HEIGHT}
            label={`${measure.quantity.name} of each token by component, with the running total`}
            handle={handle}
            token={selection.token === null ? null : selection.token - first}
            selected={range && range !== "none" ? [range[0] - first, range[1] - first] : null}
            onActivate={(i) => select({ token: i + first, time: null })}
            onBrush={([from, to]) => select(selectTokens(from + first, to + first))}
          />
        )
      }
    </ChartPanel>
  );
}
