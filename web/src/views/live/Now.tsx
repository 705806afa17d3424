// SPDX-License-Identifier: MIT
// What is being computed right now, and what the run has to say about itself.

import { formatTime } from "../../format/units";
import { layerTitle, phaseTitle, visibleText } from "../../format/names";
import { useFeed, useLive } from "../../live/feed";
import type { LiveRun } from "../../live/run";
import { Panel, type PanelState } from "../../ui/Panel";
import styles from "./Now.module.css";
import { OpenRun } from "./OpenRun";
import { RunningTotals } from "./Totals";

const OUTCOME = {
  complete: "complete",
  failed: "failed",
  cancelled: "stopped",
  interrupted: "interrupted",
  running: "running",
} as const;

export function Now() {
  const { run } = useLive();
  const silent = useSilence();
  if (!run) return null;
  const state: PanelState = { kind: "ready", stale: silent ?? undefined };
  return (
    <Panel title="Run" state={state} source={<Source run={run} />} actions={<OpenRun run={run} />}>
      <div className={styles["now"]}>
        <Operation run={run} />
        <RunningTotals />
        <Notes run={run} />
      </div>
    </Panel>
  );
}

/** Since when nothing has come although a run goes on, in words. */
export function useSilence(): string | null {
  const silentSince = useFeed((feed) => feed.silentSince);
  const connection = useFeed((feed) => feed.state);
  const { run } = useLive();
  if (run?.status !== "running") return null;
  if (connection === "lost") return "the connection is lost; trying again";
  if (silentSince === null) return null;
  return `nothing has come for ${formatTime(Math.round((performance.now() - silentSince) / 1000) * 1000)}`;
}

function Operation({ run }: { readonly run: LiveRun }) {
  const { progress, facts } = run;
  if (run.status !== "running") {
    return (
      <p className={styles["operation"]} data-status={run.status}>
        <strong>{OUTCOME[run.status]}</strong>
        {run.failure && <span className={styles["failure"]}>{visibleText(run.failure)}</span>}
      </p>
    );
  }
  const path = [
    progress?.phase ? phaseTitle(progress.phase) : (progress?.stage ?? "starting"),
    progress?.section_name?.replaceAll("_", " "),
    progress?.layer != null && progress.layer >= 0
      ? `${layerTitle(progress.layer)}${facts?.layers ? ` of ${facts.layers}` : ""}`
      : null,
  ].filter((part): part is string => Boolean(part));
  const total = progress?.tokens_total ?? 0;
  return (
    <div className={styles["operation"]}>
      <ol aria-label="Current operation">
        {path.map((part, i) => (
          <li key={i}>{part}</li>
        ))}
      </ol>
      {total > 0 && (
        <>
          <progress
            aria-label="Tokens of this phase"
            max={total}
            value={Math.min(total, progress?.tokens_done ?? 0)}
          />
          <span>
            token {progress?.tokens_done ?? 0} of {total}
          </span>
        </>
      )}
    </div>
  );
}

function Notes({ run }: { readonly run: LiveRun }) {
  const warnings = run.summary?.power.warnings ?? run.progress?.warnings ?? [];
  if (run.lost === "no" && warnings.length === 0) return null;
  return (
    <ul className={styles["notes"]}>
      {run.lost === "reading" && (
        <li data-kind="gap">
          This page missed a part; tokens and power are being read from the store…
        </li>
      )}
      {run.lost === "filled" && (
        <li>This page missed a part: its tokens and power were read from the store.</li>
      )}
      {warnings.map((warning) => (
        <li key={warning}>{visibleText(warning)}</li>
      ))}
    </ul>
  );
}

function Source({ run }: { readonly run: LiveRun }) {
  const sources = run.summary?.power.sources ?? run.facts?.power_sources;
  return (
    <>
      {run.id}
      {run.facts && ` · ${run.facts.model_name}, ${run.facts.mode} mode`}
      {sources && ` · power from ${sources.length ? sources.join(", ") : "no source"}`}
      {run.facts?.tags.map((tag) => ` · ${visibleText(tag)}`)}
    </>
  );
}
