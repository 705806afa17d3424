// SPDX-License-Identifier: MIT
// The run of the view, loaded, and what of it is selected.

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import type { Block } from "../../api/f32";
import { queries } from "../../api/queries";
import type { MatrixHead, Pipeline, RunReport, Token } from "../../api/schema";
import { setView, useView, type Metric } from "../../state/view";
import { measureOf, type Measure } from "./model/measure";
import { chosenPasses, type Selection } from "./model/selection";
import type { Stacks } from "./model/tree";

export interface RunData {
  readonly id: string;
  readonly report: RunReport;
  readonly tokens: readonly Token[];
  readonly pipeline: Pipeline;
}

const RunContext = createContext<RunData | null>(null);
export const RunProvider = RunContext.Provider;

export function useRun(): RunData {
  const run = useContext(RunContext);
  if (!run) throw new Error("no run around this panel");
  return run;
}

export const STACK = { stack: true } as const;

/** One matrix per pass of the whole run. */
export function useStack(metric: Metric, enabled = true): UseQueryResult<Block<MatrixHead>> {
  const { id, report } = useRun();
  // Power is worth showing by activity only, whatever energies are shown by.
  const attribution = metric === "power_mw" ? { attribution: "activity" } : {};
  return useQuery({
    ...queries.matrix(id, { metric, ...STACK, ...attribution }),
    enabled,
    ...lasting(report),
  });
}

/** A run that has ended does not change; one that goes on is asked for again. */
export function lasting(report: RunReport): { staleTime: number; gcTime?: number } {
  return { staleTime: report.status === "running" ? 0 : Number.POSITIVE_INFINITY };
}

export interface StacksResult {
  readonly stacks: Stacks | null;
  readonly queries: readonly UseQueryResult<Block<MatrixHead>>[];
}

export function useStacks(): StacksResult {
  const { report } = useRun();
  const powered = report.total_energy_mj !== null;
  const time = useStack("time_ms");
  const energy = useStack("energy_mj", powered);
  const stacks = useMemo(
    () =>
      time.data && (energy.data || !powered)
        ? { time: time.data, energy: energy.data ?? null }
        : null,
    [time.data, energy.data, powered],
  );
  return { stacks, queries: powered ? [time, energy] : [time] };
}

export function useMeasure(): Measure {
  const { report } = useRun();
  const name = useView((state) => state.energy);
  return useMemo(() => measureOf(name, report), [name, report]);
}

export function useSelection(): Selection {
  return useView(
    useShallow(({ token, tokens, time, layers, components }) => ({
      token,
      tokens,
      time,
      layers,
      components,
    })),
  );
}

const SETTLE_MS = 180;

/** The selection once it has come to rest: for what is too much to be drawn anew thirty times a second. */
export function useSettledSelection(): Selection {
  const selection = useSelection();
  const [settled, setSettled] = useState(selection);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(selection), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [selection]);
  return settled;
}

/** Rows of a stack's passes that are selected; stacks of one run may have different passes in a report. */
export function useChosenPasses(
  head: MatrixHead | undefined,
  selection: Selection,
): readonly number[] {
  const { tokens } = useRun();
  const { token, tokens: range, time } = selection;
  return useMemo(
    () =>
      head
        ? chosenPasses(
            { token, tokens: range, time, layers: null, components: [] },
            head.passes,
            tokens,
          )
        : [],
    [head, tokens, token, range, time],
  );
}

export function select(change: Partial<Selection>): void {
  setView(change);
}
