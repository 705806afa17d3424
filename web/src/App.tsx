// SPDX-License-Identifier: MIT
// What is around every view: navigation, switches, keyboard, dialogs, the live region.

import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useState, type ReactNode } from "react";
import { QuietContext } from "./charts/base/hooks";
import { useFeed, useLiveValue } from "./live/feed";
import { setPreferences, usePreferences } from "./state/preferences";
import { printFragment } from "./state/url";
import { setView, useView } from "./state/view";
import { announce, LiveRegion } from "./ui/announce";
import { useActions, type Action } from "./ui/actions";
import { Help } from "./ui/Help";
import { Palette } from "./ui/Palette";
import { EnergySwitch, switchEnergy, THEMES, ThemeSwitch } from "./ui/Switches";
import { TokenGate } from "./ui/TokenGate";
import { Undo } from "./views/history/Undo";
import { views, type View } from "./views/views";
import styles from "./App.module.css";

export function App({ client }: { readonly client: QueryClient }) {
  const name = useView((state) => state.view);
  const view = views.find((one) => one.name === name) ?? views[0]!;
  const [open, setOpen] = useState<"help" | "palette" | null>(null);
  useShellActions(setOpen);
  useEffect(() => {
    document.title = `${view.title} · Ergon`;
    announce(`${view.title} view`);
  }, [view]);
  return (
    <QueryClientProvider client={client}>
      <TokenGate>
        <a className={styles["skip"]} href="#main" onClick={toMain}>
          To the content
        </a>
        <Header view={view} open={setOpen} />
        <main id="main" className={styles["main"]} tabIndex={-1}>
          <Suspense fallback={<p aria-busy="true">Loading…</p>}>
            <Drawing>
              <view.Component />
            </Drawing>
          </Suspense>
        </main>
        <Undo />
        {open === "help" && <Help onClose={() => setOpen(null)} />}
        {open === "palette" && <Palette onClose={() => setOpen(null)} />}
        <LiveRegion />
      </TokenGate>
    </QueryClientProvider>
  );
}

/** In quiet mode no chart is drawn while a run goes on. */
function Drawing({ children }: { readonly children: ReactNode }) {
  const isRunning = useLiveValue((run) => run?.status === "running");
  const quiet = usePreferences((state) => state.quiet);
  return <QuietContext value={quiet && isRunning}>{children}</QuietContext>;
}

// A plain link to #main would take the place of the view's address.
function toMain(event: { preventDefault(): void }) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function useShellActions(setOpen: (which: "help" | "palette") => void) {
  const actions: Action[] = [
    ...views.map((view) => ({
      id: `view-${view.name}`,
      title: `Go to ${view.title}`,
      keys: [view.keys],
      group: "Everywhere",
      listed: true,
      run: () => setView({ view: view.name }, "push"),
    })),
    {
      id: "help",
      title: "Keyboard help",
      keys: ["?"],
      group: "Everywhere",
      listed: true,
      run: () => setOpen("help"),
    },
    {
      id: "palette",
      title: "Commands",
      keys: ["Ctrl+k"],
      group: "Everywhere",
      run: () => setOpen("palette"),
    },
    {
      id: "net",
      title: "Gross or net energy",
      group: "Everywhere",
      listed: true,
      run: switchEnergy,
    },
    {
      id: "quiet",
      title: "Quiet mode on or off",
      group: "Everywhere",
      listed: true,
      run: switchQuiet,
    },
    ...THEMES.map((theme) => ({
      id: `theme-${theme}`,
      title: `Theme: ${theme}`,
      group: "Everywhere",
      listed: true,
      run: () => setPreferences({ theme }),
    })),
  ];
  useActions(actions);
}

function switchQuiet() {
  setPreferences({ quiet: !usePreferences.getState().quiet });
}

function Header({
  view,
  open,
}: {
  readonly view: View;
  readonly open: (which: "help" | "palette") => void;
}) {
  return (
    <header className={styles["header"]}>
      <span className={styles["brand"]}>
        <img src="/favicon.svg" alt="" width="20" height="20" /> Ergon
      </span>
      <nav aria-label="Views" className={styles["nav"]}>
        {views.map((one) => (
          <ViewLink key={one.name} view={one} current={one === view} />
        ))}
      </nav>
      <div className={styles["switches"]}>
        <Connection />
        <EnergySwitch />
        <QuietSwitch />
        <ThemeSwitch />
        <a className="button" href="/guide.html" target="_blank" rel="noreferrer">
          Guide
        </a>
        <button
          type="button"
          onClick={() => open("palette")}
          aria-label="Commands"
          title="Commands (Ctrl+K)"
        >
          ⌘
        </button>
        <button
          type="button"
          onClick={() => open("help")}
          aria-label="Keyboard help"
          title="Keyboard help (?)"
        >
          ?
        </button>
      </div>
    </header>
  );
}

function ViewLink({ view, current }: { readonly view: View; readonly current: boolean }) {
  const href = useView((state) => printFragment({ ...state, view: view.name }));
  return (
    <a
      href={href}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        setView({ view: view.name }, "push");
      }}
    >
      {view.title}
    </a>
  );
}

const CONNECTION = {
  connecting: { mark: "◌", says: "connecting" },
  open: { mark: "●", says: "connected" },
  lost: { mark: "○", says: "no connection, trying again" },
} as const;

function Connection() {
  const state = useFeed((feed) => feed.state);
  const { mark, says } = CONNECTION[state];
  return (
    <span
      className={styles["connection"]}
      data-state={state}
      title="The stream of live values from the server"
    >
      <span aria-hidden="true">{mark}</span> {says}
    </span>
  );
}

function QuietSwitch() {
  const quiet = usePreferences((state) => state.quiet);
  return (
    <button
      type="button"
      aria-pressed={quiet}
      onClick={switchQuiet}
      title="Draw nothing until a run ends, so that this page stays out of the measurement"
    >
      quiet
    </button>
  );
}
