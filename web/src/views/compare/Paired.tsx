// SPDX-License-Identifier: MIT
// Token by token, where the outputs agree: how these runs differ, which says nothing of others.

import type { Comparison } from "../../api/schema";
import { formatCount, formatPlain } from "../../format/units";
import { Panel } from "../../ui/Panel";
import type { Group } from "./Compare";
import { Key } from "./Groups";
import { formatP, signedPercent } from "./model/statistics";
import styles from "./Compare.module.css";

const WHAT: Record<string, string> = { duration_ms: "time", energy_mj: "energy" };

interface Props {
  readonly comparison: Comparison;
  readonly groups: readonly Group[];
}

export function Paired({ comparison }: Props) {
  const rows = comparison.per_token;
  return (
    <Panel
      title="Token by token"
      state={
        rows.length > 0
          ? { kind: "ready" }
          : { kind: "empty", says: "Prompt or output differ, so there are no tokens to pair." }
      }
      source="Generated tokens in pairs: how these very runs differ, which says nothing of others. Neighbouring tokens are alike: where r is large, p is too small."
    >
      <div className={styles["scroll"]} tabIndex={0} role="region" aria-label="Token by token, table">
        <table>
          <thead>
            <tr>
              <th scope="col">to A</th>
              <th scope="col">of a token</th>
              <th scope="col">change (95 %)</th>
              <th scope="col" data-numeric>
                p, Wilcoxon
              </th>
              <th scope="col" data-numeric>
                tokens
              </th>
              <th scope="col" data-numeric>
                r of neighbours
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.group} ${row.metric}`}>
                <th scope="row">
                  <Key letter={row.group} />
                </th>
                <td>{WHAT[row.metric] ?? row.metric}</td>
                <td>
                  {row.ratio === null ? "—" : signedPercent(row.ratio - 1)}
                  {row.ratio_ci_low !== null && row.ratio_ci_high !== null && (
                    <span className={styles["spread"]}>
                      {signedPercent(row.ratio_ci_low - 1)} … {signedPercent(row.ratio_ci_high - 1)}
                    </span>
                  )}
                </td>
                <td data-numeric>{formatP(pOf(row.wilcoxon))}</td>
                <td data-numeric>{formatCount(row.tokens)}</td>
                <td data-numeric>{formatPlain(row.autocorrelation)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function pOf(test: Readonly<Record<string, unknown>>): number | null {
  return typeof test["p"] === "number" ? test["p"] : null;
}
