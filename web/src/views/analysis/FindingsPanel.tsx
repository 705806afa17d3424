// SPDX-License-Identifier: MIT
// Where the energy went, in sentences.

import { useMemo } from "react";
import { Panel, READY } from "../../ui/Panel";
import { Graded } from "../../ui/Value";
import { findings, type Finding } from "./model/findings";
import { timeOfPhase, tokensOfPhase } from "./model/selection";
import { select, useRun } from "./useRun";
import styles from "./FindingsPanel.module.css";

export function FindingsPanel() {
  const { report } = useRun();
  const found = useMemo(() => findings(report), [report]);
  const how =
    report.total_energy_mj === null
      ? ""
      : `: gross energies, those of passes split by ${report.attribution.model}`;
  const title = report.total_energy_mj === null ? "Where the time went" : "Where the energy went";
  return (
    <Panel
      title={title}
      state={
        found.length
          ? READY
          : { kind: "empty", says: "Nothing was evaluated, so nothing can be said." }
      }
      source={`Calculated from the run's summary${how}.`}
    >
      <ol className={styles["list"]}>
        {found.map((finding) => (
          <Row key={finding.id} finding={finding} />
        ))}
      </ol>
    </Panel>
  );
}

function Row({ finding }: { readonly finding: Finding }) {
  const { pipeline, tokens } = useRun();
  const { target, share } = finding;
  const look = () => {
    if (!target) return;
    const stretch = target.phase
      ? (tokensOfPhase(tokens, target.phase) ?? timeOfPhase(pipeline.phases, target.phase))
      : {};
    select({
      token: null,
      tokens: null,
      time: null,
      layers: target.layers,
      components: target.components,
      ...stretch,
    });
  };
  return (
    <li className={styles["finding"]} data-finding={finding.id}>
      <span className={styles["share"]} aria-hidden="true">
        {share !== null && (
          <span style={{ width: `${Math.max(1, Math.min(100, share * 100))}%` }} />
        )}
      </span>
      <p className={styles["text"]}>
        <Graded grade={finding.grade}>{finding.text}</Graded>{" "}
        {finding.detail && <span className={styles["detail"]}>{finding.detail}</span>}
      </p>
      {target && (
        <button
          type="button"
          onClick={look}
          aria-label={`Look: ${finding.text}`}
          title="Select this in all panels"
        >
          Look
        </button>
      )}
    </li>
  );
}
