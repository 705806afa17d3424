// SPDX-License-Identifier: MIT
// One run, looked at: where its energy went.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { ApiError, isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { QueueEntry } from "../../api/schema";
import { setView, useView } from "../../state/view";
import { useActions } from "../../ui/actions";
import { Panel, stateOf } from "../../ui/Panel";
import { AttentionPanel } from "./AttentionPanel";
import { CostPanel } from "./CostPanel";
import { DomainPanel } from "./DomainPanel";
import { FindingsPanel } from "./FindingsPanel";
import { HeatmapPanel } from "./HeatmapPanel";
import { back } from "./model/selection";
import { OperationsPanel } from "./OperationsPanel";
import { PipelinePanel } from "./PipelinePanel";
import { PowerPanel } from "./PowerPanel";
import { RoutingPanel } from "./RoutingPanel";
import { RunHeader } from "./RunHeader";
import { SankeyPanel } from "./SankeyPanel";
import { SelectionBar } from "./SelectionBar";
import { TreemapPanel } from "./TreemapPanel";
import { RunProvider, select, useSelection } from "./useRun";
import { WaterfallPanel } from "./WaterfallPanel";
import hidden from "../../ui/hidden.module.css";
import styles from "./Analysis.module.css";

const RUNNING_MS = 2000;

export function Analysis() {
  const run = useView((state) => state.run);
  if (run === null && !isReport()) return <NewestRun />;
  const id = run ?? "last";
  return <RunView key={id} id={id} />;
}

/** Without a run in the address: the one that began last, which the address then names. */
function NewestRun() {
  const newest = useQuery(queries.runFields(["id"], { limit: 1 }));
  const id = newest.data?.items[0]?.id;
  useEffect(() => {
    if (id !== undefined) setView({ run: id });
  }, [id]);
  const isNone = newest.data !== undefined && id === undefined;
  return (
    <>
      <h1 className={hidden["hidden"]}>Analysis</h1>
      <Panel
        title="Run"
        state={isNone ? { kind: "empty", says: <FirstRun /> } : stateOf(newest)}
      />
    </>
  );
}

function RunView({ id }: { readonly id: string }) {
  const client = useQueryClient();
  const report = useQuery({
    ...queries.report(id),
    refetchInterval: (query) => (query.state.data?.status === "running" ? RUNNING_MS : false),
  });
  const known = report.data !== undefined;
  const pipeline = useQuery({ ...queries.pipeline(report.data?.id ?? id), enabled: known });
  const tokens = useQuery({ ...queries.tokens(report.data?.id ?? id), enabled: known });
  const missing = report.error instanceof ApiError && report.error.status === 404;
  const full = report.data?.id;
  const running = report.data?.status === "running";
  // 'last' and beginnings of an id become the id, so that the address stays right when another run ends.
  useEffect(() => {
    if (!full || full === id) return;
    client.setQueryData(queries.report(full).queryKey, report.data);
    setView({ run: full });
  }, [client, full, id, report.data]);
  // What was asked for while the run went on is only a part of it.
  useEffect(() => {
    if (!running || !full) return undefined;
    return () => void client.invalidateQueries({ queryKey: ["run", full] });
  }, [client, full, running]);

  const state = stateOf(report, pipeline, tokens);
  if (missing || !report.data || !pipeline.data || !tokens.data) {
    return (
      <>
        <h1 className={hidden["hidden"]}>Analysis</h1>
        {missing ? <NoRun id={id} /> : <Panel title="Run" state={state} />}
      </>
    );
  }
  const run = {
    id: report.data.id,
    report: report.data,
    pipeline: pipeline.data,
    tokens: tokens.data.tokens,
  };
  return (
    <RunProvider value={run}>
      <Panels />
    </RunProvider>
  );
}

function Panels() {
  const selection = useSelection();
  useActions([
    {
      id: "back",
      title: "Back one level: token, stretch, layers and components",
      keys: ["Escape"],
      group: "Analysis",
      run: () => {
        const step = back(selection);
        if (!step) return false;
        select(step);
        return true;
      },
    },
  ]);
  return (
    <div className={styles["view"]}>
      <RunHeader />
      <div className={styles["top"]}>
        <FindingsPanel />
        <DomainPanel />
        <CostPanel />
      </div>
      <SelectionBar />
      <PipelinePanel />
      <PowerPanel />
      <div className={styles["pair"]}>
        <HeatmapPanel />
        <OperationsPanel />
      </div>
      <WaterfallPanel />
      <div className={styles["halves"]}>
        <TreemapPanel />
        <SankeyPanel />
      </div>
      <div className={styles["halves"]}>
        <AttentionPanel />
        <RoutingPanel />
      </div>
    </div>
  );
}

/** No such run: not yet, not any more, or none at all. */
function NoRun({ id }: { readonly id: string }) {
  const queue = useQuery({ ...queries.queue(), refetchInterval: RUNNING_MS });
  const client = useQueryClient();
  const entry = queue.data?.runs.find((run) => run.run_id === id);
  const waiting = entry !== undefined;
  useEffect(() => {
    if (!waiting) return undefined;
    // it may have begun, and so be stored
    const timer = setInterval(
      () => void client.invalidateQueries({ queryKey: ["run", id] }),
      RUNNING_MS,
    );
    return () => clearInterval(timer);
  }, [client, id, waiting]);
  if (queue.isPending) return <Panel title="Run" state={{ kind: "loading" }} />;
  const says = entry ? <Waiting entry={entry} /> : id === "last" ? <FirstRun /> : <Gone id={id} />;
  return <Panel title="Run" state={{ kind: "empty", says }} />;
}

function Go({ to, children }: { readonly to: "live" | "history"; readonly children: ReactNode }) {
  return (
    <button type="button" className="primary" onClick={() => setView({ view: to }, "push")}>
      {children}
    </button>
  );
}

function Waiting({ entry }: { readonly entry: QueueEntry }) {
  return (
    <>
      <p>
        Run <code>{entry.run_id}</code> of {entry.model_name} is{" "}
        {entry.status === "queued" ? "waiting for its turn" : entry.status}: there is nothing to
        look at yet.
      </p>
      <Go to="live">Watch it</Go>
    </>
  );
}

function FirstRun() {
  return (
    <>
      <p>There is no run yet. The Live view makes the first one.</p>
      <Go to="live">Make a run</Go>
    </>
  );
}

function Gone({ id }: { readonly id: string }) {
  return (
    <>
      <p>
        There is no run <code>{id}</code>: it was deleted, or is in another database.
      </p>
      <Go to="history">Show all runs</Go>
    </>
  );
}
