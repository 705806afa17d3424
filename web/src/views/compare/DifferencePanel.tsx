// SPDX-License-Identifier: MIT
// Where two runs differ: layer × component of one less that of the baseline.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { queries } from "../../api/queries";
import type { Block } from "../../api/f32";
import type { MatrixHead } from "../../api/schema";
import { CanvasHeatmap } from "../../charts/CanvasHeatmap";
import { heatmapTable, type HeatmapData } from "../../charts/heatmap";
import { layerTitle, visibleText } from "../../format/names";
import { quantities, type Quantity } from "../../format/units";
import { METRICS, setView, useView, type Metric, type ViewState } from "../../state/view";
import { useActions } from "../../ui/actions";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import type { Group } from "./Compare";
import { PhaseSwitch } from "./LayersPanel";
import { difference, type Difference } from "./model/overlay";

const TITLE: Record<Metric, string> = {
  energy_mj: "energy",
  time_ms: "time",
  power_mw: "power",
  activation_mean: "activation mean",
  activation_std: "activation deviation",
  activation_max: "activation maximum",
  activation_sparsity: "activation sparsity",
  attention_entropy: "attention entropy",
};

function quantityOf(metric: Metric, relative: boolean): Quantity {
  const name = `difference in ${TITLE[metric]}`;
  if (relative) return quantities.ratio(name);
  switch (metric) {
    case "energy_mj":
      return quantities.energyNamed(name);
    case "time_ms":
      return { ...quantities.time, name };
    case "power_mw":
      return quantities.powerNamed(name);
    default:
      return quantities.plain(name);
  }
}

function heatmapOf({ layers, components, values }: Difference, metric: Metric, relative: boolean): HeatmapData {
  return {
    rows: layers.map((layer) => (layer < 0 ? layerTitle(layer) : String(layer))),
    columns: components.map(visibleText),
    values,
    quantity: quantityOf(metric, relative),
    rowKind: "layer",
    columnKind: "component",
  };
}

interface Sides {
  readonly base: Group;
  readonly other: Group;
}

export function DifferencePanel({ groups }: { readonly groups: readonly Group[] }) {
  const against = useView((state) => state.against);
  const base = groups[0];
  const other = groups.find(({ letter }) => letter === against) ?? groups[1];
  if (!base || !other) return null;
  return <Shown base={base} other={other} groups={groups} />;
}

function Shown({ base, other, groups }: Sides & { readonly groups: readonly Group[] }) {
  const { metric, phase, relative: how } = useView();
  const relative = how === "yes";
  const params = { metric, phase };
  const before = useQuery(queries.matrix(base.standing, params));
  const after = useQuery(queries.matrix(other.standing, params));
  const found = useMemo(
    () => (before.data && after.data ? difference(before.data, after.data, relative) : null),
    [before.data, after.data, relative],
  );
  const data = useMemo(() => (found ? heatmapOf(found, metric, relative) : null), [found, metric, relative]);
  useActions(
    METRICS.map((one, i) => ({
      id: `metric-${one}`,
      title: `Show ${TITLE[one]}`,
      keys: [String(i + 1)],
      group: "Comparison",
      listed: true,
      run: () => setView({ metric: one }),
    })),
  );
  return (
    <ChartPanel
      file="comparison-difference"
      title={`Difference of ${other.letter} to ${base.letter}`}
      state={stateFor(stateOf(before, after), found, [before.data, after.data], metric)}
      actions={<Controls groups={groups} other={other} metric={metric} how={how} />}
      source={sourceOf(found, before.data, other)}
      table={data ? () => heatmapTable(data) : undefined}
    >
      {(handle) =>
        data && (
          <CanvasHeatmap
            data={data}
            difference
            label={`${TITLE[metric]} of ${other.letter} less that of ${base.letter}, layer by component`}
            height={Math.min(600, 170 + 18 * data.rows.length)}
            handle={handle}
          />
        )
      }
    </ChartPanel>
  );
}

function stateFor(
  state: PanelState,
  found: Difference | null,
  blocks: readonly (Block<MatrixHead> | undefined)[],
  metric: Metric,
): PanelState {
  if (state.kind !== "ready" || !found) return state;
  if (metric === "power_mw" && blocks.some((block) => block?.head.attribution.model !== "activity")) {
    return {
      kind: "unavailable",
      reason: "Energies of these runs were split by time alone, so that every component has the same power.",
      remedy: "ergon calibrate fits a model that tells components apart.",
    };
  }
  if (found.values.every(Number.isNaN)) {
    return { kind: "unavailable", reason: `At least one of the two runs has no ${TITLE[metric]} of its components.` };
  }
  return state;
}

function sourceOf(found: Difference | null, before: Block<MatrixHead> | undefined, other: Group): string | undefined {
  if (!found || !before) return undefined;
  const per = before.head.aggregate === "sum" ? "Per profiled token. " : "";
  const missing = found.missing > 0 ? `${found.missing} cells are in one of the two only, and blank. ` : "";
  return `${per}${missing}Orange: ${other.letter} has more; blue: less.`;
}

interface ControlsProps {
  readonly groups: readonly Group[];
  readonly other: Group;
  readonly metric: Metric;
  readonly how: ViewState["relative"];
}

function Controls({ groups, other, metric, how }: ControlsProps) {
  return (
    <>
      {groups.length > 2 && (
        <select
          aria-label="Compared with the baseline"
          value={other.letter}
          onChange={(event) => setView({ against: event.target.value as ViewState["against"] })}
        >
          {groups.slice(1).map(({ letter, title }) => (
            <option key={letter} value={letter}>
              {letter} {visibleText(title)}
            </option>
          ))}
        </select>
      )}
      <select aria-label="Metric" value={metric} onChange={(event) => setView({ metric: event.target.value as Metric })}>
        {METRICS.map((one) => (
          <option key={one} value={one}>
            {TITLE[one]}
          </option>
        ))}
      </select>
      <PhaseSwitch />
      <button
        type="button"
        aria-pressed={how === "yes"}
        onClick={() => setView({ relative: how === "yes" ? "no" : "yes" })}
      >
        relative
      </button>
    </>
  );
}
