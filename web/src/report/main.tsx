// SPDX-License-Identifier: MIT
// A run, or a comparison, as one file: its view, answered from the data inside the file.

import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { answerFrom } from "../api/client";
import { makeQueryClient } from "../api/queries";
import { bindTheme } from "../state/preferences";
import { bindUrl } from "../state/url";
import { setView, useView } from "../state/view";
import { bindKeys, useActions } from "../ui/actions";
import { LiveRegion } from "../ui/announce";
import { Help } from "../ui/Help";
import { EnergySwitch, ThemeSwitch } from "../ui/Switches";
import { Analysis } from "../views/analysis/Analysis";
import { Compare } from "../views/compare/Compare";
import { partsOf, reportTransport } from "./answers";
import styles from "./report.module.css";
import "../theme.css";
import "../base.css";

/** What the exporter says about the file. */
interface About {
  readonly runs: readonly string[];
  /** The groups of a comparison; of the report of a run there are none. */
  readonly compare: readonly string[];
  readonly version: string;
  /** Texts of prompt, answer and tokens were left out. */
  readonly without_text: boolean;
}

function Report({ client, about }: { readonly client: QueryClient; readonly about: About }) {
  const [help, setHelp] = useState(false);
  useActions([
    {
      id: "help",
      title: "Keyboard help",
      keys: ["?"],
      group: "Everywhere",
      run: () => setHelp(true),
    },
  ]);
  const run = useView((state) => state.run);
  useEffect(() => {
    document.title = about.compare.length
      ? `Ergon: ${about.compare.join(", ")}`
      : `Ergon: run ${run ?? about.runs[0]}`;
  }, [run, about]);
  return (
    <QueryClientProvider client={client}>
      <header className={styles["header"]}>
        <strong>Ergon</strong>
        <span className={styles["about"]}>
          report of ergon {about.version}
          {about.without_text && "; prompt, answer and the texts of tokens were left out"}
        </span>
        <div className={styles["switches"]}>
          <EnergySwitch />
          <ThemeSwitch />
          <button
            type="button"
            onClick={() => setHelp(true)}
            aria-label="Keyboard help"
            title="Keyboard help (?)"
          >
            ?
          </button>
        </div>
      </header>
      <main className={styles["main"]}>
        {about.compare.length ? <Compare /> : <Analysis />}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
      <LiveRegion />
    </QueryClientProvider>
  );
}

function start(root: HTMLElement): void {
  const about = JSON.parse(document.getElementById("about")?.textContent ?? "null") as About | null;
  bindTheme(window);
  if (!about?.runs[0]) {
    root.textContent = "This report holds no run.";
    return;
  }
  answerFrom(reportTransport(partsOf(document)));
  bindUrl(window);
  const { run, view } = useView.getState();
  if (about.compare.length) setView({ view: "compare", runs: about.compare, standing: about.runs });
  else if (view !== "analysis" || !run || !about.runs.includes(run))
    setView({ view: "analysis", run: about.runs[0] });
  bindKeys(window);
  createRoot(root).render(
    <StrictMode>
      <Report client={makeQueryClient()} about={about} />
    </StrictMode>,
  );
}

const root = document.getElementById("root");
if (root) start(root);
