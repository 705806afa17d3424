// SPDX-License-Identifier: MIT
// What is compared: single runs, several that are named, or all with a tag or of an experiment.

import type { Comparison, RunSummary } from "../../../api/schema";

export type GroupKind = "run" | "tag" | "experiment";

export interface GroupSpec {
  readonly kind: GroupKind;
  readonly name: string;
}

export const LEAST = 2;
export const MOST = 4;
export const LETTERS = ["A", "B", "C", "D"] as const;

/** `tag:NAME`, `experiment:NAME`; anything else is a run. */
export function parseGroup(text: string): GroupSpec {
  for (const kind of ["tag", "experiment"] as const) {
    if (text.startsWith(`${kind}:`)) return { kind, name: text.slice(kind.length + 1) };
  }
  return { kind: "run", name: text };
}

export function printGroup({ kind, name }: GroupSpec): string {
  return kind === "run" ? name : `${kind}:${name}`;
}

/**
 * The run that stands for a group in charts of single runs: that with the median of `values` (one per id, null where
 * not known), the lower one of two; the first one where no value is known. Null in an empty group.
 */
export function typicalRun(ids: readonly string[], values: readonly (number | null)[]): string | null {
  const known = ids
    .map((id, i) => ({ id, value: values[i] ?? null }))
    .filter((run): run is { id: string; value: number } => run.value !== null)
    .sort((a, b) => a.value - b.value || a.id.localeCompare(b.id));
  return known[(known.length - 1) >> 1]?.id ?? ids[0] ?? null;
}

/** What a group is called: the tag or experiment; of named runs their model. */
export function groupTitle(spec: GroupSpec, run: Pick<RunSummary, "model_name"> | null | undefined): string {
  return spec.kind === "run" ? (run?.model_name ?? spec.name) : spec.name;
}

// Ids of a day differ at their end.
const endOf = (id: string) => id.slice(-6);

/** Titles that tell the groups apart: two runs of one model get their ids. */
export function groupTitles(
  specs: readonly GroupSpec[],
  runs: readonly (Pick<RunSummary, "model_name" | "id"> | null | undefined)[],
): string[] {
  const plain = specs.map((spec, i) => groupTitle(spec, runs[i]));
  return plain.map((title, i) => {
    const again = plain.some((other, k) => k !== i && other === title);
    const spec = specs[i]!;
    if (!again) return title;
    return spec.kind === "run" ? `${title} (${endOf(runs[i]?.id ?? spec.name)})` : `${spec.kind} ${title}`;
  });
}

/** Smallest number of runs behind any group; what decides whether there can be a test. */
export function leastRuns(comparison: Comparison): number {
  return Math.min(...comparison.groups.map((group) => group.runs.length));
}
