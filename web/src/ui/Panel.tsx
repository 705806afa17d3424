// SPDX-License-Identifier: MIT
// The frame of everything that is shown: a title, a state, and what can be done. What stands in it may fail alone.

import { Component, useEffect, useId, useRef, useState, type ErrorInfo, type ReactNode } from "react";
import { ApiError } from "../api/client";
import { useActions } from "./actions";
import { DataTable, type Table } from "./DataTable";
import styles from "./Panel.module.css";

export type PanelState =
  /** `partial`: what is missing in it; `stale`: since when nothing came. */
  | {
      readonly kind: "ready";
      readonly partial?: string | undefined;
      readonly stale?: string | undefined;
    }
  | { readonly kind: "loading" }
  | { readonly kind: "empty"; readonly says: ReactNode }
  | { readonly kind: "unavailable"; readonly reason: string; readonly remedy?: ReactNode }
  | { readonly kind: "error"; readonly error: unknown; readonly retry?: (() => void) | undefined };

export const READY: PanelState = { kind: "ready" };

/** As much of a query's result as a panel looks at. */
interface Asked {
  readonly isPending: boolean;
  readonly isError: boolean;
  readonly error: unknown;
  readonly data: unknown;
  readonly refetch: () => unknown;
}

/** The state of a panel that shows what `queries` answer. Data that could not be renewed are stale, not gone. */
export function stateOf(...queries: readonly Asked[]): PanelState {
  const failed = queries.find((query) => query.isError);
  const retry = () => queries.forEach((query) => query.isError && void query.refetch());
  if (failed && failed.data === undefined) return { kind: "error", error: failed.error, retry };
  if (queries.some((query) => query.isPending)) return { kind: "loading" };
  if (failed) return { kind: "ready", stale: `could not be renewed: ${messageOf(failed.error)}` };
  return READY;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Props {
  readonly title: string;
  readonly state?: PanelState;
  /** Where the numbers come from: sensor, grade, decimation. */
  readonly source?: ReactNode;
  readonly actions?: ReactNode;
  /** What is drawn, as a table. */
  readonly table?: (() => Table) | undefined;
  readonly className?: string | undefined;
  readonly children?: ReactNode;
}

export function Panel({
  title,
  state = READY,
  source,
  actions,
  table,
  className,
  children,
}: Props) {
  const id = useId();
  const root = useRef<HTMLElement>(null);
  const [asTable, setAsTable] = useState(false);
  const switchedByKey = useRef(false);
  const hasTable = table !== undefined && state.kind === "ready";
  // What had the focus is gone; what is in its place gets it.
  useEffect(() => {
    if (!switchedByKey.current) return;
    switchedByKey.current = false;
    root.current?.querySelector<HTMLElement>('[role="application"], [tabindex="0"]')?.focus();
  }, [asTable]);
  useActions(
    hasTable
      ? [
          {
            id: "table",
            title: "Show the focused chart as a table, and back",
            keys: ["t"],
            group: "Charts",
            run: () => {
              if (!root.current?.contains(document.activeElement)) return false;
              switchedByKey.current = true;
              setAsTable((now) => !now);
              return true;
            },
          },
        ]
      : [],
  );
  return (
    <section
      ref={root}
      className={`${styles["panel"]} ${className ?? ""}`}
      aria-labelledby={id}
      data-state={state.kind}
    >
      <header className={styles["head"]}>
        <h2 id={id}>{title}</h2>
        {state.kind === "ready" && state.stale && <Badge kind="stale" says={state.stale} />}
        {state.kind === "ready" && state.partial && <Badge kind="partial" says={state.partial} />}
        <div className={styles["actions"]}>
          {actions}
          {hasTable && (
            <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
              Table
            </button>
          )}
        </div>
      </header>
      <div className={styles["body"]}>
        <Boundary key={state.kind}>
          {state.kind !== "ready" ? (
            <Instead state={state} />
          ) : asTable && table ? (
            <DataTable table={table()} caption={title} />
          ) : (
            children
          )}
        </Boundary>
      </div>
      {state.kind === "ready" && source && <footer className={styles["source"]}>{source}</footer>}
    </section>
  );
}

function Badge({ kind, says }: { readonly kind: "stale" | "partial"; readonly says: string }) {
  return (
    <span className={styles["badge"]} data-kind={kind}>
      {kind}: {says}
    </span>
  );
}

function Instead({ state }: { readonly state: Exclude<PanelState, { kind: "ready" }> }) {
  switch (state.kind) {
    case "loading":
      return (
        <p className={styles["instead"]} aria-busy="true">
          Loading…
        </p>
      );
    case "empty":
      return <div className={styles["instead"]}>{state.says}</div>;
    case "unavailable":
      return (
        <div className={styles["instead"]}>
          <p>
            <strong>Not available.</strong> {state.reason}
          </p>
          {state.remedy && <p>{state.remedy}</p>}
        </div>
      );
    case "error":
      return <Failure error={state.error} retry={state.retry} />;
  }
}

export function Failure({
  error,
  retry,
}: {
  readonly error: unknown;
  readonly retry?: (() => void) | undefined;
}) {
  const hint = error instanceof ApiError ? error.hint : null;
  return (
    <div className={styles["failure"]} role="alert">
      <p>
        <strong>This failed:</strong> {messageOf(error)}
      </p>
      {hint && <p>{hint}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

interface BoundaryState {
  readonly error: unknown;
  readonly failed: boolean;
}

class Boundary extends Component<{ readonly children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { error: null, failed: false };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error, failed: true };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error("a panel failed", error, info.componentStack);
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Failure
        error={this.state.error}
        retry={() => this.setState({ error: null, failed: false })}
      />
    );
  }
}
