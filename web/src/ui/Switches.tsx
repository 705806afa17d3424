// SPDX-License-Identifier: MIT
// Switches that count for the whole page.

import { setPreferences, usePreferences, type ThemeChoice } from "../state/preferences";
import { setView, useView } from "../state/view";

export const THEMES: readonly ThemeChoice[] = ["light", "dark", "system"];

export function switchEnergy() {
  setView({ energy: useView.getState().energy === "gross" ? "net" : "gross" });
}

export function EnergySwitch() {
  const energy = useView((state) => state.energy);
  return (
    <button
      type="button"
      aria-pressed={energy === "net"}
      onClick={switchEnergy}
      title="Net: energies less what the machine draws when idle"
    >
      net
    </button>
  );
}

export function ThemeSwitch() {
  const theme = usePreferences((state) => state.theme);
  return (
    <select
      aria-label="Theme"
      value={theme}
      onChange={(event) => setPreferences({ theme: event.target.value as ThemeChoice })}
    >
      {THEMES.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
}
