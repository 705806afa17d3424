// SPDX-License-Identifier: MIT

import { useLive } from "../../live/feed";
import { Panel } from "../../ui/Panel";

export function Live() {
  const { run } = useLive();
  return <Panel title="Run">{run ? `${run.id}: ${run.status}` : "No run is going on."}</Panel>;
}
