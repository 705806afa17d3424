// SPDX-License-Identifier: MIT

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState, type FormEvent } from "react";
import { actions } from "../../api/queries";
import type { RunSummary } from "../../api/schema";
import { announce } from "../../ui/announce";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Panel";
import { parseTags, runTitle, wrongLabels } from "./model/run";
import styles from "./Dialogs.module.css";

interface Props {
  readonly run: RunSummary;
  readonly onClose: () => void;
}

export function LabelDialog({ run, onClose }: Props) {
  const client = useQueryClient();
  const id = useId();
  const [tags, setTags] = useState(run.tags.join("\n"));
  const [experiment, setExperiment] = useState(run.experiment_name ?? "");
  const save = useMutation({
    mutationFn: () =>
      actions.label(run.id, { tags: parseTags(tags), experiment_name: experiment.trim() || null }),
    onSuccess: async () => {
      await Promise.all(["runs", "run", "store"].map((key) => client.invalidateQueries({ queryKey: [key] })));
      announce("Labels saved");
      onClose();
    },
  });
  const wrong = wrongLabels(parseTags(tags), experiment.trim());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wrong === null) save.mutate();
  };
  return (
    <Dialog title={`Labels of ${runTitle(run)}`} onClose={onClose}>
      <form className={styles["form"]} onSubmit={submit}>
        <label htmlFor={`${id}-tags`}>Tags, one per line</label>
        <textarea
          id={`${id}-tags`}
          rows={4}
          dir="auto"
          value={tags}
          aria-invalid={wrong !== null}
          aria-describedby={wrong === null ? undefined : `${id}-wrong`}
          onChange={(event) => setTags(event.target.value)}
        />
        <label htmlFor={`${id}-experiment`}>Experiment</label>
        <input
          id={`${id}-experiment`}
          dir="auto"
          value={experiment}
          onChange={(event) => setExperiment(event.target.value)}
        />
        {wrong !== null && (
          <p id={`${id}-wrong`} className={styles["wrong"]} role="alert">
            {wrong}
          </p>
        )}
        {save.isError && <Failure error={save.error} />}
        <div className={styles["buttons"]}>
          <button type="submit" className="primary" disabled={wrong !== null || save.isPending}>
            Save
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
