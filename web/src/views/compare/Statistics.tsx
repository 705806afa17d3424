// SPDX-License-Identifier: MIT
// Every figure with its interval, what changed, and how sure that is; in the way of Go's benchstat.

import { Fragment } from "react";
import type { Comparison } from "../../api/schema";
import { setView, useView, type ViewState } from "../../state/view";
import { Panel } from "../../ui/Panel";
import type { Group } from "./Compare";
import { Key } from "./Groups";
import {
  formatChange,
  formatIn,
  formatP,
  formatSpread,
  signedPercent,
  statRows,
  type StatDelta,
  type StatRow,
} from "./model/statistics";
import styles from "./Compare.module.css";

const NORMALIZED: readonly (readonly [value: ViewState["normalize"], title: string])[] = [
  ["normalized", "all normalised figures"],
  ["token", "per token"],
  ["input_token", "per input token"],
  ["output_token", "per output token"],
  ["second", "per second"],
  ["million_parameters", "per million parameters"],
  ["none", "not normalised"],
];

const AVERAGES: readonly ViewState["average"][] = ["mean", "median"];

interface Props {
  readonly comparison: Comparison;
  readonly groups: readonly Group[];
}

export function Statistics({ comparison, groups }: Props) {
  const average = useView((state) => state.average);
  const rows = statRows(comparison, average);
  const test = average === "mean" ? "Welch’s t test" : "Mann–Whitney’s U test";
  return (
    <Panel
      title="Statistics"
      actions={<Controls />}
      source={
        <>
          Each run is one observation; ± is half the 95 % interval of the {average}. p: {test}, two-sided, corrected
          (Holm) for all rows. ~: no difference detected at {comparison.alpha}, which does not mean there is none.
        </>
      }
    >
      <div className={styles["scroll"]} tabIndex={0} role="region" aria-label="Statistics, table">
        <table>
          <caption hidden>Figures of the compared groups</caption>
          <Head comparison={comparison} />
          <tbody>
            {rows.map((row) => (
              <Row key={row.metric} row={row} letters={groups.map(({ letter }) => letter)} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Controls() {
  const { normalize, average } = useView();
  return (
    <>
      <select
        aria-label="Figures"
        value={normalize}
        onChange={(event) => setView({ normalize: event.target.value as ViewState["normalize"] })}
      >
        {NORMALIZED.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
      {AVERAGES.map((one) => (
        <button key={one} type="button" aria-pressed={one === average} onClick={() => setView({ average: one })}>
          {one}
        </button>
      ))}
    </>
  );
}

function Head({ comparison }: { readonly comparison: Comparison }) {
  return (
    <thead>
      <tr>
        <th scope="col">figure</th>
        {comparison.groups.map(({ group, baseline }) => (
          <Fragment key={group}>
            <th scope="col" data-numeric>
              <Key letter={group} />
            </th>
            {!baseline && (
              <>
                <th scope="col">{group} to A</th>
                <th scope="col" data-numeric>
                  p
                </th>
              </>
            )}
          </Fragment>
        ))}
        <th scope="col" data-numeric>
          n
        </th>
      </tr>
    </thead>
  );
}

function Row({ row, letters }: { readonly row: StatRow; readonly letters: readonly string[] }) {
  return (
    <tr>
      <th scope="row">{row.title}</th>
      {row.cells.map((cell, i) => (
        <Fragment key={letters[i] ?? i}>
          <td data-numeric title={valuesText(row, i)}>
            {formatIn(row.unit, cell.value)}
            <span className={styles["spread"]}>{formatSpread(cell)}</span>
          </td>
          {i > 0 && <Change delta={row.deltas[i - 1]} />}
        </Fragment>
      ))}
      <td data-numeric>{row.cells.map(({ n }) => n).join("+")}</td>
    </tr>
  );
}

const MOST_VALUES = 20;

function valuesText(row: StatRow, group: number): string | undefined {
  const values = row.cells[group]!.values;
  if (values.length < 2) return undefined;
  const shown = values.slice(0, MOST_VALUES).map((value) => formatIn(row.unit, value));
  return `runs: ${shown.join(", ")}${values.length > MOST_VALUES ? " …" : ""}`;
}

const TONE = { better: "better", worse: "worse", same: "plain", untested: "plain" } as const;

function Change({ delta }: { readonly delta: StatDelta | undefined }) {
  if (!delta) return <td colSpan={2} />;
  const interval = delta.low !== null && delta.high !== null;
  return (
    <>
      <td className={styles[TONE[delta.verdict]]} title={delta.finding}>
        {formatChange(delta)}
        {(delta.verdict === "better" || delta.verdict === "worse") && ` ${delta.verdict}`}
        {interval && (
          <span className={styles["spread"]}>
            {signedPercent(delta.low!)} … {signedPercent(delta.high!)}
          </span>
        )}
      </td>
      <td data-numeric>{formatP(delta.p)}</td>
    </>
  );
}
