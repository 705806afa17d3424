// SPDX-License-Identifier: MIT
// The layer × component matrix as it is drawn: layers as rows, 0 at the top. What lies outside the
// layers has no row; it is listed beside them.

import type { MatrixHead } from "../../../api/schema";
import type { HeatmapData } from "../../../charts/heatmap";
import type { Quantity } from "../../../format/units";
import { idleEnergy } from "./measure";
import { cellsOf, type Stack } from "./stack";

export interface HeatmapShape {
  /** Rows of the matrix that are layers, and their numbers. */
  readonly rows: readonly number[];
  readonly layers: readonly number[];
  /** Columns that have something in a layer, and those that have something outside. */
  readonly columns: readonly number[];
  readonly outside: readonly number[];
  readonly outsideRow: number;
}

export function shapeOf({ head, values }: Stack): HeatmapShape {
  const width = head.components.length;
  const cells = cellsOf(head);
  const outsideRow = head.layers.findIndex((layer) => layer < 0);
  const inside = new Uint8Array(width);
  const outside = new Uint8Array(width);
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) continue;
    const cell = i % cells;
    const seen = Math.floor(cell / width) === outsideRow ? outside : inside;
    seen[cell % width] = 1;
  }
  const rows = head.layers.flatMap((layer, row) => (layer < 0 ? [] : [row]));
  const columnsOf = (seen: Uint8Array) =>
    head.components.flatMap((_, column) => (seen[column] ? [column] : []));
  return {
    rows,
    layers: rows.map((row) => head.layers[row]!),
    columns: columnsOf(inside),
    outside: columnsOf(outside),
    outsideRow,
  };
}

export function heatmapOf(
  head: MatrixHead,
  shape: HeatmapShape,
  matrix: ArrayLike<number>,
  quantity: Quantity,
): HeatmapData {
  const width = head.components.length;
  const values = new Float64Array(shape.rows.length * shape.columns.length);
  let at = 0;
  for (const row of shape.rows)
    for (const column of shape.columns) values[at++] = matrix[row * width + column]!;
  return {
    rows: shape.layers.map(String),
    columns: shape.columns.map((column) => head.components[column]!),
    values,
    quantity,
    rowKind: "layer",
    columnKind: "component",
  };
}

export interface OutsideValue {
  readonly component: string;
  readonly value: number | null;
}

export function outsideOf(
  head: MatrixHead,
  shape: HeatmapShape,
  matrix: ArrayLike<number>,
): OutsideValue[] {
  if (shape.outsideRow < 0) return [];
  return shape.outside.map((column) => {
    const value = matrix[shape.outsideRow * head.components.length + column]!;
    return { component: head.components[column]!, value: Number.isNaN(value) ? null : value };
  });
}

/** Energies less what the machine draws when idle, in the time of each cell. */
export function netMatrix(
  energy: ArrayLike<number>,
  time: ArrayLike<number>,
  idle_mw: number,
): Float64Array {
  return Float64Array.from(energy, (value, i) => value - idleEnergy(idle_mw, time[i]!));
}
