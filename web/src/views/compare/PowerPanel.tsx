// SPDX-License-Identifier: MIT

import { useQueries, type UseQueryResult } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { queries } from "../../api/queries";
import type { Power } from "../../api/schema";
import type { Range } from "../../charts/base/ticks";
import { SeriesChart } from "../../charts/SeriesChart";
import { seriesTable, type SeriesData } from "../../charts/series";
import { visibleText } from "../../format/names";
import { quantities } from "../../format/units";
import { setView, useView, type ViewState } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf } from "../../ui/Panel";
import type { Group } from "./Compare";
import { originOf, shifted, type Align } from "./model/overlay";

const MOST_POINTS = 2000;

const ALIGN: readonly (readonly [value: ViewState["align"], title: string])[] = [
  ["start", "from the start"],
  ["decode", "from the first generated token"],
];

function dataOf(groups: readonly Group[], powers: readonly (Power | undefined)[], align: Align): SeriesData {
  const known = powers.filter((power) => power !== undefined);
  const decimated = known.some(({ decimation }) => decimation !== "none");
  return {
    series: groups.flatMap((group, i) => {
      const power = powers[i];
      if (!power || power.samples.timestamp_ms.length === 0) return [];
      return [
        {
          name: `${group.letter} ${visibleText(group.title)}`,
          x: shifted(power.samples.timestamp_ms, originOf(power, align)),
          y: power.samples.total_power_mw,
          style: { run: i },
        },
      ];
    }),
    xQuantity: quantities.time,
    yQuantity: quantities.powerNamed("total power"),
    decimated: decimated
      ? {
          shown: known.reduce((sum, power) => sum + power.returned, 0),
          taken: known.reduce((sum, power) => sum + power.count, 0),
        }
      : undefined,
  };
}

const combine = (results: readonly UseQueryResult<Power>[]) => ({
  powers: results.map(({ data }) => data),
  state: stateOf(...results),
});

export function PowerPanel({ groups }: { readonly groups: readonly Group[] }) {
  const align = useView((state) => state.align);
  const { powers, state } = useQueries({
    queries: groups.map(({ standing }) => queries.power(standing, { max_points: MOST_POINTS })),
    combine,
  });
  const data = useMemo(() => dataOf(groups, powers, align), [groups, powers, align]);
  const [view, setRange] = useState<Range | undefined>(undefined);
  return (
    <ChartPanel
      file="comparison-power"
      title="Power"
      state={
        state.kind === "ready" && data.series.length === 0
          ? { kind: "unavailable", reason: "No power was sampled in these runs: there was no power source." }
          : state
      }
      actions={
        <select
          aria-label="Lay over each other"
          value={align}
          onChange={(event) => {
            setRange(undefined);
            setView({ align: event.target.value as Align });
          }}
        >
          {ALIGN.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      }
      source={groups.some(({ runs }) => runs.length > 1) ? "One run of each group, as chosen above." : undefined}
      table={() => seriesTable(data)}
    >
      {(handle) => (
        <SeriesChart
          data={data}
          label="Power of the compared runs over time"
          height={280}
          handle={handle}
          view={view}
          onView={setRange}
        />
      )}
    </ChartPanel>
  );
}
