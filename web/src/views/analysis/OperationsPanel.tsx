// SPDX-License-Identifier: MIT
// What the selected component consists of.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { isReport, type Params } from "../../api/client";
import { queries } from "../../api/queries";
import type { Operation } from "../../api/schema";
import { BarList } from "../../charts/BarList";
import { barsTable, type BarsData } from "../../charts/bars";
import { componentGroup } from "../../charts/base/components";
import { layerTitle, phaseTitle } from "../../format/names";
import {
  formatBytes,
  formatCount,
  formatEnergy,
  formatPlain,
  formatRatio,
  formatTime,
  quantities,
  UNKNOWN,
} from "../../format/units";
import { ChartPanel } from "../../ui/ChartPanel";
import type { Table } from "../../ui/DataTable";
import { Panel, stateOf, type PanelState } from "../../ui/Panel";
import { Graded } from "../../ui/Value";
import { timeOfPhase, tokensOfPhase, type Selection } from "./model/selection";
import { keptStretch, stretchParams, stretchTitle } from "./model/stretch";
import { lasting, select, useRun, useSettledSelection } from "./useRun";
import styles from "./OperationsPanel.module.css";

/** Of one component what it consists of; else the components that cost the most. */
export function OperationsPanel() {
  const { report, tokens } = useRun();
  const selection = keptStretch(useSettledSelection(), isReport());
  const { layers, components } = selection;
  const stretch = stretchParams(selection, tokens);
  const layer = layers === null ? undefined : layers[0];
  const isCell = components.length === 1 && (layers === null || layers[0] === layers[1]);
  if (!isCell) return report.hottest_components.length ? <Costliest /> : <Nothing />;
  if (stretch === null) return <Nothing />;
  return <Cell component={components[0]!} layer={layer} selection={selection} stretch={stretch} />;
}

function Nothing() {
  const says =
    "Click a cell, or a component outside the layers: what it consists of is listed here.";
  return <Panel title="Operations" state={{ kind: "empty", says }} />;
}

function Costliest() {
  const { id, report, pipeline, tokens } = useRun();
  const rows = report.hottest_components;
  const powered = report.total_energy_mj !== null;
  const data = useMemo(
    (): BarsData => ({
      bars: rows.map((row, i) => ({
        key: `${i}`,
        label: `${row.layer < 0 ? "" : `${row.layer} `}${row.component}, ${phaseTitle(row.phase)}`,
        value: powered ? row.energy_mj : row.duration_ms,
        style: { group: componentGroup(row.component) },
        detail: formatRatio(row.share_ratio),
      })),
      quantity: powered ? quantities.energy : quantities.time,
      kind: "component",
    }),
    [rows, powered],
  );
  const choose = (key: string) => {
    const row = rows[Number(key)]!;
    const stretch = tokensOfPhase(tokens, row.phase) ?? timeOfPhase(pipeline.phases, row.phase);
    const span = row.layer < 0 ? null : ([row.layer, row.layer] as const);
    select({ token: null, ...stretch, layers: span, components: [row.component] });
  };
  return (
    <ChartPanel
      file={`${id}-costliest`}
      title="Costliest components"
      table={() => barsTable(data)}
      source="By layer and phase, of the whole run. Choose one, or a cell of the matrix, to see its operations."
    >
      {(handle) => (
        <BarList data={data} label="Costliest components" handle={handle} onActivate={choose} />
      )}
    </ChartPanel>
  );
}

interface CellProps {
  readonly component: string;
  readonly layer: number | undefined;
  readonly selection: Selection;
  readonly stretch: Params;
}

