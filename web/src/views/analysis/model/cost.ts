// SPDX-License-Identifier: MIT
// What energy costs and emits, by a region's figures.

export interface GridFigures {
  readonly g_per_kwh: number;
  readonly usd_per_kwh: number;
}

export interface Footprint {
  readonly usd: number;
  readonly co2_g: number;
}

const MJ_PER_KWH = 3_600_000_000; // millijoules

/** null where the energy is not known. */
export function footprint(energy_mj: number | null, grid: GridFigures): Footprint | null {
  if (energy_mj === null) return null;
  const kwh = energy_mj / MJ_PER_KWH;
  return { usd: kwh * grid.usd_per_kwh, co2_g: kwh * grid.g_per_kwh };
}

/** Of 1 000 generated tokens, prompt included, as J/token counts; null without tokens or energy. */
export function perThousandTokens(
  energy_mj: number | null,
  output_tokens: number,
  grid: GridFigures,
): Footprint | null {
  return energy_mj === null || output_tokens <= 0
    ? null
    : footprint((energy_mj * 1000) / output_tokens, grid);
}
