// SPDX-License-Identifier: MIT
// Who is compared with whom.

import { isReport } from "../../api/client";
import type { Comparison, RunReport } from "../../api/schema";
import { visibleText } from "../../format/names";
import { setView, useView } from "../../state/view";
import { RunLink } from "../../ui/RunLink";
import { promptPreview, shortDate } from "../history/model/run";
import { specText } from "../history/Selection";
import type { Group } from "./Compare";
import { LEAST, LETTERS } from "./model/groups";
import styles from "./Compare.module.css";

interface Props {
  readonly groups: readonly Group[];
  readonly specs: readonly string[];
  readonly facts: Comparison | undefined;
}

export function Key({ letter }: { readonly letter: string }) {
  return (
    <span className={styles["key"]} data-run={letter}>
      {letter}
    </span>
  );
}

export function Groups({ groups, specs, facts }: Props) {
  return (
    <ul className={styles["groups"]} aria-label="Compared">
      {specs.map((spec, i) => (
        <li key={spec}>
          <Key letter={LETTERS[i]!} />
          <strong title={spec.length < 300 ? spec : undefined}>
            <bdi>{visibleText(groups[i]?.title ?? specText(spec))}</bdi>
            {i === 0 && " (baseline)"}
          </strong>
          {!isReport() && <Change specs={specs} i={i} />}
          {groups[i] && <About group={groups[i]} excluded={facts?.groups[i]?.excluded.length ?? 0} />}
        </li>
      ))}
    </ul>
  );
}

/** Another comparison: a report has this one only. */
function Change({ specs, i }: { readonly specs: readonly string[]; readonly i: number }) {
  const spec = specs[i]!;
  return (
    <div className={styles["do"]}>
      {i > 0 && (
        <button
          type="button"
          aria-label={`Make ${LETTERS[i]} the baseline`}
          title="Make it the baseline"
          onClick={() => setView({ runs: [spec, ...specs.filter((each) => each !== spec)] }, "push")}
        >
          <span aria-hidden="true">⇤</span>
        </button>
      )}
      <button
        type="button"
        aria-label={`Take ${LETTERS[i]} out`}
        title={specs.length > LEAST ? "Take it out" : "Take it out, and choose another one"}
        onClick={() => takeOut(specs, spec)}
      >
        <span aria-hidden="true">✕</span>
      </button>
    </div>
  );
}

function takeOut(specs: readonly string[], spec: string): void {
  const runs = specs.filter((each) => each !== spec);
  setView(runs.length >= LEAST ? { runs } : { runs, view: "history" }, "push");
}

function About({ group, excluded }: { readonly group: Group; readonly excluded: number }) {
  const { runs, report, standing } = group;
  return (
    <div className={styles["about"]}>
      {runs.length > 1 && <span>{runs.length} runs</span>}
      {excluded > 0 && <span>{excluded} not complete, left out</span>}
      {runs.length > 1 ? (
        <label>
          charts show {isReport() ? standing : <Standing group={group} />}
        </label>
      ) : (
        report && <span>{shortDate(report.created_at)}</span>
      )}
      {report && (
        <>
          <span>{report.mode}</span>
          <Prompt report={report} />
        </>
      )}
    </div>
  );
}

function Prompt({ report }: { readonly report: RunReport }) {
  const text = <bdi>{promptPreview(report.prompt).slice(0, 60)}</bdi>;
  if (isReport()) return <span>{text}</span>;
  return (
    <RunLink plain id={report.id} title={`Open ${report.id}`}>
      {text}
    </RunLink>
  );
}

function Standing({ group }: { readonly group: Group }) {
  const all = useView((state) => state.standing);
  const choose = (id: string) =>
    setView({ standing: [...all.filter((each) => !group.runs.includes(each)), id] });
  return (
    <select value={group.standing} onChange={(event) => choose(event.target.value)}>
      {group.runs.map((id) => (
        <option key={id}>{id}</option>
      ))}
    </select>
  );
}