function Cell({ component, layer, selection, stretch }: CellProps) {
  const { id, report, tokens } = useRun();
  const operations = useQuery({
    ...queries.operations(id, { ...stretch, component, ...(layer === undefined ? {} : { layer }) }),
    ...lasting(report),
  });
  const rows = operations.data?.operations ?? [];
  const state: PanelState =
    operations.data && rows.length === 0
      ? { kind: "empty", says: "Nothing is known of what went on in it." }
      : stateOf(operations);
  const where = layer === undefined ? "" : `${layerTitle(layer)}, `;
  const longest = rows.reduce((held, row) => Math.max(held, row.duration_ms), 0);
  const phases = new Set(rows.map((each) => each.phase)).size > 1;
  return (
    <Panel
      title={`Operations of ${component}`}
      state={state}
      table={() => operationsTable(rows)}
      source={`${where}${stretchTitle(selection, tokens)}. FLOPs and bytes are what must be computed and moved, not what was counted.`}
      actions={
        <button type="button" onClick={() => select({ layers: null, components: [] })}>
          Costliest
        </button>
      }
    >
      <ul className={styles["list"]}>
        {rows.map((row, i) => (
          <One key={i} row={row} most={longest} phases={phases} />
        ))}
      </ul>
      {rows.length > 0 && rows.every((row) => row.operation === null) && (
        <p className={styles["hint"]}>
          A {report.mode} run keeps components whole; a deep one tells their operations apart.
        </p>
      )}
    </Panel>
  );
}

/** Per second, of the time the operation took. */
function rate(amount: number | null, duration_ms: number): number | null {
  return amount === null || duration_ms <= 0 ? null : (amount / duration_ms) * 1000;
}

function One({
  row,
  most: longest,
  phases,
}: {
  readonly row: Operation;
  readonly most: number;
  readonly phases: boolean;
}) {
  const flops = rate(row.flops, row.duration_ms);
  const bytes = rate(row.bytes, row.duration_ms);
  const facts: [string, string][] = [
    ["spans", formatCount(row.count)],
    [
      "computes",
      row.flops === null
        ? UNKNOWN
        : `${formatCount(row.flops)} FLOP${flops === null ? "" : `, ${formatCount(flops)} FLOP/s`}`,
    ],
    [
      "moves",
      row.bytes === null
        ? UNKNOWN
        : `${formatBytes(row.bytes)}${bytes === null ? "" : `, ${formatBytes(bytes)}/s`}`,
    ],
    ["mean of |x|", formatPlain(row.activation_mean)],
    ["deviation", formatPlain(row.activation_std)],
    ["greatest |x|", formatPlain(row.activation_max)],
    ["sparsity", formatRatio(row.activation_sparsity)],
    ["inputs below 0", formatRatio(row.activation_kill_ratio)],
    ["variance, input over output", formatPlain(row.variance_ratio)],
    [
      "entropy",
      row.attention_entropy === null ? UNKNOWN : `${formatPlain(row.attention_entropy)} nats`,
    ],
    ["greatest weight", formatPlain(row.max_attention_weight)],
    ["attention sparsity", formatRatio(row.attention_sparsity)],
  ];
  return (
    <li>
      <div className={styles["head"]}>
        <strong>{row.operation ?? "all operations"}</strong>
        {phases && <span>{phaseTitle(row.phase)}</span>}
        <span className={styles["cost"]}>
          {row.energy_mj !== null && (
            <Graded grade="attributed">{formatEnergy(row.energy_mj)}</Graded>
          )}{" "}
          {formatTime(row.duration_ms)}
        </span>
      </div>
      <div className={styles["bar"]} aria-hidden="true">
        <span style={{ width: `${longest > 0 ? (100 * row.duration_ms) / longest : 0}%` }} />
      </div>
      <dl className={styles["facts"]}>
        {facts
          .filter(([, value]) => value !== UNKNOWN)
          .map(([title, value]) => (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </li>
  );
}

const COLUMNS = [
  "phase",
  "layer",
  "component",
  "operation",
  "count",
  "duration_ms",
  "energy_mj",
  "flops",
  "bytes",
  "activation_mean",
  "activation_std",
  "activation_max",
  "activation_sparsity",
  "activation_kill_ratio",
  "variance_ratio",
  "attention_entropy",
  "max_attention_weight",
  "attention_sparsity",
] as const satisfies readonly (keyof Operation)[];

const TEXT: ReadonlySet<string> = new Set(["phase", "component", "operation"]);

export function operationsTable(rows: readonly Operation[]): Table {
  return {
    columns: COLUMNS.map((label) => ({ label, numeric: !TEXT.has(label) })),
    rows: rows.map((row) => COLUMNS.map((column) => row[column])),
  };
}
