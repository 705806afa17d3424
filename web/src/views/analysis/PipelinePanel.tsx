// SPDX-License-Identifier: MIT
// The run from beginning to end: phases, and in them sections, or tokens down to operations.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { isReport } from "../../api/client";
import { queries } from "../../api/queries";
import type { Phase } from "../../api/schema";
import type { Range } from "../../charts/base/ticks";
import { CanvasTimeline } from "../../charts/CanvasTimeline";
import { timelineTable } from "../../charts/timeline";
import { timelineData, type TimelineData } from "../../charts/timelineData";
import { setView, useView } from "../../state/view";
import { ChartPanel } from "../../ui/ChartPanel";
import { READY } from "../../ui/Panel";
import { Choice } from "./Choice";
import { chosenTime, selectTime, timeOfPhase, toggleCell, tokensOfPhase } from "./model/selection";
import { parseKey, printKey, sectionTimeline, tokenTimeline } from "./model/timeline";
import { lasting, select, useRun, useSelection, useSettledSelection } from "./useRun";

const NONE: never[] = [];

export function PipelinePanel() {
  const { id, report, pipeline, tokens } = useRun();
  const powered = report.total_energy_mj !== null;
  const wanted = useView((state) => state.axis);
  const axis = powered ? wanted : "time";
  const lanes = useView((state) => state.lanes);
  const selection = useSelection();
  const { token } = useSettledSelection();
  const inside = useQuery({
    ...queries.operations(id, { token: token ?? 0 }),
    enabled: lanes === "tokens" && token !== null && !isReport(),
    ...lasting(report),
  });
  const operations = (token !== null && inside.data?.operations) || NONE;
  const data = useMemo(() => {
    const { lanes: names, spans } =
      lanes === "sections"
        ? sectionTimeline(pipeline)
        : tokenTimeline(pipeline, tokens, operations);
    return timelineData(names, spans);
  }, [lanes, pipeline, tokens, operations]);
  const [view, setZoom] = useZoom(data, axis, operations.length > 0 ? token : null);
  const activate = (span: number) => {
    const key = data.keys[span];
    const what = key === undefined ? null : parseKey(key);
    if (!what) return;
    if (what.kind === "token") select({ token: what.token, time: null });
    else if (what.kind === "cell") select(toggleCell(selection, what.layer, what.component));
    else
      select(
        tokensOfPhase(tokens, what.phase as Phase) ??
          timeOfPhase(pipeline.phases, what.phase as Phase),
      );
  };
  const selected = axis === "time" ? chosenTime(selection, tokens) : null;
  return (
    <ChartPanel
      file={`${id}-pipeline`}
      title="Pipeline"
      table={() => timelineTable(data)}
      state={
        pipeline.phases.length
          ? READY
          : { kind: "empty", says: "The run ended before its first phase." }
      }
      source={
        lanes === "sections"
          ? "In prefill and decode a section is the sum of its pieces in all passes, drawn side by side; click to zoom in, Esc to go back."
          : isReport()
            ? "Click a token to look at it; a report does not hold the operations of single tokens."
            : "Click a token to see what its pass did; Esc goes back."
      }
      actions={
        <>
          <Choice
            label="Width"
            value={axis}
            options={powered ? ["time", "energy"] : ["time"]}
            onChoose={(to) => setView({ axis: to })}
          />
          <Choice
            label="Below phases"
            value={lanes}
            options={["sections", "tokens"]}
            onChoose={(to) => setView({ lanes: to })}
          />
        </>
      }
    >
      {(handle) => (
        <CanvasTimeline
          data={data}
          width={axis}
          label={`Pipeline of the run, width is ${axis}, colour is energy`}
          view={view}
          onView={setZoom}
          selected={selected}
          handle={handle}
          onActivate={activate}
          onBrush={axis === "time" ? ([from, to]) => select(selectTime(from, to)) : undefined}
        />
      )}
    </ChartPanel>
  );
}

/** What is in view. When the operations of another token are there, that is its span. */
function useZoom(data: TimelineData, axis: "time" | "energy", token: number | null) {
  const [zoom, setZoom] = useState<{ axis: string; view: Range | undefined }>({
    axis,
    view: undefined,
  });
  useEffect(() => {
    const key = token === null ? null : printKey({ kind: "token", token });
    const span = key === null ? -1 : data.keys.indexOf(key);
    const [from, to] = axis === "time" ? [data.start_ms, data.end_ms] : [data.from_mj, data.to_mj];
    const room = span < 0 ? 0 : (to[span]! - from[span]!) * 0.05;
    setZoom({ axis, view: room > 0 ? [from[span]! - room, to[span]! + room] : undefined });
  }, [data, axis, token]);
  const view = zoom.axis === axis ? zoom.view : undefined;
  return [view, (next: Range | undefined) => setZoom({ axis, view: next })] as const;
}
