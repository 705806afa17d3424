// SPDX-License-Identifier: MIT
// The table twin of a chart, a page at a time. Numbers are those that were drawn, unrounded.

import { useState } from "react";
import { visibleText } from "../format/names";
import { UNKNOWN } from "../format/units";
import styles from "./DataTable.module.css";

export type Cell = string | number | null;

export interface Table {
  readonly columns: readonly { readonly label: string; readonly numeric: boolean }[];
  readonly rows: readonly (readonly Cell[])[];
}

const PAGE = 50;

export function cellText(cell: Cell | undefined): string {
  return cell === null || cell === undefined || Number.isNaN(cell)
    ? UNKNOWN
    : visibleText(String(cell));
}

export function DataTable({ table, caption }: { readonly table: Table; readonly caption: string }) {
  const [page, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(table.rows.length / PAGE));
  const now = Math.min(page, pages - 1);
  const first = now * PAGE;
  const rows = table.rows.slice(first, first + PAGE);
  return (
    <div className={styles["box"]}>
      <div className={styles["scroll"]} tabIndex={0} role="region" aria-label={`${caption}, table`}>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              {table.columns.map((column, i) => (
                <th key={i} scope="col" data-numeric={column.numeric || undefined}>
                  {column.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={first + i}>
                {table.columns.map((column, j) =>
                  j === 0 ? (
                    <th key={j} scope="row">
                      {cellText(row[j])}
                    </th>
                  ) : (
                    <td key={j} data-numeric={column.numeric || undefined}>
                      {cellText(row[j])}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {table.rows.length === 0 && <p className={styles["none"]}>No rows.</p>}
      {pages > 1 && (
        <nav className={styles["pages"]} aria-label={`Pages of ${caption}`}>
          <button type="button" disabled={now === 0} onClick={() => setPage(now - 1)}>
            Previous
          </button>
          <span>
            rows {first + 1}–{first + rows.length} of {table.rows.length}
          </span>
          <button type="button" disabled={now === pages - 1} onClick={() => setPage(now + 1)}>
            Next
          </button>
        </nav>
      )}
    </div>
  );
}
