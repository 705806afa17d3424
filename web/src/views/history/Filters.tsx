// SPDX-License-Identifier: MIT

import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { queries } from "../../api/queries";
import { visibleText } from "../../format/names";
import { setView, type ViewState } from "../../state/view";
import { useActions } from "../../ui/actions";
import { isFiltered, NO_FILTERS, type Filters as Chosen } from "./model/query";
import styles from "./Filters.module.css";

const TYPING_MS = 250;
const MOST_CHOICES = 500;

const STATUSES: readonly ViewState["status"][] = ["any", "complete", "running", "failed", "cancelled", "interrupted"];
const MODES: readonly ViewState["mode"][] = ["any", "minimal", "standard", "deep"];

/** Changes which runs are meant; the list begins anew. */
export function setFilters(change: Partial<Chosen>): void {
  setView({ ...change, page: 0 });
}

export function Filters({ filters }: { readonly filters: Chosen }) {
  return (
    <form className={styles["filters"]} role="search" aria-label="Runs" onSubmit={(event) => event.preventDefault()}>
      <Search value={filters.search} />
      <Choice title="Model" by="model" value={filters.model} onChange={(model) => setFilters({ model })} />
      <Choice title="Tag" by="tag" value={filters.tag} onChange={(tag) => setFilters({ tag })} />
      <Choice
        title="Experiment"
        by="experiment"
        value={filters.experiment}
        onChange={(experiment) => setFilters({ experiment })}
      />
      <Fixed title="Status" all={STATUSES} value={filters.status} onChange={(status) => setFilters({ status })} />
      <Fixed title="Mode" all={MODES} value={filters.mode} onChange={(mode) => setFilters({ mode })} />
      <Day title="From" value={filters.from} onChange={(from) => setFilters({ from })} />
      <Day title="To" value={filters.to} onChange={(to) => setFilters({ to })} />
      {filters.alike !== null && (
        <button type="button" onClick={() => setFilters({ alike: null })} className={styles["alike"]}>
          same prompt as {filters.alike} <span aria-hidden="true">✕</span>
        </button>
      )}
      {isFiltered(filters) && (
        <button type="button" onClick={() => setFilters(NO_FILTERS)} className={styles["clear"]}>
          Clear filters
        </button>
      )}
    </form>
  );
}

function Labelled({ title, children }: { readonly title: string; readonly children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className={styles["field"]}>
      <label htmlFor={id}>{title}</label>
      {children(id)}
    </div>
  );
}

/** Text of its own while somebody types; the address follows a moment later. */
function Search({ value }: { readonly value: string }) {
  const [typed, setTyped] = useState(value);
  const [shown, setShown] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  // the address changed by itself, e.g. with Back
  if (shown !== value) {
    setShown(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => setFilters({ search: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value]);
  useActions([
    {
      id: "search",
      title: "Search runs",
      keys: ["/"],
      group: "History",
      listed: true,
      run: () => input.current?.focus(),
    },
  ]);
  return (
    <Labelled title="Search">
      {(id) => (
        <input
          ref={input}
          id={id}
          type="search"
          className={styles["search"]}
          placeholder="prompt, response or model"
          value={typed}
          maxLength={1000}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && setFilters({ search: typed })}
        />
      )}
    </Labelled>
  );
}

interface ChoiceProps {
  readonly title: string;
  readonly by: "model" | "tag" | "experiment";
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

/** All that the store has. What the address names is among them even if the store has it no more. */
function Choice({ title, by, value, onChange }: ChoiceProps) {
  const groups = useQuery(queries.groups(by, { limit: MOST_CHOICES }));
  const known = (groups.data?.items ?? []).map(({ key }) => key).filter((key) => key !== null);
  const all = value === null || known.includes(value) ? known : [value, ...known];
  const left = (groups.data?.total ?? 0) - (groups.data?.items.length ?? 0);
  return (
    <Labelled title={title}>
      {(id) => (
        <select id={id} value={value ?? ""} onChange={(event) => onChange(event.target.value || null)}>
          <option value="">any</option>
          {all.map((key) => (
            <option key={key} value={key}>
              {visibleText(key)}
            </option>
          ))}
          {left > 0 && (
            <option disabled value="">
              … and {left} more
            </option>
          )}
        </select>
      )}
    </Labelled>
  );
}

interface FixedProps<T extends string> {
  readonly title: string;
  readonly all: readonly T[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

function Fixed<T extends string>({ title, all, value, onChange }: FixedProps<T>) {
  return (
    <Labelled title={title}>
      {(id) => (
        <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {all.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

interface DayProps {
  readonly title: string;
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

function Day({ title, value, onChange }: DayProps) {
  return (
    <Labelled title={title}>
      {(id) => (
        <input id={id} type="date" value={value ?? ""} onChange={(event) => onChange(event.target.value || null)} />
      )}
    </Labelled>
  );
}
