// SPDX-License-Identifier: MIT
// A run as a file, or in Perfetto.

import { useEffect, useRef, useState } from "react";
import { apiUrl, request } from "../../api/client";
import { messageOf } from "../../ui/Panel";
import { openInPerfetto } from "./perfetto";
import { useRun } from "./useRun";
import styles from "./ExportMenu.module.css";

const FORMATS: readonly (readonly [format: string, title: string, says: string])[] = [
  ["html", "Report", "this view as one file, which needs no server"],
  ["json", "JSON", "everything, nested, with exact nanojoules"],
  ["csv", "CSV", "one row per pass, layer and component"],
  ["csv.zip", "CSV, all tables", "runs, sections, tokens, layers, components, operations …"],
  ["perfetto", "Perfetto trace", "for ui.perfetto.dev and trace_processor"],
  ["chrome", "Chrome trace", "for Chrome's tracing tools"],
  ["speedscope", "Flame graphs", "for speedscope.app"],
  ["erg", "Recording", "for 'ergon import' on another machine"],
  ["sqlite", "SQLite", "a database of this one run"],
];

export function ExportMenu() {
  const { id, report } = useRun();
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const menu = useRef<HTMLDetailsElement>(null);
  useClosing(menu);
  const path = `/export/${encodeURIComponent(id)}`;
  const load = async () =>
    (await request(path, { params: { format: "perfetto" }, accept: "*/*" })).arrayBuffer();
  const perfetto = () => {
    setTrouble(null);
    setBusy(true);
    openInPerfetto(load, `${report.model_name} ${id}`)
      .catch((error: unknown) => setTrouble(messageOf(error)))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <button
        type="button"
        onClick={perfetto}
        disabled={busy}
        title="Opens ui.perfetto.dev in a new tab and hands the trace over to it. It is the only other site this page ever opens; the trace stays in this browser."
      >
        {busy ? "Opening Perfetto…" : "Open in Perfetto ↗"}
      </button>
      <details ref={menu} className={styles["menu"]}>
        <summary className="button">Export</summary>
        <ul className={styles["list"]}>
          {FORMATS.map(([format, title, says]) => (
            <li key={format}>
              <a href={apiUrl(path, { format })} download>
                <strong>{title}</strong>
                <span>{says}</span>
              </a>
            </li>
          ))}
        </ul>
      </details>
      {trouble && (
        <p role="alert" className={styles["trouble"]}>
          {trouble}
        </p>
      )}
    </>
  );
}

/** Closes on Escape, on a choice, and when something else is clicked. */
function useClosing(menu: React.RefObject<HTMLDetailsElement | null>): void {
  useEffect(() => {
    const element = menu.current;
    const close = () => element?.removeAttribute("open");
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !element?.open) return;
      event.stopPropagation();
      close();
      element.querySelector("summary")?.focus();
    };
    const onClick = (event: MouseEvent) => {
      const target = event.target as Element;
      if (!element?.contains(target) || target.closest("a")) close();
    };
    element?.addEventListener("keydown", onKey);
    document.addEventListener("click", onClick);
    return () => {
      element?.removeEventListener("keydown", onKey);
      document.removeEventListener("click", onClick);
    };
  }, [menu]);
}
