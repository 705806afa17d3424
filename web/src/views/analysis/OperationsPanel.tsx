// SPDX-License-Identifier: MIT
// What the selected component consists of.

import { useQuery } from "@tanstack/react-query";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Operation } from "../../api/schema";
import { layerTitle, phaseTitle } from "../../format/names";
import {
  formatBytes,
  formatCount,
  formatEnergy,
  formatPlain,
  formatRatio,
  formatTime,
  UNKNOWN,
} from "../../format/units";
import type { Table } from "../../ui/DataTable";
import { Panel, stateOf, type PanelState } from "../../ui/Panel";
import { Graded } from "../../ui/Value";
import { keptStretch, stretchParams, stretchTitle } from "./model/stretch";
import { lasting, useRun, useSettledSelection } from "./useRun";
import styles from "./OperationsPanel.module.css";

export function OperationsPanel() {
  const { id, report, tokens } = useRun();
  const selection = keptStretch(useSettledSelection(), isReport());
  const { layers, components } = selection;
  const stretch = stretchParams(selection, tokens);
  const component = components.length === 1 ? components[0]! : null;
  const layer = layers && layers[0] === layers[1] ? layers[0] : layers === null ? undefined : null;
  const asked = component !== null && layer !== null && stretch !== null;
  const operations = useQuery({
    ...queries.operations(id, { ...stretch, component, ...(layer === undefined ? {} : { layer }) }),
    enabled: asked,
    ...lasting(report),
  });
  const rows = operations.data?.operations ?? [];
  const state: PanelState = !asked
    ? {
        kind: "empty",
        says: "Click a cell, or a component outside the layers: what it consists of is listed here.",
      }
    : operations.data && rows.length === 0
      ? { kind: "empty", says: "Nothing is known of what went on in it." }
      : stateOf(operations);
  const where = layer === undefined ? "" : `${layerTitle(layer ?? 0)}, `;
  return (
    <Panel
      title={component === null ? "Operations" : `Operations of ${component}`}
      state={state}
      table={() => operationsTable(rows)}
      source={
        asked
          ? `${where}${stretchTitle(selection, tokens)}. FLOPs and bytes are what must be computed and moved, not what was counted.`
          : undefined
      }
    >
      <ul className={styles["list"]}>
        {rows.map((row, i) => (
          <One
            key={i}
            row={row}
            most={most(rows)}
            phases={new Set(rows.map((each) => each.phase)).size > 1}
          />
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

function most(rows: readonly Operation[]): number {
  return rows.reduce((held, row) => Math.max(held, row.duration_ms), 0);
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
