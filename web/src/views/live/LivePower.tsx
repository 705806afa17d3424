// SPDX-License-Identifier: MIT

import { useMemo } from "react";
import type { Domain } from "../../charts/base/palette";
import { PowerChart } from "../../charts/PowerChart";
import { powerSeries, type PowerData } from "../../charts/power";
import { seriesTable } from "../../charts/series";
import { DOMAINS } from "../../format/names";
import { useLive } from "../../live/feed";
import type { LiveRun } from "../../live/run";
import { ChartPanel } from "../../ui/ChartPanel";
import type { PanelState } from "../../ui/Panel";
import { useSilence } from "./Now";

export function LivePower() {
  const { run } = useLive();
  const silence = useSilence();
  const version = run?.version.power ?? 0;
  // the run is changed in place; its version says when
  const data = useMemo(() => (run ? powerData(run) : null), [run, version]);
  if (!run || !data) return null;
  const dropped = run.power.pushed - run.power.length;
  return (
    <ChartPanel
      title="Power"
      file={`${run.id}-power`}
      state={stateOf(run, silence)}
      table={() => seriesTable(powerSeries(data))}
      source={
        <>
          {run.power.length} {run.power.length === 1 ? "sample" : "samples"}
          {dropped > 0 && `, the newest; ${dropped} older ones are in the store`}
          {missing(run).length > 0 && ` · not on this machine: ${missing(run).join(", ")}`}
        </>
      }
    >
      {(handle) => (
        <PowerChart data={data} label="Power over time" height={260} handle={handle} />
      )}
    </ChartPanel>
  );
}

function stateOf(run: LiveRun, silence: string | null): PanelState {
  if (run.power.length > 0) {
    return {
      kind: "ready",
      stale: silence ?? undefined,
      partial: run.lost === "reading" ? "samples are missing" : undefined,
    };
  }
  const sources = run.summary?.power.sources ?? run.facts?.power_sources;
  if (sources?.length === 0) {
    return {
      kind: "unavailable",
      reason: "No power source could be read, so that this run has times but no joules.",
      remedy: "The panel “Power sensors” says why, and what to do.",
    };
  }
  return {
    kind: "empty",
    says: run.status === "running" ? "Waiting for the first sample…" : "There are no samples.",
  };
}

function missing(run: LiveRun): string[] {
  return (["cpu", "gpu", "ane", "dram"] as const)
    .filter((domain) => !run.power.has(domain))
    .map((name) => name.toUpperCase());
}

// A ring that has turned is overwritten in place: what is drawn is a copy.
function powerData(run: LiveRun): PowerData {
  const { power } = run;
  const turned = power.pushed >= power.capacity;
  const column = (name: "t" | Domain) => (turned ? power.column(name).slice() : power.column(name));
  const watts: Partial<Record<Domain, Float64Array>> = {};
  for (const domain of [...DOMAINS, "total"] as const)
    if (power.has(domain)) watts[domain] = column(domain);
  return {
    timestamp_ms: column("t"),
    power_mw: watts,
    phases: run.bands.map(({ phase, startMs, endMs }) => ({
      phase,
      start_ms: startMs,
      end_ms: endMs,
    })),
    idle_mw: run.summary?.idle_power_mw ?? null,
  };
}
