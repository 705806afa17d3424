// SPDX-License-Identifier: MIT
// What the panels of a run add up: gross energy, energy above idle, or time.

import { quantities, type Quantity } from "../../../format/units";

export type MeasureName = "gross" | "net" | "time";

export interface Costed {
  readonly energy_mj: number | null;
  readonly duration_ms: number;
}

export interface Measure {
  readonly name: MeasureName;
  readonly quantity: Quantity;
  /** mJ or ms; null where nothing is known. Adds up: of a whole it is the sum of its parts. */
  of(row: Costed): number | null;
}

const TIME: Measure = { name: "time", quantity: quantities.time, of: (row) => row.duration_ms };
const GROSS: Measure = { name: "gross", quantity: quantities.energy, of: (row) => row.energy_mj };

/** mW × ms = µJ. */
export const idleEnergy = (idle_mw: number, duration_ms: number): number =>
  (idle_mw * duration_ms) / 1000;

/**
 * Energy above idle leaves out idle power × time. It is negative where the machine drew less than it
 * did when idle was measured.
 */
function net(idle_mw: number): Measure {
  return {
    name: "net",
    quantity: quantities.energyNamed("energy above idle"),
    of: (row) =>
      row.energy_mj === null ? null : row.energy_mj - idleEnergy(idle_mw, row.duration_ms),
  };
}

/** Net falls back to gross where idle power was not measured, and energy to time where there is none. */
export function measureOf(
  wanted: MeasureName,
  run: { readonly total_energy_mj: number | null; readonly idle_power_mw: number | null },
): Measure {
  if (wanted === "time" || run.total_energy_mj === null) return TIME;
  return wanted === "net" && run.idle_power_mw !== null ? net(run.idle_power_mw) : GROSS;
}
