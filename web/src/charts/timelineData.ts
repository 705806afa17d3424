// SPDX-License-Identifier: MIT
// Spans of a run in lanes, as columns, with a second position for "width = energy".

import { upperBound } from "./base/search";

/**
 * One span as a view hands it over. Lane 0 is at the top; a span lies within one of the lane above.
 */
export interface Span {
  readonly lane: number;
  readonly name: string;
  readonly start_ms: number;
  readonly end_ms: number;
  /** null when there is no power source. */
  readonly energy_mj: number | null;
  /** What the view knows it by. */
  readonly key?: string;
}

/** Sorted by lane, then start. Spans of lane k are those from first[k] to first[k + 1]. */
export interface TimelineData {
  readonly lanes: readonly string[];
  readonly first: readonly number[];
  readonly names: readonly string[];
  readonly name: Uint32Array;
  readonly keys: readonly (string | undefined)[];
  readonly start_ms: Float64Array;
  readonly end_ms: Float64Array;
  /** NaN when not known. */
  readonly energy_mj: Float64Array;
  /**
   * Positions on an axis of energy on which children lie within their parents; empty without
   * energies.
   */
  readonly from_mj: Float64Array;
  readonly to_mj: Float64Array;
}

/**
 * A section as the server gives it: in prefill and decode the sum of pieces that need not be
 * contiguous.
 */
export interface Section {
  readonly name: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly duration_ms: number;
  readonly energy_mj: number | null;
}

/**
 * The sections of one phase as spans. Where they are pieces of many passes and so overlap, they are
 * laid side by side from the phase's start, each as wide as it took; what they leave of the phase
 * stays empty at its end.
 */
export function sectionSpans(
  lane: number,
  phaseStart: number,
  sections: readonly Section[],
): Span[] {
  const ordered = [...sections].sort((a, b) => a.start_ms - b.start_ms);
  const overlap = ordered.some((section, i) => i > 0 && section.start_ms < ordered[i - 1]!.end_ms);
  let at = phaseStart;
  return ordered.map(({ name, start_ms, end_ms, duration_ms, energy_mj }) => {
    const start = overlap ? at : start_ms;
    at += duration_ms;
    return { lane, name, start_ms: start, end_ms: overlap ? at : end_ms, energy_mj };
  });
}

export function timelineData(lanes: readonly string[], spans: readonly Span[]): TimelineData {
  const sorted = spans
    .filter((span) => span.lane >= 0 && span.lane < lanes.length && span.end_ms >= span.start_ms)
    .sort((a, b) => a.lane - b.lane || a.start_ms - b.start_ms || b.end_ms - a.end_ms);
  const dictionary = new Map<string, number>();
  const indexOf = (name: string) => {
    const known = dictionary.get(name);
    if (known !== undefined) return known;
    dictionary.set(name, dictionary.size);
    return dictionary.size - 1;
  };
  const lane = sorted.map((span) => span.lane);
  const data = {
    lanes,
    first: Array.from({ length: lanes.length + 1 }, (_, k) => upperBound(lane, k - 1)),
    name: Uint32Array.from(sorted, (span) => indexOf(span.name)),
    names: [...dictionary.keys()],
    keys: sorted.map((span) => span.key),
    start_ms: Float64Array.from(sorted, (span) => span.start_ms),
    end_ms: Float64Array.from(sorted, (span) => span.end_ms),
    energy_mj: Float64Array.from(sorted, (span) => span.energy_mj ?? Number.NaN),
  };
  return { ...data, ...energyPositions(data) };
}

type Timed = Pick<TimelineData, "first" | "start_ms" | "end_ms" | "energy_mj">;

/**
 * Lays spans side by side along an axis of energy. A span begins where its earlier siblings end;
 * what its children leave of a parent (its unattributed share) stays empty at the parent's end.
 * Children that claim more than their parent has are scaled down to it. A span whose energy is not
 * known has no width.
 */
export function energyPositions(data: Timed): { from_mj: Float64Array; to_mj: Float64Array } {
  const count = data.start_ms.length;
  const from = new Float64Array(count);
  const to = new Float64Array(count);
  for (let lane = 0; lane + 1 < data.first.length; lane++) {
    let i = data.first[lane]!;
    let free = 0;
    while (i < data.first[lane + 1]!) {
      const parent = lane === 0 ? -1 : parentOf(data, lane - 1, i);
      const last = siblingsEnd(data, lane, i, parent);
      if (parent >= 0) free = Math.max(free, from[parent]!);
      free = placeSiblings(data, from, to, i, last, free, parent >= 0 ? to[parent]! : Infinity);
      if (parent >= 0) free = to[parent]!;
      i = last;
    }
  }
  return { from_mj: from, to_mj: to };
}

// The innermost span above which contains the middle of span i, or -1.
function parentOf(data: Timed, lane: number, i: number): number {
  const middle = (data.start_ms[i]! + data.end_ms[i]!) / 2;
  for (let above = lane; above >= 0; above--) {
    const at = upperBound(data.start_ms, middle, data.first[above]!, data.first[above + 1]!) - 1;
    if (at >= data.first[above]! && middle <= data.end_ms[at]!) return at;
  }
  return -1;
}

function siblingsEnd(data: Timed, lane: number, first: number, parent: number): number {
  let last = first + 1;
  if (parent < 0) {
    while (last < data.first[lane + 1]! && lane > 0 && parentOf(data, lane - 1, last) < 0) last++;
    return lane === 0 ? data.first[1]! : last;
  }
  const end = data.end_ms[parent]!;
  while (last < data.first[lane + 1]! && (data.start_ms[last]! + data.end_ms[last]!) / 2 <= end)
    last++;
  return last;
}

function placeSiblings(
  data: Timed,
  from: Float64Array,
  to: Float64Array,
  first: number,
  last: number,
  start: number,
  end: number,
): number {
  let sum = 0;
  for (let i = first; i < last; i++) sum += known(data.energy_mj[i]!);
  const scale = sum > end - start && sum > 0 ? Math.max(0, end - start) / sum : 1;
  let at = start;
  for (let i = first; i < last; i++) {
    from[i] = at;
    at = Math.min(end, at + known(data.energy_mj[i]!) * scale);
    to[i] = at;
  }
  return at;
}

function known(energy: number): number {
  return energy > 0 ? energy : 0;
}
