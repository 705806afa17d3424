// SPDX-License-Identifier: MIT

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useShallow } from "zustand/react/shallow";
import { queries } from "../../api/queries";
import type { RunSummary } from "../../api/schema";
import { formatBytes, formatCount } from "../../format/units";
import { setView, useView } from "../../state/view";
import { Panel, stateOf } from "../../ui/Panel";
import { Welcome } from "../live/Welcome";
import { DeleteDialog } from "./DeleteDialog";
import { deletions } from "./deletions";
import { ExportDialog } from "./ExportDialog";
import { Filters, setFilters } from "./Filters";
import { GroupTable, type GroupBy } from "./GroupTable";
import { LabelDialog } from "./LabelDialog";
import {
  filterParams,
  isFiltered,
  NO_FILTERS,
  PAGE_SIZE,
  pageCount,
  pageParams,
  pageRange,
  type Filters as Chosen,
} from "./model/query";
import { RunTable, type Asked } from "./RunTable";
import { Selection } from "./Selection";
import { SpeedEnergy } from "./SpeedEnergy";
import hidden from "../../ui/hidden.module.css";
import styles from "./History.module.css";

const RUNNING_MS = 3000;
const GROUPS: readonly (GroupBy | "none")[] = ["none", "prompt", "model", "experiment", "tag"];

export function History() {
  const filters = useView(
    useShallow(({ search, model, tag, experiment, status, mode, from, to, alike }): Chosen => ({
      search, model, tag, experiment, status, mode, from, to, alike,
    })),
  );
  const group = useView((state) => state.group);
  const store = useQuery(queries.store());
  const isEmpty = store.data?.runs === 0 && !isFiltered(filters);
  return (
    <div className={styles["view"]}>
      <h1 className={hidden["hidden"]}>History</h1>
      {isEmpty ? <Welcome /> : <Stored filters={filters} group={group} />}
    </div>
  );
}

interface StoredProps {
  readonly filters: Chosen;
  readonly group: GroupBy | "none";
}

function Stored({ filters, group }: StoredProps) {
  return (
    <>
      <Filters filters={filters} />
      {group === "none" ? <Runs filters={filters} /> : <Groups by={group} filters={filters} />}
      <SpeedEnergy filters={filters} />
      <Selection />
    </>
  );
}

function GroupSwitch() {
  const group = useView((state) => state.group);
  return (
    <div role="group" aria-label="Group runs" className={styles["switch"]}>
      <span>by</span>
      {GROUPS.map((by) => (
        <button
          key={by}
          type="button"
          aria-pressed={by === group}
          onClick={() => setView({ group: by, page: 0 }, "push")}
        >
          {by === "none" ? "run" : by}
        </button>
      ))}
    </div>
  );
}

function Runs({ filters }: { readonly filters: Chosen }) {
  const sort = useView((state) => state.sort);
  const page = useView((state) => state.page);
  const gone = deletions.use((state) => state.deletions);
  const [asked, setAsked] = useState<{ what: Asked; run: RunSummary } | null>(null);
  const runs = useQuery({
    ...queries.runs(pageParams(filters, sort, page)),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.items.some((run) => run.status === "running") ? RUNNING_MS : false),
  });
  const shown = runs.data?.items.filter((run) => !gone.some(({ id }) => id === run.id)) ?? [];
  const hidden = (runs.data?.items.length ?? 0) - shown.length;
  const total = (runs.data?.total ?? 0) - hidden;
  const close = () => setAsked(null);
  return (
    <>
      <Panel title="Runs" state={stateOf(runs)} actions={<GroupSwitch />} source={<StoreSize />}>
        {shown.length > 0 ? (
          <RunTable runs={shown} onAsk={(what, run) => setAsked({ what, run })} />
        ) : (
          <NoMatch filtered={isFiltered(filters)} />
        )}
        <Pages total={total} page={page} what="runs" />
      </Panel>
      {asked?.what === "export" && <ExportDialog run={asked.run} onClose={close} />}
      {asked?.what === "label" && <LabelDialog run={asked.run} onClose={close} />}
      {asked?.what === "delete" && <DeleteDialog run={asked.run} onClose={close} />}
    </>
  );
}

function Groups({ by, filters }: { readonly by: GroupBy; readonly filters: Chosen }) {
  const page = useView((state) => state.page);
  const groups = useQuery({
    ...queries.groups(by, { ...filterParams(filters), limit: PAGE_SIZE, offset: page * PAGE_SIZE }),
    placeholderData: keepPreviousData,
  });
  const items = groups.data?.items ?? [];
  return (
    <Panel title={`Runs by ${by}`} state={stateOf(groups)} actions={<GroupSwitch />} source={<StoreSize />}>
      {items.length > 0 ? (
        <GroupTable by={by} groups={items} filters={filters} />
      ) : (
        <NoMatch filtered={isFiltered(filters)} />
      )}
      <Pages total={groups.data?.total ?? 0} page={page} what="groups" />
    </Panel>
  );
}

function NoMatch({ filtered }: { readonly filtered: boolean }) {
  return (
    <div className={styles["none"]}>
      <p>{filtered ? "No run matches." : "There are no runs on this page."}</p>
      {filtered ? (
        <button type="button" onClick={() => setFilters(NO_FILTERS)}>
          Show all runs
        </button>
      ) : (
        <button type="button" onClick={() => setView({ page: 0 })}>
          To the first page
        </button>
      )}
    </div>
  );
}

interface PagesProps {
  readonly total: number;
  readonly page: number;
  readonly what: string;
}

function Pages({ total, page, what }: PagesProps): ReactNode {
  const last = pageCount(total) - 1;
  return (
    <nav className={styles["pages"]} aria-label={`Pages of ${what}`}>
      <button type="button" disabled={page <= 0} onClick={() => setView({ page: page - 1 }, "push")}>
        Previous
      </button>
      <span>
        {what} {pageRange(total, page)}
      </span>
      <button type="button" disabled={page >= last} onClick={() => setView({ page: page + 1 }, "push")}>
        Next
      </button>
    </nav>
  );
}

function StoreSize() {
  const store = useQuery(queries.store());
  if (!store.data) return null;
  const { runs, file_bytes: size, free_bytes: free } = store.data;
  return (
    <>
      The store holds {formatCount(runs)} {runs === 1 ? "run" : "runs"} in {formatBytes(size)}; {formatBytes(free)} of
      disk space are free.
    </>
  );
}
