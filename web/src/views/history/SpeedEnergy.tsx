// SPDX-License-Identifier: MIT
// Is a run fast, or frugal, or both? All runs that match, not just the page of the table.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { queries } from "../../api/queries";
import type { RunFields } from "../../api/schema";
import { Scatter } from "../../charts/Scatter";
import { scatterTable, type ScatterData } from "../../charts/scatter";
import { visibleText } from "../../format/names";
import { quantities } from "../../format/units";
import { setView, useView } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { openRun } from "../../ui/RunLink";
import { filterParams, type Filters } from "./model/query";
import { shortDate } from "./model/run";

const MOST_POINTS = 2000;
const FIELDS = ["id", "model_name", "created_at", "tokens_per_second", "joules_per_token"] as const;

/** As much as is drawn of a run, of the newest ones. */
export function useBriefRuns(filters: Filters) {
  return useQuery(queries.runFields(FIELDS, { ...filterParams(filters), limit: MOST_POINTS }));
}

/** Short, for charts and chips. */
export function briefTitle(run: RunFields): string {
  return `${visibleText(run.model_name ?? run.id)}, ${shortDate(run.created_at ?? "").slice(5)}`;
}

export function scatterData(runs: readonly RunFields[], strong: readonly string[]): ScatterData {
  const chosen = new Set(strong);
  return {
    points: runs.map((run) => ({
      key: run.id,
      label: briefTitle(run),
      x: run.tokens_per_second ?? null,
      y: run.joules_per_token == null ? null : run.joules_per_token * 1e3,
      strong: chosen.has(run.id),
    })),
    xQuantity: quantities.rate,
    yQuantity: quantities.energyNamed("energy per token"),
  };
}

export function SpeedEnergy({ filters }: { readonly filters: Filters }) {
  const runs = useBriefRuns(filters);
  const chosen = useView((state) => state.runs);
  const items = runs.data?.items;
  const data = useMemo(() => (items ? scatterData(items, chosen) : null), [items, chosen]);
  return (
    <ChartPanel
      title="Speed and energy"
      file="speed-and-energy"
      state={stateFor(stateOf(runs), data, runs.data?.total ?? 0)}
      source="Right and down is better. On the dashed front no run is better in both. Enter or a click opens a run."
      table={data ? () => scatterTable(data) : undefined}
    >
      {(handle) =>
        data && (
          <Scatter
            data={data}
            label="Tokens per second and energy per token of runs"
            height={320}
            handle={handle}
            onActivate={(id) => setView(openRun(id), "push")}
          />
        )
      }
    </ChartPanel>
  );
}

function stateFor(state: PanelState, data: ScatterData | null, total: number): PanelState {
  if (state.kind !== "ready" || !data) return state;
  if (!data.points.some(({ x, y }) => x !== null && y !== null)) {
    return { kind: "empty", says: "None of these runs has both an energy and a speed." };
  }
  const shown = data.points.length;
  return shown < total ? { ...state, partial: `the newest ${shown} of ${total} runs` } : state;
}
