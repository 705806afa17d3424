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

/** Of deviations the square root of the average square, as the server has it. */
function average(stack: Stack, rows: readonly number[]): Float64Array {
  const isDeviation = stack.head.metric === "activation_std";
  const { values, counts } = isDeviation
    ? fold({ ...stack, values: stack.values.map((value) => value * value) }, rows, add)
    : fold(stack, rows, add);
  const means = values.map((value, i) => value / counts[i]!);
  return isDeviation ? means.map(Math.sqrt) : means;
}

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
    case "average":
      return average(stack, rows);
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
 * Range of the values of passes of one phase, for colours that mean the same for every token. It ends
 * at the largest value of all but a tenth of the passes, so that some slow ones do not make all others
 * look alike; `clipped` says that something lies well above it.
 */
export function colorRange(
  stack: Stack,
  rows: readonly number[],
): { range: readonly [number, number]; clipped: boolean } | null {
  let least = Infinity;
  const largest: number[] = [];
  for (const row of rows) {
    let most = -Infinity;
    for (const value of passMatrix(stack, row)) {
      if (value > most) most = value;
      if (value < least) least = value;
    }
    if (most > -Infinity) largest.push(most);
  }
  if (largest.length === 0) return null;
  largest.sort((a, b) => a - b);
  const most = largest[largest.length - 1]!;
  const usual = largest[Math.min(largest.length - 1, Math.floor(largest.length * USUAL))]!;
  const clipped = usual > 0 && most > WELL_ABOVE * usual;
  return { range: [least, clipped ? usual : most], clipped };
}

const USUAL = 0.9;
const WELL_ABOVE = 1.25;
