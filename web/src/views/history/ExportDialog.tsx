// SPDX-License-Identifier: MIT

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { apiUrl } from "../../api/client";
import { queries } from "../../api/queries";
import type { RunSummary } from "../../api/schema";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Panel";
import { runTitle } from "./model/run";
import styles from "./Dialogs.module.css";

interface Props {
  readonly run: RunSummary;
  readonly onClose: () => void;
}

/** Where the server has a run in a format. */
export function exportUrl(id: string, format: string, table?: string): string {
  return apiUrl(`/export/${encodeURIComponent(id)}`, { format, table: format === "csv" ? table : undefined });
}

export function ExportDialog({ run, onClose }: Props) {
  const capabilities = useQuery(queries.capabilities());
  const [table, setTable] = useState("components");
  return (
    <Dialog title={`Export ${runTitle(run)}`} onClose={onClose}>
      {capabilities.isError && <Failure error={capabilities.error} retry={() => void capabilities.refetch()} />}
      {capabilities.isPending && <p aria-busy="true">Loading…</p>}
      <ul className={styles["formats"]}>
        {capabilities.data?.formats.map(({ name, summary }) => (
          <li key={name}>
            <a className="button" href={exportUrl(run.id, name, table)} download>
              {name}
            </a>
            <span>{summary}</span>
            {name === "csv" && (
              <select aria-label="Table of the CSV file" value={table} onChange={(event) => setTable(event.target.value)}>
                {capabilities.data.tables.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
