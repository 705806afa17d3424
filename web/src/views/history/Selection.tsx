// SPDX-License-Identifier: MIT
// What has been chosen for comparing.

import { visibleText } from "../../format/names";
import { setView, useView } from "../../state/view";
import { useActions } from "../../ui/actions";
import { LEAST, LETTERS, MOST, parseGroup } from "../compare/model/groups";
import { NO_FILTERS } from "./model/query";
import { briefTitle, useBriefRuns } from "./SpeedEnergy";
import styles from "./History.module.css";

function compare(): void {
  setView({ view: "compare", standing: [] }, "push");
}

export function Selection() {
  const runs = useView((state) => state.runs);
  const ready = runs.length >= LEAST && runs.length <= MOST;
  useActions(
    ready
      ? [{ id: "compare", title: "Compare what is chosen", keys: ["c"], group: "History", listed: true, run: compare }]
      : [],
  );
  const known = useBriefRuns(NO_FILTERS).data?.items;
  if (runs.length === 0) return null;
  const title = (spec: string) => {
    const run = known?.find(({ id }) => id === spec);
    return run ? briefTitle(run) : specText(spec);
  };
  return (
    <section className={styles["selection"]} aria-label="Chosen for comparing">
      <ul>
        {runs.map((spec, i) => (
          <li key={spec}>
            <strong>{LETTERS[i]}</strong> <bdi title={spec}>{title(spec)}</bdi>
            <button
              type="button"
              aria-label={`Do not compare ${title(spec)}`}
              onClick={() => setView({ runs: runs.filter((each) => each !== spec) })}
            >
              <span aria-hidden="true">✕</span>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="primary" disabled={!ready} onClick={compare}>
        Compare {runs.length}
      </button>
      <button type="button" onClick={() => setView({ runs: [] })}>
        Clear
      </button>
      {runs.length < LEAST && <span className={styles["hint"]}>choose one more, up to {MOST}</span>}
    </section>
  );
}

/** A tag, an experiment, a run, or how many runs. */
export function specText(text: string): string {
  const { kind, name } = parseGroup(text);
  const ids = kind === "run" ? name.split(",") : [];
  if (ids.length > 1) return `${ids.length} runs, ${ids[0]} …`;
  return kind === "run" ? name : `${kind} ${visibleText(name)}`;
}
