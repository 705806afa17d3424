// SPDX-License-Identifier: MIT

import type { LiveRun } from "../../live/run";
import { RunLink } from "../../ui/RunLink";

/** The way from a run that has ended to its Analysis. */
export function OpenRun({ run }: { readonly run: LiveRun }) {
  if (run.status === "running" || !run.summary) return null;
  return <RunLink id={run.id}>Open its analysis</RunLink>;
}
