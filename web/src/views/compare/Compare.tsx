// SPDX-License-Identifier: MIT

import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Comparison, RunReport } from "../../api/schema";
import { setView, useView } from "../../state/view";
import { Panel, stateOf } from "../../ui/Panel";
import { Costs } from "./Costs";
import { DifferencePanel } from "./DifferencePanel";
import { Figures } from "./Figures";
import { Groups } from "./Groups";
import { LayersPanel } from "./LayersPanel";
import { groupTitles, LEAST, leastRuns, LETTERS, MOST, parseGroup, typicalRun } from "./model/groups";
import { Paired } from "./Paired";
import { PowerPanel } from "./PowerPanel";
import { Repeat } from "./Repeat";
import { Spread } from "./Spread";
import { Statistics } from "./Statistics";
import hidden from "../../ui/hidden.module.css";
import styles from "./Compare.module.css";

/** What is known of each run, beside the figures that are compared. */
const FACTS = ["joules_per_token", "total_energy_mj", "total_duration_ms"];

export interface Group {
  readonly letter: string;
  readonly title: string;
  /** As the address has it. */
  readonly spec: string;
  readonly runs: readonly string[];
  /** The run that stands for it in charts of single runs; and what the server says of that. */
  readonly standing: string;
  readonly report: RunReport | undefined;
  /** Of each run. */
  readonly energiesMj: readonly (number | null)[];
  readonly joulesPerToken: readonly (number | null)[];
}

export function Compare() {
  const specs = useView((state) => state.runs);
  const some = specs.length >= LEAST && specs.length <= MOST;
  return (
    <>
      <h1 className={hidden["hidden"]}>Compare</h1>
      {some ? <Chosen specs={specs} /> : <Nothing />}
    </>
  );
}

function Nothing() {
  return (
    <Panel
      title="Comparison"
      state={{
        kind: "empty",
        says: (
          <>
            <p>Choose two to four runs, or tags or experiments, to compare them.</p>
            <button type="button" className="primary" onClick={() => setView({ view: "history" }, "push")}>
              Choose in the history
            </button>
          </>
        ),
      }}
    />
  );
}

function valuesOf(facts: Comparison, metric: string, group: number): readonly (number | null)[] {
  return facts.metrics.find((each) => each.metric === metric)?.groups[group]?.values ?? [];
}

/** The groups of the address, as far as the server has answered. */
function useGroups(specs: readonly string[], facts: Comparison | undefined): readonly Group[] {
  const chosen = useView((state) => state.standing);
  const standing = useMemo(
    () =>
      (facts?.groups ?? []).map(({ runs }, i) => {
        const joules = valuesOf(facts!, "joules_per_token", i);
        const known = joules.some((value) => value !== null);
        const values = known ? joules : valuesOf(facts!, "total_duration_ms", i);
        return chosen.find((id) => runs.includes(id)) ?? typicalRun(runs, values) ?? "";
      }),
    [facts, chosen],
  );
  const reports = useQueries({
    queries: standing.map((id) => queries.report(id)),
    combine: (results) => results.map(({ data }) => data),
  });
  return useMemo(() => {
    if (!facts) return [];
    const titles = groupTitles(specs.map(parseGroup), reports);
    return facts.groups.map(({ runs }, i) => ({
      letter: LETTERS[i]!,
      title: titles[i]!,
      spec: specs[i]!,
      runs,
      standing: standing[i]!,
      report: reports[i],
      energiesMj: valuesOf(facts, "total_energy_mj", i),
      joulesPerToken: valuesOf(facts, "joules_per_token", i),
    }));
  }, [facts, specs, standing, reports]);
}

function Chosen({ specs }: { readonly specs: readonly string[] }) {
  const normalize = useView((state) => state.normalize);
  const runs = [...specs];
  const facts = useQuery(queries.comparison({ runs, metrics: FACTS }));
  const comparison = useQuery(queries.comparison({ runs, normalize }));
  const groups = useGroups(specs, facts.data);
  return (
    <div className={styles["view"]}>
      <Groups groups={groups} specs={specs} facts={facts.data} />
      <Panel title="Comparison" state={stateOf(facts, comparison)}>
        {comparison.data && <Figures comparison={comparison.data} groups={groups} />}
      </Panel>
      {comparison.data && facts.data && (
        <>
          {leastRuns(facts.data) < 2 && !isReport() && <Repeat groups={groups} />}
          <Statistics comparison={comparison.data} groups={groups} />
          <div className={styles["pair"]}>
            <Paired comparison={comparison.data} groups={groups} />
            <Costs groups={groups} />
          </div>
          <Spread groups={groups} />
          <PowerPanel groups={groups} />
          <LayersPanel groups={groups} />
          <DifferencePanel groups={groups} />
        </>
      )}
    </div>
  );
}
