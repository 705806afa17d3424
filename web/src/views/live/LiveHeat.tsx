// SPDX-License-Identifier: MIT
// Layers × components of the newest pass.

import { useMemo, useRef } from "react";
import { CanvasHeatmap } from "../../charts/CanvasHeatmap";
import { heatmapTable, type HeatmapData } from "../../charts/heatmap";
import { phaseTitle } from "../../format/names";
import { formatEnergy, formatTime, quantities } from "../../format/units";
import { useLive } from "../../live/feed";
import type { HeatMatrix, LiveRun } from "../../live/run";
import { ChartPanel } from "../../ui/ChartPanel";
import type { PanelState } from "../../ui/Panel";
import styles from "./LiveHeat.module.css";
import { useSilence } from "./Now";
import { SteadyMedian } from "./tint";

interface Heat {
  readonly data: HeatmapData;
  readonly isEnergy: boolean;
  readonly matrix: HeatMatrix;
}

export function LiveHeat() {
  const { run } = useLive();
  const silence = useSilence();
  const matrix = run?.heat ?? null;
  const heat = useMemo(() => (matrix ? heatData(matrix) : null), [matrix]);
  const domain = useSteadyDomain(run, heat);
  if (!run) return null;
  return (
    <ChartPanel
      title={
        heat?.isEnergy === false ? "Time by layer and component" : "Energy by layer and component"
      }
      file={`${run.id}-layers`}
      state={stateOf(run, silence)}
      table={heat ? () => heatmapTable(heat.data) : undefined}
      source={heat && <Source heat={heat} most={domain?.[1] ?? null} />}
    >
      {(handle) =>
        heat && (
          <CanvasHeatmap
            data={heat.data}
            label="Layers and components of the newest pass"
            height={Math.min(560, 170 + Math.max(160, 14 * heat.data.rows.length))}
            colors="energy"
            domain={domain}
            handle={handle}
          />
        )
      }
    </ChartPanel>
  );
}

function stateOf(run: LiveRun, silence: string | null): PanelState {
  if (run.heat) return { kind: "ready", stale: silence ?? undefined };
  const running = run.status === "running";
  return {
    kind: "empty",
    says: running
      ? "Waiting for the first profiled token…"
      : "No token was profiled while this page listened.",
  };
}

function heatData(matrix: HeatMatrix): Heat {
  const isEnergy = matrix.energyMj.some((value) => !Number.isNaN(value));
  return {
    matrix,
    isEnergy,
    data: {
      rows: matrix.layers.map(String),
      columns: matrix.components,
      values: isEnergy ? matrix.energyMj : matrix.timeMs,
      quantity: isEnergy ? quantities.energy : quantities.time,
      rowKind: "layer",
      columnKind: "component",
    },
  };
}

/**
 * What the usual pass of the phase has at most, so that colours mean the same from token to token and one slow pass
 * does not pale all others; what is more has the colour of the end.
 */
function useSteadyDomain(
  run: LiveRun | null,
  heat: Heat | null,
): readonly [number, number] | undefined {
  const held = useRef({ of: "", matrix: null as HeatMatrix | null, most: new SteadyMedian() });
  if (!run || !heat) return undefined;
  const of = `${run.id} ${heat.matrix.phase} ${heat.isEnergy}`;
  if (held.current.of !== of) held.current = { of, matrix: null, most: new SteadyMedian() };
  if (held.current.matrix !== heat.matrix) {
    held.current.matrix = heat.matrix;
    let most = 0;
    for (const value of heat.data.values) if (value > most) most = value;
    held.current.most.add(most);
  }
  const most = held.current.most.value;
  return most > 0 ? [0, most] : undefined;
}

function Source({ heat, most }: { readonly heat: Heat; readonly most: number | null }) {
  const { matrix, isEnergy } = heat;
  const outside = [...matrix.outside]
    .sort((a, b) => (isEnergy ? (b.energyMj ?? 0) - (a.energyMj ?? 0) : b.timeMs - a.timeMs))
    .slice(0, 6);
  return (
    <div className={styles["source"]}>
      <span>
        {phaseTitle(matrix.phase)}, token {matrix.token}
        {isEnergy && " · energy of the pass split by time"}
        {most !== null &&
          ` · colours end at ${heat.data.quantity.format(most)}, the most of a usual pass`}
      </span>
      {outside.length > 0 && (
        <span>
          outside the layers:{" "}
          {outside
            .map(
              ({ name, timeMs, energyMj }) =>
                `${name} ${isEnergy ? formatEnergy(energyMj) : formatTime(timeMs)}`,
            )
            .join(" · ")}
        </span>
      )}
    </div>
  );
}
