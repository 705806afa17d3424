// SPDX-License-Identifier: MIT
// The comparison at a glance: the first figures as bars, and what is to be kept in mind.

import { BarList } from "../../charts/BarList";
import type { BarsData } from "../../charts/bars";
import type { Comparison } from "../../api/schema";
import { visibleText } from "../../format/names";
import { quantities, type Quantity } from "../../format/units";
import { useView } from "../../state/view";
import type { Group } from "./Compare";
import { formatChange, statRows, type StatRow } from "./model/statistics";
import styles from "./Compare.module.css";

const SHOWN = ["joules_per_token", "tokens_per_second"];

const SCALE: Record<string, { readonly factor: number; quantity(title: string): Quantity }> = {
  J: { factor: 1e3, quantity: quantities.energyNamed },
  mJ: { factor: 1, quantity: quantities.energyNamed },
  mW: { factor: 1, quantity: quantities.powerNamed },
  ms: { factor: 1, quantity: (title) => ({ ...quantities.time, name: title }) },
};
const PLAIN = { factor: 1, quantity: (title: string) => quantities.plain(title) };

export function barsData(row: StatRow, groups: readonly Group[]): BarsData {
  const { factor, quantity } = SCALE[row.unit] ?? PLAIN;
  const at = (value: number | null) => (value === null ? null : value * factor);
  return {
    kind: "group",
    quantity: quantity(row.title),
    bars: row.cells.map((cell, i) => {
      const delta = row.deltas[i - 1];
      return {
        key: groups[i]?.letter ?? String(i),
        label: `${groups[i]?.letter ?? ""} ${visibleText(groups[i]?.title ?? "")}`,
        value: at(cell.value),
        low: at(cell.low),
        high: at(cell.high),
        style: { run: i },
        ...(delta ? { detail: formatChange(delta) } : {}),
      };
    }),
  };
}

export function Figures({ comparison, groups }: { readonly comparison: Comparison; readonly groups: readonly Group[] }) {
  const average = useView((state) => state.average);
  const rows = statRows(comparison, average);
  const named = rows.filter(({ metric }) => SHOWN.includes(metric));
  const shown = named.length > 0 ? named : rows.slice(0, 2);
  return (
    <>
      <div className={styles["bars"]}>
        {shown.map((row) => (
          <div key={row.metric}>
            <h3>
              {row.title}, {average}
            </h3>
            <BarList data={barsData(row, groups)} label={`${row.title} of each group, ${average}`} />
          </div>
        ))}
      </div>
      {comparison.warnings.length > 0 && (
        <ul className={styles["warnings"]} aria-label="Warnings">
          {comparison.warnings.map((warning) => (
            <li key={warning}>{visibleText(warning)}</li>
          ))}
        </ul>
      )}
    </>
  );
}
