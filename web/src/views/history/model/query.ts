// SPDX-License-Identifier: MIT
// What the table of runs asks the server for.

import type { Params } from "../../../api/client";
import type { Sort, SortKey, ViewState } from "../../../state/view";

/** The part of the view's state that says which runs are meant. */
export type Filters = Pick<
  ViewState,
  "search" | "model" | "tag" | "experiment" | "status" | "mode" | "from" | "to" | "alike"
>;

export const NO_FILTERS: Filters = {
  search: "",
  model: null,
  tag: null,
  experiment: null,
  status: "any",
  mode: "any",
  from: null,
  to: null,
  alike: null,
};

/** Parameters of GET /runs and GET /runs/groups; null says nothing. */
export function filterParams(filters: Filters): Record<string, string | null> {
  const chosen = (value: string) => (value === "any" ? null : value);
  return {
    search: filters.search.trim() || null,
    model: filters.model,
    tag: filters.tag,
    experiment: filters.experiment,
    status: chosen(filters.status),
    mode: chosen(filters.mode),
    date_from: filters.from,
    date_to: filters.to,
    same_prompt_as: filters.alike,
  };
}

export function isFiltered(filters: Filters): boolean {
  return Object.values(filterParams(filters)).some((value) => value !== null);
}

export const PAGE_SIZE = 50;

/** A page of the table. */
export function pageParams(filters: Filters, sort: Sort, page: number): Params {
  return { ...filterParams(filters), sort, limit: PAGE_SIZE, offset: page * PAGE_SIZE };
}

export function pageCount(total: number): number {
  return Math.max(1, Math.ceil(total / PAGE_SIZE));
}

/** "1–50 of 1 234". */
export function pageRange(total: number, page: number): string {
  if (total === 0) return "none";
  const first = page * PAGE_SIZE + 1;
  const last = Math.min(total, first + PAGE_SIZE - 1);
  return first > total ? `none of ${total}` : `${first}–${last} of ${total}`;
}

export interface Order {
  readonly key: SortKey;
  readonly descending: boolean;
}

export function parseSort(sort: Sort): Order {
  const descending = sort.startsWith("-");
  return { key: (descending ? sort.slice(1) : sort) as SortKey, descending };
}

// Of these the largest is what somebody looks for first: the newest, the fastest, what cost the most.
const LARGEST_FIRST = new Set<SortKey>(["created_at", "tokens_per_second", "total_energy_mj", "total_duration_ms"]);

/** The sort after a click on a column's heading: once, and once more the other way round. */
export function nextSort(sort: Sort, key: SortKey): Sort {
  const now = parseSort(sort);
  const descending = now.key === key ? !now.descending : LARGEST_FIRST.has(key);
  return descending ? `-${key}` : key;
}
