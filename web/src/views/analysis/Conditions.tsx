// SPDX-License-Identifier: MIT
// How the run was measured, on what and how: all that somebody needs to judge it or to repeat it.

import { useMemo } from "react";
import { factsOf, overheadText } from "./model/header";
import { useRun } from "./useRun";
import styles from "./Conditions.module.css";

export function Conditions() {
  const { report } = useRun();
  const groups = useMemo(() => factsOf(report), [report]);
  const { sources, grade } = report.power;
  return (
    <details className={styles["conditions"]}>
      <summary>
        How it was measured:{" "}
        {sources.length ? `${sources.join(", ")} (${grade})` : "no power source"}; profiler{" "}
        {overheadText(report)}
      </summary>
      <div className={styles["groups"]}>
        {groups
          .filter((group) => group.facts.length > 0)
          .map((group) => (
            <section key={group.title}>
              <h2>{group.title}</h2>
              <dl>
                {group.facts.map((fact) => (
                  <div key={fact.title}>
                    <dt>{fact.title}</dt>
                    <dd>{fact.value}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
      </div>
    </details>
  );
}
