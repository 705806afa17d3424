// SPDX-License-Identifier: MIT
// The run from beginning to end: phases, and in them sections, or tokens down to operations.

import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { queries } from "../../api/queries";
import type { Phase } from "../../api/schema";
import type { ChartHandle } from "../../charts/base/CanvasChart";
import { CanvasTimeline } from "../../charts/CanvasTimeline";
import { timelineTable } from "../../charts/timeline";
import { timelineData } from "../../charts/timelineData";
import { setView, useView } from "../../state/view";
import { ImageButtons } from "../../ui/ImageButtons";
import { Panel, READY } from "../../ui/Panel";
import { Choice } from "./Choice";
import { chosenTime, selectTime, timeOfPhase, toggleCell, tokensOfPhase } from "./model/selection";
import { parseKey, sectionTimeline, tokenTimeline } from "./model/timeline";
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
    enabled: lanes === "tokens" && token !== null,
    ...lasting(report),
  });
  const operations = (token !== null && inside.data?.operations) || NONE;
  const data = useMemo(() => {
    const { lanes: names, spans } = lanes === "sections" ? sectionTimeline(pipeline) : tokenTimeline(pipeline, tokens, operations);
    return timelineData(names, spans);
  }, [lanes, pipeline, tokens, operations]);
  const handle = useRef<ChartHandle>(null);
  const activate = (span: number) => {
    const key = data.keys[span];
    const what = key === undefined ? null : parseKey(key);
    if (!what) return;
    if (what.kind === "token") select({ token: what.token, time: null });
    else if (what.kind === "cell") select(toggleCell(selection, what.layer, what.component));
    else select(tokensOfPhase(tokens, what.phase as Phase) ?? timeOfPhase(pipeline.phases, what.phase as Phase));
  };
  const selected = axis === "time" ? chosenTime(selection, tokens) : null;
  return (
    <Panel
      title="Pipeline"
      table={() => timelineTable(data)}
      state={pipeline.phases.length ? READY : { kind: "empty", says: "The run ended before its first phase." }}
      source={
        lanes === "sections"
          ? "In prefill and decode a section is the sum of its pieces in all passes, drawn side by side; click to zoom in, Esc to go back."
          : "Click a token to see what its pass did; Esc goes back."
      }
      actions={
        <>
          <Choice label="Width" value={axis} options={powered ? ["time", "energy"] : ["time"]} onChoose={(to) => setView({ axis: to })} />
          <Choice label="Below phases" value={lanes} options={["sections", "tokens"]} onChoose={(to) => setView({ lanes: to })} />
          <ImageButtons chart={handle} name={`${id}-pipeline`} />
        </>
      }
    >
      <CanvasTimeline
        data={data}
        width={axis}
        label={`Pipeline of the run, width is ${axis}, colour is energy`}
        selected={selected}
        handle={handle}
        onActivate={activate}
        onBrush={axis === "time" ? ([from, to]) => select(selectTime(from, to)) : undefined}
      />
    </Panel>
  );
}
