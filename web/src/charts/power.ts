// SPDX-License-Identifier: MIT
// Power samples as the lines of a chart.

import type { Phase } from "../api/schema";
import { DOMAIN_TITLE, PHASE_TITLE } from "../format/names";
import { quantities } from "../format/units";
import { DOMAINS, type Domain } from "./base/palette";
import type { SeriesData } from "./series";

export interface PowerData {
  /** Ascending. */
  readonly timestamp_ms: ArrayLike<number>;
  /** mW per sample, null or NaN in a gap; a domain without a sensor is absent. */
  readonly power_mw: Partial<Record<Domain, ArrayLike<number | null>>>;
  readonly phases?: readonly {
    readonly phase: Phase;
    readonly start_ms: number;
    readonly end_ms: number;
  }[];
  readonly idle_mw?: number | null;
  /** Samples taken, when fewer were sent (lowest and highest of each interval kept). */
  readonly taken?: number;
}

function peakOf(times: ArrayLike<number>, power: ArrayLike<number | null> | undefined) {
  if (!power) return null;
  let best = -1;
  for (let i = 0; i < power.length; i++) {
    const value = power[i];
    if (value != null && Number.isFinite(value) && (best < 0 || value > power[best]!)) best = i;
  }
  return best < 0 ? null : { label: "peak", x: times[best]!, y: power[best]! };
}

export function powerSeries(data: PowerData): SeriesData {
  const { timestamp_ms: x, power_mw, phases, idle_mw, taken } = data;
  const known = DOMAINS.filter((domain) => power_mw[domain]);
  const peak = peakOf(x, power_mw.total);
  return {
    // one domain alone is the total
    series: known
      .filter((domain) => domain !== "total" || known.length !== 2)
      .map((domain) => ({
        name: DOMAIN_TITLE[domain],
        x,
        y: power_mw[domain]!,
        style: { domain },
      })),
    xQuantity: quantities.time,
    yQuantity: quantities.power,
    bands: (phases ?? []).map(({ phase, start_ms, end_ms }) => ({
      label: PHASE_TITLE[phase],
      phase,
      from: start_ms,
      to: end_ms,
    })),
    levels: idle_mw == null ? [] : [{ label: "idle", value: idle_mw }],
    marks: peak ? [peak] : [],
    decimated: taken === undefined ? undefined : { shown: x.length, taken },
  };
}
