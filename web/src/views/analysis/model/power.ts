// SPDX-License-Identifier: MIT
// Power samples of a whole run, with those of a part of it in place of the fewer that were kept there.

import type { Power } from "../../../api/schema";

type Samples = Power["samples"];
type Column = (number | null)[];

/** `part` has the samples from `from` to `to`, ms. What only one of the two knows is null elsewhere. */
export function refined(whole: Power, part: Power | undefined, from: number, to: number): Power {
  if (!part || part.samples.timestamp_ms.length === 0) return whole;
  const times = whole.samples.timestamp_ms;
  const before = times.filter((ms) => ms < from).length;
  const after = times.filter((ms) => ms <= to).length;
  const names = new Set([...Object.keys(whole.samples), ...Object.keys(part.samples)]) as Set<keyof Samples>;
  const columnOf = ({ samples }: Power, name: keyof Samples): Column =>
    samples[name] ?? samples.timestamp_ms.map(() => null);
  const samples = Object.fromEntries(
    [...names].map((name) => {
      const column = columnOf(whole, name);
      return [name, [...column.slice(0, before), ...columnOf(part, name), ...column.slice(after)]];
    }),
  ) as unknown as Samples;
  return { ...whole, samples, returned: samples.timestamp_ms.length };
}
