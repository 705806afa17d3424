// SPDX-License-Identifier: MIT
// What is being deleted, with the way back.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { announce } from "../../ui/announce";
import { useActions } from "../../ui/actions";
import { bindDeletions, deletions } from "./deletions";
import { UNDO_MS } from "./model/deletions";
import styles from "./Undo.module.css";

export function Undo() {
  const client = useQueryClient();
  useEffect(() => bindDeletions(window, client), [client]);
  const { deletions: all, failure } = deletions.use();
  const open = all.filter((each) => !each.sent);
  const last = open[open.length - 1];
  const undo = (id: string, label: string) => {
    if (deletions.undo(id)) announce(`${label} is kept`);
  };
  useActions(
    last
      ? [
          {
            id: "undo",
            title: `Undo deleting ${last.label}`,
            keys: ["u"],
            group: "History",
            listed: true,
            run: () => undo(last.id, last.label),
          },
        ]
      : [],
  );
  if (open.length === 0 && !failure) return null;
  return (
    <section aria-label="Deletions" className={styles["notices"]}>
      {failure && (
        <p role="alert">
          <span>
            <strong>{failure.label}</strong> was not deleted: {failure.reason}
          </span>
          <button type="button" onClick={deletions.forgetFailure}>
            Close
          </button>
        </p>
      )}
      {open.map(({ id, label }) => (
        <p key={id} role="status">
          <span>
            <strong>{label}</strong> is deleted in {UNDO_MS / 1000} seconds, or when you leave.
          </span>
          <button type="button" onClick={() => undo(id, label)}>
            Undo
          </button>
        </p>
      ))}
    </section>
  );
}
