// SPDX-License-Identifier: MIT
// Money and CO2 of runs at one place's price and carbon intensity, so that groups compare.

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
const J_PER_KWH = 3.6e6;

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/** Averages over the runs of a group; null where an energy is not known. */
export function priceOf(
  energiesMj: readonly (number | null)[],
  joulesPerToken: readonly (number | null)[],
  rates: Rates,
): Price {
  const [mj, joules] = [mean(energiesMj), mean(joulesPerToken)];
  const run = mj === null ? null : mj / MJ_PER_KWH;
  const thousand = joules === null ? null : (joules / J_PER_KWH) * 1000;
  const at = (kwh: number | null, rate: number) => (kwh === null ? null : kwh * rate);
  return {
    runs: energiesMj.filter((value) => value !== null).length,
    usd: at(run, rates.usd_per_kwh),
    g: at(run, rates.g_per_kwh),
    usdPerThousandTokens: at(thousand, rates.usd_per_kwh),
    gPerThousandTokens: at(thousand, rates.g_per_kwh),
  };
}
