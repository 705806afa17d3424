// SPDX-License-Identifier: MIT

import type { ReactNode } from "react";
import type { RunSummary } from "../../api/schema";
import { visibleText } from "../../format/names";
import { formatCount, formatEnergy, formatPerToken, formatRate, formatTime } from "../../format/units";
import { setView, useView, type SortKey } from "../../state/view";
import { RunLink } from "../../ui/RunLink";
import { Graded } from "../../ui/Value";
import { setFilters } from "./Filters";
import { toggled } from "./model/groups";
import { LETTERS, MOST } from "../compare/model/groups";
import { nextSort, parseSort } from "./model/query";
import { energyOf, joulesPerToken, promptPreview, runTitle, shortDate, STATUS } from "./model/run";
import styles from "./RunTable.module.css";

export type Asked = "export" | "label" | "delete";

interface Props {
  readonly runs: readonly RunSummary[];
  readonly onAsk: (what: Asked, run: RunSummary) => void;
}

export function RunTable({ runs, onAsk }: Props) {
  const net = useView((state) => state.energy === "net");
  return (
    <div className={styles["scroll"]} tabIndex={0} role="region" aria-label="Runs, table">
      <table className={styles["runs"]}>
        <thead>
          <tr>
            <th scope="col">
              <span className={styles["hidden"]}>Compare</span>
            </th>
            <Heading by="created_at">begun</Heading>
            <Heading by="model_name">model</Heading>
            <th scope="col">prompt</th>
            <Heading by="output_tokens" numeric>
              tokens
            </Heading>
            <Heading by="total_duration_ms" numeric>
              time
            </Heading>
            <Heading by="total_energy_mj" numeric>
              {net ? "net energy" : "energy"}
            </Heading>
            <Heading by="joules_per_token" numeric>
              {net ? "net per token" : "per token"}
            </Heading>
            <Heading by="tokens_per_second" numeric>
              speed
            </Heading>
            <th scope="col">grade</th>
            <Heading by="status">status</Heading>
            <th scope="col">labels</th>
            <th scope="col">
              <span className={styles["hidden"]}>Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Row key={run.id} run={run} onAsk={onAsk} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HeadingProps {
  readonly by: SortKey;
  readonly numeric?: boolean;
  readonly children: ReactNode;
}

function Heading({ by, numeric, children }: HeadingProps) {
  const sort = useView((state) => state.sort);
  const { key, descending } = parseSort(sort);
  const direction = key !== by ? undefined : descending ? "descending" : "ascending";
  return (
    <th scope="col" aria-sort={direction} data-numeric={numeric || undefined}>
      <button type="button" className={styles["sort"]} onClick={() => setView({ sort: nextSort(sort, by), page: 0 })}>
        {children}
        <span aria-hidden="true" className={styles["arrow"]}>
          {direction === undefined ? "" : descending ? "▼" : "▲"}
        </span>
      </button>
    </th>
  );
}

function Row({ run, onAsk }: { readonly run: RunSummary; readonly onAsk: Props["onAsk"] }) {
  const chosen = useView((state) => state.runs);
  const kind = useView((state) => state.energy);
  const at = chosen.indexOf(run.id);
  const title = runTitle(run);
  const grade = run.power.grade;
  return (
    <tr data-chosen={at >= 0 || undefined} data-run={run.id}>
      <td className={styles["choose"]}>
        <input
          type="checkbox"
          aria-label={`Compare ${title}`}
          checked={at >= 0}
          disabled={at < 0 && (chosen.length >= MOST || run.status !== "complete")}
          title={run.status === "complete" ? undefined : "only complete runs can be compared"}
          onChange={() => setView({ runs: toggled(chosen, run.id) })}
        />
        {at >= 0 && <strong aria-hidden="true"> {LETTERS[at]}</strong>}
      </td>
      <td className={styles["date"]} title={run.created_at}>
        {shortDate(run.created_at).slice(0, 10)}
        <small>{run.created_at.slice(11, 19)}</small>
      </td>
      <td className={styles["model"]}>
        <bdi>{visibleText(run.model_name)}</bdi>
        <small>{run.mode}</small>
      </td>
      <th scope="row" className={styles["prompt"]}>
        <RunLink plain id={run.id} title={`Open ${title}`}>
          <bdi>{promptPreview(run.prompt)}</bdi>
        </RunLink>
      </th>
      <td data-numeric title={`${run.input_tokens} in the prompt, ${run.output_tokens} generated`}>
        {formatCount(run.output_tokens)}
      </td>
      <td data-numeric>{formatTime(run.total_duration_ms)}</td>
      <td data-numeric>
        <Graded grade={grade}>{formatEnergy(energyOf(run, kind))}</Graded>
      </td>
      <td data-numeric>
        <Graded grade={grade}>{formatPerToken(joulesPerToken(run, kind)).replace("/token", "")}</Graded>
      </td>
      <td data-numeric>{formatRate(run.tokens_per_second).replace("tokens/s", "/s")}</td>
      <td>
        {grade}
        <small>{run.power.sources.join(", ")}</small>
      </td>
      <td>
        <Status run={run} />
      </td>
      <td>
        <Labels run={run} />
      </td>
      <td>
        <div className={styles["actions"]}>
          <RowAction mark="⤓" says={`Export ${title}`} onClick={() => onAsk("export", run)} />
          <RowAction mark="✎" says={`Tags and experiment of ${title}`} onClick={() => onAsk("label", run)} />
          <RowAction
            mark="✕"
            says={`Delete ${title}`}
            disabled={run.status === "running"}
            onClick={() => onAsk("delete", run)}
          />
        </div>
      </td>
    </tr>
  );
}

function Status({ run }: { readonly run: RunSummary }) {
  const { mark, tone } = STATUS[run.status];
  return (
    <span className={styles["status"]} data-tone={tone} title={run.failure ? visibleText(run.failure) : undefined}>
      <span aria-hidden="true">{mark}</span> {run.status}
      {run.failure && <span className={styles["hidden"]}>: {visibleText(run.failure)}</span>}
    </span>
  );
}

function Labels({ run }: { readonly run: RunSummary }) {
  return (
    <div className={styles["labels"]}>
      {run.tags.map((tag) => (
        <button key={tag} type="button" title="Show runs with this tag" onClick={() => setFilters({ tag })}>
          <bdi>{visibleText(tag)}</bdi>
        </button>
      ))}
      {run.experiment_name !== null && (
        <button
          type="button"
          data-kind="experiment"
          title="Show runs of this experiment"
          onClick={() => setFilters({ experiment: run.experiment_name })}
        >
          <bdi>{visibleText(run.experiment_name)}</bdi>
        </button>
      )}
    </div>
  );
}

interface RowActionProps {
  readonly mark: string;
  readonly says: string;
  readonly disabled?: boolean;
  readonly onClick: () => void;
}

function RowAction({ mark, says, disabled = false, onClick }: RowActionProps) {
  return (
    <button type="button" aria-label={says} title={says} disabled={disabled} onClick={onClick}>
      <span aria-hidden="true">{mark}</span>
    </button>
  );
}
