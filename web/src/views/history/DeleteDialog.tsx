// SPDX-License-Identifier: MIT

import type { RunSummary } from "../../api/schema";
import { visibleText } from "../../format/names";
import { formatCount, formatEnergy, formatTime } from "../../format/units";
import { setView, useView } from "../../state/view";
import { Dialog } from "../../ui/Dialog";
import { deletions } from "./deletions";
import { UNDO_MS } from "./model/deletions";
import { promptPreview, runTitle } from "./model/run";
import styles from "./Dialogs.module.css";

interface Props {
  readonly run: RunSummary;
  readonly onClose: () => void;
}

export function DeleteDialog({ run, onClose }: Props) {
  const remove = () => {
    deletions.add(run.id, runTitle(run));
    const { runs } = useView.getState();
    if (runs.includes(run.id)) setView({ runs: runs.filter((each) => each !== run.id) });
    onClose();
  };
  return (
    <Dialog title="Delete this run?" onClose={onClose}>
      <dl className={styles["facts"]}>
        <dt>Run</dt>
        <dd>{run.id}</dd>
        <dt>Model</dt>
        <dd>
          <bdi>{visibleText(run.model_name)}</bdi>
        </dd>
        <dt>Prompt</dt>
        <dd>
          <bdi>{promptPreview(run.prompt)}</bdi>
        </dd>
        <dt>Holds</dt>
        <dd>
          {formatCount(run.output_tokens)} generated tokens, {formatTime(run.total_duration_ms)},{" "}
          {formatEnergy(run.total_energy_mj)}
        </dd>
      </dl>
      <p>All that was measured of it goes. You can undo it for {UNDO_MS / 1000} seconds.</p>
      <div className={styles["buttons"]}>
        <button type="button" className={styles["danger"]} onClick={remove}>
          Delete
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
