// SPDX-License-Identifier: MIT
// Money and CO2 of runs at one place's price and carbon intensity, so that groups compare.

import type { RunSummary } from "../../../api/schema";

export interface Rates {
  readonly g_per_kwh: number;
  readonly usd_per_kwh: number;
}

export interface Price {
  readonly runs: number;
  readonly usd: number | null;
  readonly g: number | null;
  readonly usdPerThousandTokens: number | null;
  readonly gPerThousandTokens: number | null;
}

const MJ_PER_KWH = 3.6e9;

/** Averages of the runs of which the energy is known. */
export function priceOf(runs: readonly RunSummary[], rates: Rates): Price {
  const known = runs.filter((run) => run.total_energy_mj !== null);
  const mj = known.reduce((sum, run) => sum + run.total_energy_mj!, 0);
  const tokens = known.reduce((sum, run) => sum + run.output_tokens, 0);
  const kwhPerRun = known.length > 0 ? mj / MJ_PER_KWH / known.length : null;
  const kwhPerThousand = tokens > 0 ? (mj / MJ_PER_KWH / tokens) * 1000 : null;
  const at = (kwh: number | null, rate: number) => (kwh === null ? null : kwh * rate);
  return {
    runs: known.length,
    usd: at(kwhPerRun, rates.usd_per_kwh),
    g: at(kwhPerRun, rates.g_per_kwh),
    usdPerThousandTokens: at(kwhPerThousand, rates.usd_per_kwh),
    gPerThousandTokens: at(kwhPerThousand, rates.g_per_kwh),
  };
}
