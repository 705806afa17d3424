// SPDX-License-Identifier: MIT
// What belongs to the person and not to the view: kept by this browser, in no link.

import { create } from "zustand";

export type ThemeChoice = "light" | "dark" | "system";

export interface Preferences {
  readonly theme: ThemeChoice;
  /** Nothing is drawn while a run goes on, so that the browser stays out of the measurement. */
  readonly quiet: boolean;
}

const KEY = "ergon.preferences";

function stored(): Preferences {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Record<keyof Preferences, unknown>>;
    return {
      theme: found.theme === "light" || found.theme === "dark" ? found.theme : "system",
      quiet: found.quiet === true,
    };
  } catch {
    return { theme: "system", quiet: false };
  }
}

export const usePreferences = create<Preferences>(() => stored());

export function setPreferences(change: Partial<Preferences>): void {
  usePreferences.setState(change);
  try {
    localStorage.setItem(KEY, JSON.stringify(usePreferences.getState()));
  } catch {
    // storage may be off; the choice then lasts as long as the page
  }
}

/** Sets `data-theme` on <html> to light or dark, following the choice and the system. */
export function bindTheme(window: Window): () => void {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme } = usePreferences.getState();
    window.document.documentElement.dataset["theme"] =
      theme === "system" ? (system.matches ? "dark" : "light") : theme;
  };
  apply();
  const stop = usePreferences.subscribe(apply);
  system.addEventListener("change", apply);
  return () => {
    stop();
    system.removeEventListener("change", apply);
  };
}
