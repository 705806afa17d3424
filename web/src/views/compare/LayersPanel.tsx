// SPDX-License-Identifier: MIT

import { useMemo } from "react";
import { SeriesChart } from "../../charts/SeriesChart";
import { seriesTable, type SeriesData } from "../../charts/series";
import { visibleText } from "../../format/names";
import { quantities } from "../../format/units";
import { setView, useView, type ViewState } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import type { PanelState } from "../../ui/Panel";
import type { Group } from "./Compare";
import { layerLine, type LayerPart, type LayerValue } from "./model/overlay";

const PARTS: readonly ViewState["part"][] = ["all", "attention", "mlp"];
const PART_TITLE: Record<LayerPart, string> = { all: "whole layers", attention: "attention", mlp: "MLP" };
const LAYER = { ...quantities.count, name: "layer" };

type Phase = ViewState["phase"];

export function PhaseSwitch() {
  const phase = useView((state) => state.phase);
  return (
    <select aria-label="Phase" value={phase} onChange={(event) => setView({ phase: event.target.value as Phase })}>
      <option value="decode">decode, per token</option>
      <option value="prefill">prefill, per chunk</option>
    </select>
  );
}

function dataOf(groups: readonly Group[], phase: Phase, value: LayerValue, part: LayerPart): SeriesData {
  const name = `${value} of ${PART_TITLE[part]}`;
  return {
    series: groups.flatMap((group, i) => {
      const line = layerLine(group.report?.layer_averages ?? [], phase, value, part);
      const known = line.values.some((each) => each !== null);
      const title = `${group.letter} ${visibleText(group.title)}`;
      return known ? [{ name: title, x: line.layers, y: line.values, style: { run: i } }] : [];
    }),
    xQuantity: LAYER,
    wholeX: true,
    yQuantity: value === "energy" ? quantities.energyNamed(name) : { ...quantities.time, name },
  };
}

export function LayersPanel({ groups }: { readonly groups: readonly Group[] }) {
  const phase = useView((state) => state.phase);
  const part = useView((state) => state.part);
  const value: LayerValue = useView((state) => (state.metric === "time_ms" ? "time" : "energy"));
  const [data, shownValue] = useMemo((): [SeriesData, LayerValue] => {
    const wanted = dataOf(groups, phase, value, part);
    // without a sensor there are times still
    if (wanted.series.length > 0 || value === "time") return [wanted, value];
    return [dataOf(groups, phase, "time", part), "time"];
  }, [groups, phase, value, part]);
  return (
    <ChartPanel
      file="comparison-layers"
      title="Layers"
      state={stateFor(groups, data)}
      actions={
        <>
          <select
            aria-label="Part of the layers"
            value={part}
            onChange={(event) => setView({ part: event.target.value as LayerPart })}
          >
            {PARTS.map((one) => (
              <option key={one} value={one}>
                {PART_TITLE[one]}
              </option>
            ))}
          </select>
          <PhaseSwitch />
        </>
      }
      source={
        shownValue === value ? undefined : "No energy is known of these layers; the chart shows their time."
      }
      table={() => seriesTable(data)}
    >
      {(handle) => (
        <SeriesChart
          data={data}
          label={`${shownValue} per layer of the compared runs, ${phase}`}
          height={260}
          handle={handle}
        />
      )}
    </ChartPanel>
  );
}

function stateFor(groups: readonly Group[], data: SeriesData): PanelState {
  if (groups.some(({ report }) => report === undefined)) return { kind: "loading" };
  if (data.series.length > 0) return { kind: "ready" };
  return { kind: "unavailable", reason: "No layer was profiled in this phase." };
}
