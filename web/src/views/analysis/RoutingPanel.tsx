// SPDX-License-Identifier: MIT
// Which experts were chosen (deep runs of models that have some).

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Routing } from "../../api/schema";
import { CanvasHeatmap } from "../../charts/CanvasHeatmap";
import { heatmapTable, type HeatmapData } from "../../charts/heatmap";
import { formatPlain, quantities } from "../../format/units";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { keptStretch, stretchParams, stretchTitle } from "./model/stretch";
import { lasting, useRun, useSettledSelection } from "./useRun";

export function expertsOf({ layers, experts }: Routing): HeatmapData {
  const count = Math.max(experts.length, ...layers.map((layer) => layer.counts.length));
  const values = new Float64Array(layers.length * count).fill(Number.NaN);
  layers.forEach((layer, row) =>
    layer.counts.forEach((chosen, expert) => (values[row * count + expert] = chosen)),
  );
  return {
    rows: layers.map((layer) => `${layer.layer}`),
    columns: Array.from({ length: count }, (_, i) => `${i}`),
    values,
    quantity: { ...quantities.count, name: "times chosen" },
    rowKind: "layer",
    columnKind: "expert",
  };
}

export function RoutingPanel() {
  const { id, report, tokens } = useRun();
  const selection = keptStretch(useSettledSelection(), isReport());
  const stretch = stretchParams(selection, tokens);
  const experts = Number(report.model["experts"] ?? 0);
  const deep = report.mode === "deep";
  const routing = useQuery({
    ...queries.routing(id, stretch ?? {}),
    enabled: deep && experts > 0 && stretch !== null,
    placeholderData: keepPreviousData,
    ...lasting(report),
  });
  const data = useMemo(() => (routing.data ? expertsOf(routing.data) : null), [routing.data]);
  if (experts === 0) return null;
  const state: PanelState = !deep
    ? {
        kind: "unavailable",
        reason: "The router's choices are kept in deep runs only.",
        remedy: "Run the prompt again with --mode deep.",
      }
    : stretch === null
      ? { kind: "empty", says: "No pass was evaluated in the selected stretch." }
      : routing.data && routing.data.layers.length === 0
        ? { kind: "unavailable", reason: routing.data.reason ?? "No routing was recorded." }
        : stateOf(routing);
  return (
    <ChartPanel
      file={`${id}-experts`}
      title="Experts"
      state={state}
      table={data ? () => heatmapTable(data) : undefined}
      source={
        routing.data &&
        `${routing.data.decisions} choices in ${stretchTitle(selection, tokens)}; load balance ${formatPlain(routing.data.load_balance)} (1 = even), entropy ${formatPlain(routing.data.routing_entropy)} nats.`
      }
    >
      {(handle) =>
        data && (
          <CanvasHeatmap
            data={data}
            height={Math.min(560, Math.max(200, data.rows.length * 14 + 70))}
            label="How often each expert was chosen, by layer"
            handle={handle}
            colors="other"
          />
        )
      }
    </ChartPanel>
  );
}
