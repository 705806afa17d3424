// SPDX-License-Identifier: MIT
// What was run, how it ended, what it cost.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Grade, RunReport } from "../../api/schema";
import {
  formatCount,
  formatEnergy,
  formatPower,
  formatPerToken,
  formatRate,
  formatTime,
  UNKNOWN,
} from "../../format/units";
import { visibleLines, visibleText } from "../../format/names";
import { useView } from "../../state/view";
import { Graded } from "../../ui/Value";
import { Conditions } from "./Conditions";
import { ExportMenu } from "./ExportMenu";
import { headline, totalsOf, warningsOf } from "./model/header";
import { useRun } from "./useRun";
import styles from "./RunHeader.module.css";

export function RunHeader() {
  const { report } = useRun();
  const energy = useView((state) => state.energy);
  const totals = totalsOf(report, energy);
  const warnings = warningsOf(report);
  return (
    <section className={styles["header"]} aria-label="Run">
      <div className={styles["line"]}>
        <h1 className={styles["model"]}>{visibleText(report.model_name)}</h1>
        <Status report={report} />
        <span className={styles["about"]}>{headline(report)}</span>
        <div className={styles["actions"]}>{!isReport() && <ExportMenu />}</div>
      </div>
      <Ending report={report} />
      <dl className={styles["totals"]}>
        <Total
          title={totals.net ? "energy above idle" : "energy"}
          value={formatEnergy(totals.energy_mj)}
          grade={report.power.grade}
          large
        />
        <Total
          title="per generated token"
          value={formatPerToken(totals.joules_per_token)}
          grade={report.power.grade}
          large
        />
        <Total title="decode speed" value={formatRate(report.tokens_per_second)} large />
        <Total
          title={totals.net ? "power above idle" : "average power"}
          value={formatPower(totals.power_mw)}
          grade={report.power.grade}
        />
        <Total
          title="peak power"
          value={formatPower(report.peak_power_mw)}
          grade={report.power.grade}
        />
        <Total title="duration" value={formatTime(report.total_duration_ms)} />
        <Total title="first token after" value={formatTime(report.time_to_first_token_ms)} />
        <Total
          title="tokens, in + out"
          value={`${formatCount(report.input_tokens)} + ${formatCount(report.output_tokens)}`}
        />
      </dl>
      {report.total_energy_mj === null && <NoPower />}
      {warnings.length > 0 && (
        <ul className={styles["warnings"]} aria-label="Warnings">
          {warnings.map((warning) => (
            <li key={warning}>{visibleText(warning)}</li>
          ))}
        </ul>
      )}
      <Texts report={report} />
      <Conditions />
    </section>
  );
}

const STATUS: Record<RunReport["status"], { mark: string; title: string }> = {
  complete: { mark: "✓", title: "complete" },
  running: { mark: "…", title: "running" },
  failed: { mark: "✕", title: "failed" },
  cancelled: { mark: "■", title: "cancelled" },
  interrupted: { mark: "!", title: "interrupted" },
};

function Status({ report }: { readonly report: RunReport }) {
  const { mark, title } = STATUS[report.status];
  return (
    <span className={styles["status"]} data-status={report.status}>
      <span aria-hidden="true">{mark}</span> {title}
    </span>
  );
}

/** What a run that did not end as it should have is good for. */
function Ending({ report }: { readonly report: RunReport }) {
  const tokens = `${report.output_tokens} ${report.output_tokens === 1 ? "token" : "tokens"}`;
  const says: Record<RunReport["status"], string | null> = {
    complete: null,
    running: `This run is going on: figures are those of the ${tokens} so far, and grow.`,
    failed: `This run failed after ${tokens}. What had been recorded until then is shown.`,
    cancelled: `This run was cancelled after ${tokens}. What had been recorded until then is shown.`,
    interrupted: `The program that recorded this run ended before it did, after ${tokens}. All but the last second was kept.`,
  };
  const text = says[report.status];
  if (!text) return null;
  return (
    <div className={styles["ending"]} data-status={report.status} role="status">
      <p>{text}</p>
      {report.failure && <p className={styles["failure"]}>{visibleText(report.failure)}</p>}
    </div>
  );
}

function NoPower() {
  const status = useQuery({ ...queries.powerStatus(), enabled: !isReport() });
  const denied = status.data?.sources.filter((source) => source.state === "denied") ?? [];
  return (
    <div className={styles["ending"]} data-status="cancelled" role="note">
      <p>
        <strong>No energy is known of this run.</strong> It was made without a power source; times,
        tokens and activations are complete. Shares below are shares of time.
      </p>
      {denied.map((source) => (
        <p key={source.name}>
          {source.name}: {source.reason}. {source.remedy}
        </p>
      ))}
      {status.data?.advice && denied.length === 0 && <p>{status.data.advice}</p>}
      {!status.data?.advice && denied.length === 0 && (
        <p>
          <code>ergon doctor</code> says what this machine has, and what would have to be done.
        </p>
      )}
    </div>
  );
}

interface TotalProps {
  readonly title: string;
  readonly value: string;
  readonly grade?: Grade;
  readonly large?: boolean;
}

function Total({ title, value, grade, large = false }: TotalProps) {
  const shown: ReactNode =
    value === UNKNOWN ? <span title="not known of this run">{UNKNOWN}</span> : value;
  return (
    <div className={styles["total"]} data-large={large || undefined}>
      <dt>{title}</dt>
      <dd>{grade && value !== UNKNOWN ? <Graded grade={grade}>{value}</Graded> : shown}</dd>
    </div>
  );
}

function Texts({ report }: { readonly report: RunReport }) {
  if (!report.prompt && !report.response) return null;
  return (
    <details className={styles["texts"]}>
      <summary>Prompt and answer</summary>
      <h2>Prompt</h2>
      <pre>{visibleLines(report.prompt ?? "") || "(none)"}</pre>
      <h2>Answer</h2>
      <pre>{visibleLines(report.response ?? "") || "(none)"}</pre>
    </details>
  );
}
