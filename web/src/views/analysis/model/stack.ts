// SPDX-License-Identifier: MIT
// Layer × component matrices of all passes of a run, as one array that is sliced and summed here, so
// that moving through tokens asks the server for nothing.

import type { MatrixHead, MatrixPass } from "../../../api/schema";

/** Values of a metric: [pass][layer][component]; NaN where there is nothing, or nothing is known. */
export interface Stack {
  readonly head: MatrixHead;
  readonly values: Float32Array;
}

export const cellsOf = ({ layers, components }: MatrixHead): number =>
  layers.length * components.length;

/** The matrix of one pass: a view, nothing is copied. */
export function passMatrix({ head, values }: Stack, pass: number): Float32Array {
  const cells = cellsOf(head);
  return values.subarray(pass * cells, (pass + 1) * cells);
}

/** Row in `passes` of the pass that evaluated a token; -1 when there is none. */
export function passOfToken(passes: readonly MatrixPass[], token: number): number {
  let low = 0;
  let high = passes.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const pass = passes[middle]!;
    if (token < pass.first_token) high = middle - 1;
    else if (token >= pass.first_token + pass.tokens) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** Rows in `passes` of the passes that evaluated the tokens of a range; all of them for null. */
export function passesOfTokens(
  passes: readonly MatrixPass[],
  tokens: readonly [first: number, last: number] | null,
): number[] {
  const rows: number[] = [];
  passes.forEach((pass, row) => {
    if (!tokens || (pass.first_token <= tokens[1] && pass.first_token + pass.tokens > tokens[0]))
      rows.push(row);
  });
  return rows;
}

function fold(
  stack: Stack,
  rows: readonly number[],
  join: (held: number, value: number) => number,
): { values: Float64Array; counts: Uint32Array } {
  const cells = cellsOf(stack.head);
  const values = new Float64Array(cells).fill(Number.NaN);
  const counts = new Uint32Array(cells);
  for (const row of rows) {
    const at = row * cells;
    for (let i = 0; i < cells; i++) {
      const value = stack.values[at + i]!;
      if (Number.isNaN(value)) continue;
      values[i] = counts[i] ? join(values[i]!, value) : value;
      counts[i]!++;
    }
  }
  return { values, counts };
}

const add = (a: number, b: number): number => a + b;

/**
 * Several passes as one matrix, the way the metric says: sums, averages over the passes in which a
 * cell is known, the greatest, or energy over time (which needs both of these stacks).
 */
export function foldPasses(
  stack: Stack,
  rows: readonly number[],
  parts?: { readonly energy: Stack; readonly time: Stack },
): Float64Array {
  switch (stack.head.aggregate) {
    case "sum":
      return fold(stack, rows, add).values;
    case "max":
      return fold(stack, rows, Math.max).values;
    case "average": {
      const { values, counts } = fold(stack, rows, add);
      return values.map((value, i) => value / counts[i]!);
    }
    case "ratio": {
      if (!parts) return fold(stack, rows, add).values.fill(Number.NaN);
      const energy = fold(parts.energy, rows, add).values;
      const time = fold(parts.time, rows, add).values;
      // mJ / ms = W
      return energy.map((value, i) => (time[i]! > 0 ? (value / time[i]!) * 1000 : Number.NaN));
    }
  }
}

/** What the passes' cells leave of them: host work, and passes that were not taken apart. */
export function restOf(
  stack: Stack,
  rows: readonly number[],
  whole: (pass: MatrixPass) => number | null,
): { unattributed: number; notProfiled: number } {
  const rest = { unattributed: 0, notProfiled: 0 };
  for (const row of rows) {
    const pass = stack.head.passes[row]!;
    const total = whole(pass);
    if (total === null) continue;
    if (!pass.profiled) {
      rest.notProfiled += total;
      continue;
    }
    let inside = 0;
    for (const value of passMatrix(stack, row)) if (!Number.isNaN(value)) inside += value;
    rest.unattributed += total - inside;
  }
  return rest;
}

/**
 * Range of the values of passes of one phase, for colours that mean the same for every token. The
 * upper end leaves out the largest two percent, so that a few slow passes do not make all others
 * look alike; `clipped` says that something lies above it.
 */
export function colorRange(
  stack: Stack,
  rows: readonly number[],
): { range: readonly [number, number]; clipped: boolean } | null {
  const cells = cellsOf(stack.head);
  const known: number[] = [];
  // Enough cells for a quantile; every pass is looked at.
  const step = Math.max(1, Math.floor((rows.length * cells) / MANY));
  let most = -Infinity;
  let least = Infinity;
  let count = 0;
  for (const row of rows) {
    for (let i = row * cells; i < (row + 1) * cells; i++) {
      const value = stack.values[i]!;
      if (Number.isNaN(value)) continue;
      if (value > most) most = value;
      if (value < least) least = value;
      if (count++ % step === 0) known.push(value);
    }
  }
  if (count === 0) return null;
  known.sort((a, b) => a - b);
  const high = known.length < 100 ? most : known[Math.floor(known.length * QUANTILE)]!;
  // Few outliers close above are no reason to clip.
  const end = high > 0 && most > 1.25 * high ? high : most;
  return { range: [least, end], clipped: end < most };
}

const MANY = 60_000;
const QUANTILE = 0.98;
