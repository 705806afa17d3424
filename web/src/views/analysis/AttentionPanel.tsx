// SPDX-License-Identifier: MIT
// How each head spreads its attention (deep runs).

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Attention } from "../../api/schema";
import { CanvasHeatmap } from "../../charts/CanvasHeatmap";
import { heatmapTable, type HeatmapData } from "../../charts/heatmap";
import { quantities, type Quantity } from "../../format/units";
import { setView, useView, type ViewState } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { Choice } from "./Choice";
import { keptStretch, stretchParams, stretchTitle } from "./model/stretch";
import { lasting, useRun, useSettledSelection } from "./useRun";

type Heads = ViewState["heads"];

const STATISTICS: Record<Heads, { title: string; quantity: Quantity; says: string }> = {
  attention_entropy: {
    title: "entropy",
    quantity: quantities.plain("entropy", "nats"),
    says: "0 nats: all attention on one position; more: spread over more of them",
  },
  max_attention_weight: {
    title: "largest weight",
    quantity: quantities.plain("largest weight"),
    says: "largest weight a position got, averaged over query positions",
  },
  attention_sparsity: {
    title: "sparsity",
    quantity: quantities.ratio("sparsity"),
    says: "share of weights below the threshold",
  },
};

export function headsOf(attention: Attention, statistic: Heads, quantity: Quantity): HeatmapData {
  const heads = attention.layers.reduce(
    (most, layer) => Math.max(most, layer[statistic].length),
    0,
  );
  const values = new Float64Array(attention.layers.length * heads).fill(Number.NaN);
  attention.layers.forEach((layer, row) =>
    layer[statistic].forEach((value, head) => {
      if (value !== null) values[row * heads + head] = value;
    }),
  );
  return {
    rows: attention.layers.map((layer) => `${layer.layer}`),
    columns: Array.from({ length: heads }, (_, i) => `${i}`),
    values,
    quantity,
    rowKind: "layer",
    columnKind: "head",
  };
}

export function AttentionPanel() {
  const { id, report, tokens } = useRun();
  const selection = keptStretch(useSettledSelection(), isReport());
  const statistic = useView((state) => state.heads);
  const stretch = stretchParams(selection, tokens);
  const deep = report.mode === "deep";
  const attention = useQuery({
    ...queries.attention(id, stretch ?? {}),
    enabled: deep && stretch !== null,
    placeholderData: keepPreviousData,
    ...lasting(report),
  });
  const info = STATISTICS[statistic];
  const data = useMemo(
    () => (attention.data ? headsOf(attention.data, statistic, info.quantity) : null),
    [attention.data, statistic, info],
  );
  if (!deep) return null;
  const state: PanelState =
    stretch === null
      ? { kind: "empty", says: "No pass was evaluated in the selected stretch." }
      : attention.data && attention.data.layers.length === 0
        ? {
            kind: "unavailable",
            reason: attention.data.reason ?? "No attention weights were looked at.",
          }
        : stateOf(attention);
  return (
    <ChartPanel
      file={`${id}-${statistic}`}
      title="Attention heads"
      state={state}
      table={data ? () => heatmapTable(data) : undefined}
      source={`${info.says}; average over ${attention.data?.passes ?? 0} passes of ${stretchTitle(selection, tokens)}.`}
      actions={
        <Choice
          label="Statistic"
          value={statistic}
          options={Object.keys(STATISTICS) as Heads[]}
          title={(one) => STATISTICS[one].title}
          onChoose={(to) => setView({ heads: to })}
        />
      }
    >
      {(handle) =>
        data && (
          <CanvasHeatmap
            data={data}
            height={Math.min(560, Math.max(200, data.rows.length * 14 + 70))}
            label={`${info.title} of attention heads by layer`}
            handle={handle}
            colors="other"
          />
        )
      }
    </ChartPanel>
  );
}
