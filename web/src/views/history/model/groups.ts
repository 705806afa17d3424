// SPDX-License-Identifier: MIT
// From groups of runs to a comparison of them.

import type { RunGroup } from "../../../api/schema";
import { LEAST, MOST } from "../../compare/model/groups";

/**
 * The groups that are compared: the largest ones with complete runs, each by the ids of its newest runs (the server
 * tells at most 20), the oldest first. Fewer than two: there is nothing to compare.
 */
export function comparedGroups(groups: readonly RunGroup[]): string[] {
  const specs = groups
    .filter((group) => group.complete > 0)
    .sort((a, b) => b.runs - a.runs)
    .slice(0, MOST)
    .map((group) => [...group.latest_run_ids].reverse().join(","));
  return specs.length >= LEAST ? specs : [];
}

/** A run or group put into what is to be compared, or taken out of it; unchanged when there is no room. */
export function toggled(chosen: readonly string[], spec: string): readonly string[] {
  if (chosen.includes(spec)) return chosen.filter((each) => each !== spec);
  return chosen.length < MOST ? [...chosen, spec] : chosen;
}
