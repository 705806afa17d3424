// SPDX-License-Identifier: MIT
// Runs by what they have in common, one click from comparing the rest.

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { queries } from "../../api/queries";
import type { RunGroup } from "../../api/schema";
import { visibleText } from "../../format/names";
import { formatCount, formatEnergy, formatPerToken, formatRate, UNKNOWN } from "../../format/units";
import { setView, useView, type ViewState } from "../../state/view";
import { announce } from "../../ui/announce";
import { messageOf } from "../../ui/Panel";
import { MOST } from "../compare/model/groups";
import { comparedGroups, toggled } from "./model/groups";
import { filterParams, type Filters } from "./model/query";
import { promptPreview, shortDate } from "./model/run";
import styles from "./RunTable.module.css";

export type GroupBy = Exclude<ViewState["group"], "none">;

interface Props {
  readonly by: GroupBy;
  readonly groups: readonly RunGroup[];
  readonly filters: Filters;
}

const HEADING: Record<GroupBy, string> = { prompt: "prompt", model: "model", experiment: "experiment", tag: "tag" };

export function GroupTable({ by, groups, filters }: Props) {
  const labels = by === "tag" || by === "experiment";
  return (
    <div className={styles["scroll"]} tabIndex={0} role="region" aria-label={`Runs by ${by}, table`}>
      <table className={styles["runs"]}>
        <thead>
          <tr>
            {labels && (
              <th scope="col">
                <span className={styles["hidden"]}>Compare</span>
              </th>
            )}
            <th scope="col">{HEADING[by]}</th>
            <th scope="col" data-numeric>
              runs
            </th>
            <th scope="col">{by === "model" ? "prompts" : "models"}</th>
            <th scope="col" data-numeric>
              energy
            </th>
            <th scope="col" data-numeric>
              per token, mean (least–most)
            </th>
            <th scope="col" data-numeric>
              speed, mean
            </th>
            <th scope="col">last</th>
            <th scope="col">
              <span className={styles["hidden"]}>Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <Row key={group.key ?? ""} by={by} group={group} filters={filters} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function keyText(by: GroupBy, key: string | null): string {
  if (by === "prompt") return promptPreview(key);
  return key === null ? `(no ${by})` : visibleText(key);
}

function range({ min, max }: RunGroup["joules_per_token"]): string {
  if (min === null || max === null || min === max) return "";
  return ` (${formatPerToken(min).replace("/token", "")}–${formatPerToken(max).replace("/token", "")})`;
}

function Row({ by, group, filters }: { readonly by: GroupBy; readonly group: RunGroup; readonly filters: Filters }) {
  const chosen = useView((state) => state.runs);
  const title = keyText(by, group.key);
  const labels = by === "tag" || by === "experiment";
  const spec = labels && group.key !== null ? `${by}:${group.key}` : null;
  return (
    <tr data-chosen={(spec !== null && chosen.includes(spec)) || undefined}>
      {labels && (
        <td>
          {spec !== null && (
            <input
              type="checkbox"
              aria-label={`Compare ${by} ${title}`}
              checked={chosen.includes(spec)}
              disabled={!chosen.includes(spec) && (chosen.length >= MOST || group.complete === 0)}
              onChange={() => setView({ runs: toggled(chosen, spec) })}
            />
          )}
        </td>
      )}
      <th scope="row" className={styles["prompt"]} title={title}>
        <bdi>{title}</bdi>
      </th>
      <td data-numeric title={group.complete === group.runs ? undefined : `${group.complete} complete`}>
        {formatCount(group.runs)}
      </td>
      <td>{by === "model" ? formatCount(group.prompts) : modelsText(group)}</td>
      <td data-numeric>{formatEnergy(group.total_energy_mj.mean)}</td>
      <td data-numeric>
        {formatPerToken(group.joules_per_token.mean).replace("/token", "")}
        {range(group.joules_per_token)}
      </td>
      <td data-numeric>{formatRate(group.tokens_per_second.mean).replace("tokens/s", "/s")}</td>
      <td className={styles["date"]}>{shortDate(group.last_created_at)}</td>
      <td>
        <div className={styles["actions"]}>
          <button type="button" aria-label={`Runs of ${title}`} onClick={() => showRuns(by, group)}>
            Runs
          </button>
          {(by === "prompt" || by === "model") && <Compare by={by} group={group} filters={filters} title={title} />}
        </div>
      </td>
    </tr>
  );
}

function modelsText({ models }: RunGroup): string {
  if (models.length === 0) return UNKNOWN;
  const shown = models.slice(0, 3).map(visibleText).join(", ");
  return models.length > 3 ? `${shown} and ${models.length - 3} more` : shown;
}

function showRuns(by: GroupBy, group: RunGroup): void {
  const filter = by === "prompt" ? { alike: group.latest_run_id } : { [by]: group.key };
  setView({ group: "none", page: 0, ...filter }, "push");
}

interface CompareProps {
  readonly by: "prompt" | "model";
  readonly group: RunGroup;
  readonly filters: Filters;
  readonly title: string;
}

/** The models that had this prompt, or the prompts that this model had: all their runs against each other. */
function Compare({ by, group, filters, title }: CompareProps) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const others = by === "prompt" ? group.models.length : group.prompts;
  const what = by === "prompt" ? "models" : "prompts";
  const compare = async () => {
    setBusy(true);
    const within = by === "prompt" ? { same_prompt_as: group.latest_run_id } : { model: group.key };
    const params = { ...filterParams(filters), status: "complete", ...within };
    try {
      const page = await client.fetchQuery(queries.groups(by === "prompt" ? "model" : "prompt", params));
      const runs = comparedGroups(page.items);
      if (runs.length > 0) setView({ view: "compare", runs, standing: [] }, "push");
      else announce(`There are no two ${what} with complete runs`);
    } catch (error) {
      announce(`Cannot compare: ${messageOf(error)}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      disabled={busy || others < 2}
      title={others < 2 ? `there is one of the ${what} only` : `up to ${MOST} ${what}, the newest 20 runs of each`}
      aria-label={`Compare ${what} of ${title}`}
      onClick={() => void compare()}
    >
      Compare {what}
    </button>
  );
}
