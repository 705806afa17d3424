// SPDX-License-Identifier: MIT
// Power over the run, with phases, peak and idle; a drag selects a stretch of time.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { queries } from "../../api/queries";
import type { Power } from "../../api/schema";
import { DOMAINS, type Domain } from "../../charts/base/palette";
import { PowerChart } from "../../charts/PowerChart";
import { powerSeries, type PowerData } from "../../charts/power";
import { seriesTable } from "../../charts/series";
import { setView, useView } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf } from "../../ui/Panel";
import { whyNot } from "./model/metrics";
import { tokenAt } from "./model/play";
import { refined } from "./model/power";
import { chosenTime, selectTime } from "./model/selection";
import { lasting, select, useRun, useSelection } from "./useRun";

const MAX_POINTS = 2000;
const HEIGHT = 240;

export function powerData({
  samples,
  phases,
  idle_power_mw,
  count,
  returned,
  decimation,
}: Power): PowerData {
  const power_mw: Partial<Record<Domain, ArrayLike<number | null>>> = {};
  for (const domain of DOMAINS) {
    const column = samples[`${domain}_power_mw`];
    if (column) power_mw[domain] = column;
  }
  return {
    timestamp_ms: samples.timestamp_ms,
    power_mw,
    phases,
    idle_mw: idle_power_mw,
    ...(decimation === "none" || returned >= count ? {} : { taken: count }),
  };
}

export function PowerPanel() {
  const { id, report, tokens } = useRun();
  const zoom = useView((state) => state.zoom);
  const selection = useSelection();
  const power = useQuery({
    ...queries.power(id, { max_points: MAX_POINTS }),
    ...lasting(report),
  });
  // Of a part of the run there may be more samples than were kept of all of it.
  const part = useQuery({
    ...queries.power(id, { max_points: MAX_POINTS, from_ms: zoom?.[0], to_ms: zoom?.[1] }),
    enabled: zoom !== null && power.data?.decimation === "minmax",
    ...lasting(report),
  });
  const data = useMemo(() => {
    if (!power.data) return null;
    return powerData(zoom ? refined(power.data, part.data, zoom[0], zoom[1]) : power.data);
  }, [power.data, part.data, zoom]);
  const stretch = chosenTime(selection, tokens);
  const middle = selection.token !== null && stretch ? (stretch[0] + stretch[1]) / 2 : null;
  const none = whyNot("energy_mj", report);
  const count = power.data?.count ?? 0;
  const state = none
    ? { kind: "unavailable" as const, ...none }
    : power.data && count === 0
      ? {
          kind: "empty" as const,
          says: "No power sample was taken: the run was shorter than the sensor's interval.",
        }
      : stateOf(power);
  return (
    <ChartPanel
      file={`${id}-power`}
      title="Power"
      state={state}
      table={data ? () => seriesTable(powerSeries(data)) : undefined}
      source={`${report.power.sources.join(", ")} (${report.power.grade}); ${count} ${count === 1 ? "sample" : "samples"}. A drag selects a stretch of time.`}
    >
      {(handle) =>
        data && (
          <PowerChart
            data={data}
            height={HEIGHT}
            label="Power over the run"
            handle={handle}
            view={zoom ?? undefined}
            onView={(view) => setView({ zoom: view ? [round(view[0]), round(view[1])] : null })}
            selected={selection.token === null ? stretch : null}
            at={middle}
            onBrush={([from, to]) => select(selectTime(from, to))}
            onActivate={(ms) => {
              const token = tokenAt(tokens, ms);
              if (token !== null) select({ token, time: null });
            }}
          />
        )
      }
    </ChartPanel>
  );
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
