// SPDX-License-Identifier: MIT
// Layer × component, for the token that is looked at, the selected stretch, or the whole run.

import { useMemo } from "react";
import { BarList } from "../../charts/BarList";
import type { BarsData } from "../../charts/bars";
import { componentGroup } from "../../charts/base/components";
import { CanvasHeatmap } from "../../charts/CanvasHeatmap";
import { heatmapTable } from "../../charts/heatmap";
import { setView, useView } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { stateOf, type PanelState } from "../../ui/Panel";
import { Choice } from "./Choice";
import { heatmapOf, netMatrix, outsideOf, shapeOf } from "./model/heatmap";
import { metricInfo, usableMetric, whyNot, type MetricInfo } from "./model/metrics";
import { toggleCell } from "./model/selection";
import { colorRange, foldPasses, passMatrix, type Stack } from "./model/stack";
import { passesTitle } from "./model/stretch";
import { select, useChosenPasses, useRun, useSelection, useStack, useStacks } from "./useRun";
import styles from "./HeatmapPanel.module.css";

const ROW = 16;

/** The stack of the chosen metric; of energy, that above idle where it is wanted. */
function useShown(info: MetricInfo, enabled: boolean) {
  const { report } = useRun();
  const { stacks, queries: basic } = useStacks();
  const own = useStack(
    info.metric,
    enabled && info.metric !== "energy_mj" && info.metric !== "time_ms",
  );
  const energy = useView((state) => state.energy);
  const idle = energy === "net" ? report.idle_power_mw : null;
  const stack = useMemo((): Stack | null => {
    if (info.metric === "time_ms") return stacks?.time ?? null;
    if (info.metric !== "energy_mj") return own.data ?? null;
    if (!stacks?.energy || idle === null) return stacks?.energy ?? null;
    const values = Float32Array.from(netMatrix(stacks.energy.values, stacks.time.values, idle));
    return { head: stacks.energy.head, values };
  }, [info.metric, stacks, own.data, idle]);
  const simple = info.metric === "time_ms" || info.metric === "energy_mj";
  return {
    stack,
    stacks,
    state: stateOf(...(simple ? basic : [own])),
    net: idle !== null && info.metric === "energy_mj",
  };
}

export function HeatmapPanel() {
  const { id, report, tokens } = useRun();
  const info = metricInfo(
    usableMetric(
      useView((state) => state.metric),
      report,
    ),
  );
  const none = whyNot(info.metric, report);
  const { stack, stacks, state, net } = useShown(info, none === null);
  const scale = useView((view) => view.colors);
  const selection = useSelection();
  const rows = useChosenPasses(stack?.head, selection);
  const shape = useMemo(() => (stack ? shapeOf(stack) : null), [stack]);
  const single = rows.length === 1 ? rows[0]! : null;
  const pass = single !== null && stack ? stack.head.passes[single] : undefined;
  const matrix = useMemo(() => {
    if (!stack) return null;
    if (single !== null) return passMatrix(stack, single);
    const parts = stacks?.energy ? { energy: stacks.energy, time: stacks.time } : undefined;
    return foldPasses(stack, rows, parts);
  }, [stack, stacks, rows, single]);
  // One range for all passes of a phase, so that a colour means the same while tokens go by.
  const phase = pass?.phase;
  const range = useMemo(() => {
    if (!stack || !phase) return null;
    const alike = stack.head.passes.flatMap((each, row) => (each.phase === phase ? [row] : []));
    return colorRange(stack, alike);
  }, [stack, phase]);
  const data = useMemo(
    () => (stack && shape && matrix ? heatmapOf(stack.head, shape, matrix, info.quantity) : null),
    [stack, shape, matrix, info],
  );
  const title = passesTitle(selection, tokens, rows, stack?.head.passes ?? []);
  const columns = data
    ? selection.components.flatMap((name) =>
        data.columns.includes(name) ? [data.columns.indexOf(name)] : [],
      )
    : [];
  const nothing: PanelState | null =
    data && data.rows.length * data.columns.length === 0
      ? { kind: "empty", says: "Nothing of this run was taken apart into layers and components." }
      : null;
  return (
    <ChartPanel
      file={`${id}-${info.metric}`}
      title="Layers and components"
      state={none ? { kind: "unavailable", ...none } : (nothing ?? state)}
      table={data ? () => heatmapTable(data) : undefined}
      source={
        stack && (
          <>
            {info.says}
            {net ? ", above idle" : ""}; {AGGREGATE[stack.head.aggregate]} {title}.
            {range?.clipped &&
              " Colours end at what nine tenths of the passes stay below; larger values look alike."}
            {info.metric === "energy_mj" &&
              ` Energy of a pass is split by ${stack.head.attribution.model}.`}
          </>
        )
      }
      actions={
        <Choice
          label="Colours"
          value={scale}
          options={["linear", "log"]}
          onChoose={(to) => setView({ colors: to })}
        />
      }
    >
      {(handle) => (
        <>
          {pass && !pass.profiled && (
            <p className={styles["bare"]} role="status">
              Token {selection.token} was not profiled
              {report.profiler.bare_tokens ? ", to compare profiled ones with it" : ""}: what it
              cost is known, what went on in it is not.
            </p>
          )}
          {selection.token === null && rows.length === 0 && stack && (
            <p className={styles["bare"]} role="status">
              No pass was evaluated in the selected stretch.
            </p>
          )}
          {data && stack && shape && matrix && (
            <>
              <CanvasHeatmap
                data={data}
                height={Math.min(640, Math.max(220, data.rows.length * ROW + 110))}
                label={`${info.title} of layers and components, ${title}`}
                handle={handle}
                scale={scale}
                colors={info.colors}
                domain={range ? [range.range[0], range.range[1]] : undefined}
                selectedRows={rowSpan(shape.layers, selection.layers)}
                selectedColumns={columns}
                onActivate={({ row, column }) =>
                  select(toggleCell(selection, shape.layers[row]!, data.columns[column]!))
                }
              />
              <Outside stack={stack} shape={shape} matrix={matrix} info={info} />
            </>
          )}
        </>
      )}
    </ChartPanel>
  );
}

const AGGREGATE = {
  sum: "sum over",
  average: "average over",
  max: "greatest in",
  ratio: "of",
} as const;

function rowSpan(
  layers: readonly number[],
  span: readonly [number, number] | null,
): readonly [number, number] | null {
  if (!span) return null;
  const first = layers.findIndex((layer) => layer >= span[0]);
  const last = layers.findLastIndex((layer) => layer <= span[1]);
  return first >= 0 && last >= first ? [first, last] : null;
}

interface OutsideProps {
  readonly stack: Stack;
  readonly shape: ReturnType<typeof shapeOf>;
  readonly matrix: ArrayLike<number>;
  readonly info: MetricInfo;
}

function Outside({ stack, shape, matrix, info }: OutsideProps) {
  const selection = useSelection();
  const data = useMemo(
    (): BarsData => ({
      bars: outsideOf(stack.head, shape, matrix).map(({ component, value }) => ({
        key: component,
        label: component,
        value,
        style: { group: componentGroup(component) },
      })),
      quantity: info.quantity,
      kind: "component",
    }),
    [stack, shape, matrix, info],
  );
  if (data.bars.length === 0) return null;
  return (
    <>
      <h3 className={styles["outside"]}>Outside the layers</h3>
      <BarList
        data={data}
        label={`${info.title} of components outside the layers`}
        onActivate={(component) => select(toggleCell(selection, -1, component))}
      />
    </>
  );
}
