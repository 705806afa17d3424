// SPDX-License-Identifier: MIT
// Single runs have no spread between runs. What they have is a spread over their tokens, which is something else.

import { useQueries } from "@tanstack/react-query";
import { queries } from "../../api/queries";
import type { Spread as Figures } from "../../api/schema";
import { formatCount, formatEnergy, formatPlain, formatTime } from "../../format/units";
import { Panel, stateOf } from "../../ui/Panel";
import type { Group } from "./Compare";
import { Key } from "./Groups";
import styles from "./Compare.module.css";

export function Spread({ groups }: { readonly groups: readonly Group[] }) {
  const single = groups.filter(({ runs }) => runs.length === 1);
  const spreads = useQueries({ queries: single.map(({ standing }) => queries.spread(standing)) });
  if (single.length === 0) return null;
  return (
    <Panel
      title="Within each run"
      state={stateOf(...spreads)}
      source="How the generated tokens of one run differ from each other. It tells nothing of how other runs would come out: for that, repeat the runs. Tokens follow each other, so that they count as fewer independent ones (effective n)."
    >
      <div className={styles["scroll"]} tabIndex={0} role="region" aria-label="Within each run, table">
        <table>
          <thead>
            <tr>
              <th scope="col">run</th>
              <th scope="col">within the run</th>
              <th scope="col" data-numeric>
                median
              </th>
              <th scope="col" data-numeric>
                middle 90 %
              </th>
              <th scope="col" data-numeric>
                sd
              </th>
              <th scope="col" data-numeric>
                tokens
              </th>
              <th scope="col" data-numeric>
                effective n
              </th>
            </tr>
          </thead>
          <tbody>
            {single.flatMap((group, i) => {
              const within = spreads[i]?.data?.within_run;
              return within
                ? [
                    <Row key={`${group.letter} t`} letter={group.letter} what="time of a token" of={within.duration_ms} show={formatTime} />,
                    <Row key={`${group.letter} e`} letter={group.letter} what="energy of a token" of={within.energy_mj} show={formatEnergy} />,
                  ]
                : [];
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

interface RowProps {
  readonly letter: string;
  readonly what: string;
  readonly of: Figures;
  readonly show: (value: number | null) => string;
}

function Row({ letter, what, of, show }: RowProps) {
  return (
    <tr>
      <th scope="row">
        <Key letter={letter} />
      </th>
      <td>{what}</td>
      <td data-numeric>{show(of.median)}</td>
      <td data-numeric>
        {of.p05 === null ? show(null) : `${show(of.p05)} to ${show(of.p95)}`}
      </td>
      <td data-numeric>{show(of.sd)}</td>
      <td data-numeric>{formatCount(of.n)}</td>
      <td data-numeric>{of.effective_n === null ? formatPlain(null) : formatCount(Math.round(of.effective_n))}</td>
    </tr>
  );
}
