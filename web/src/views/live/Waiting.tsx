// SPDX-License-Identifier: MIT
// Runs that wait behind the one that goes on.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { actions, queries } from "../../api/queries";
import { visibleText } from "../../format/names";
import { feed } from "../../live/feed";
import styles from "./Waiting.module.css";

export function Waiting() {
  const client = useQueryClient();
  const queue = useQuery(queries.queue());
  const cancel = useMutation({
    mutationFn: actions.cancel,
    onSettled: () => client.invalidateQueries({ queryKey: ["queue"] }),
  });
  useEffect(
    () => feed.onEnd(() => void client.invalidateQueries({ queryKey: ["queue"] })),
    [client],
  );
  const waiting = queue.data?.runs.filter((run) => run.status === "queued") ?? [];
  if (waiting.length === 0) return null;
  return (
    <section aria-label="Waiting runs" className={styles["waiting"]}>
      <h3>
        {waiting.length} {waiting.length === 1 ? "run waits" : "runs wait"}
      </h3>
      <ol>
        {waiting.map((run) => (
          <li key={run.run_id}>
            <span className={styles["what"]}>
              {run.model_name}: {visibleText(run.prompt)}
            </span>
            <button
              type="button"
              onClick={() => cancel.mutate(run.run_id)}
              aria-label={`Do not run ${run.run_id}`}
            >
              ✕
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
