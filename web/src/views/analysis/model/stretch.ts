// SPDX-License-Identifier: MIT
// How a selected stretch is asked for and named.

import type { MatrixPass, Token } from "../../../api/schema";
import { chosenTokens, type Selection } from "./selection";

/** A report has operations, heads and experts of the whole run alone. */
export const keptStretch = (selection: Selection, report: boolean): Selection =>
  report ? { ...selection, token: null, tokens: null, time: null } : selection;

/** Parameters of the API for what is selected; null when it has no tokens. */
export function stretchParams(
  selection: Selection,
  tokens: readonly Token[],
): { token?: number; from?: number; to?: number } | null {
  if (selection.token !== null) return { token: selection.token };
  const range = chosenTokens(selection, tokens);
  if (range === "none") return null;
  return range ? { from: range[0], to: range[1] } : {};
}

export function stretchTitle(selection: Selection, tokens: readonly Token[]): string {
  const range = chosenTokens(selection, tokens);
  if (range === null) return "the whole run";
  if (range === "none") return "a stretch without tokens";
  return range[0] === range[1] ? `token ${range[0]}` : `tokens ${range[0]}–${range[1]}`;
}

/** The same of what is made of whole passes, which may have evaluated more tokens than are selected. */
export function passesTitle(
  selection: Selection,
  tokens: readonly Token[],
  rows: readonly number[],
  passes: readonly MatrixPass[],
): string {
  const title = stretchTitle(selection, tokens);
  const range = chosenTokens(selection, tokens);
  const first = passes[rows[0] ?? -1];
  const last = passes[rows[rows.length - 1] ?? -1];
  if (range === null || range === "none" || !first || !last) return title;
  const [from, to] = [first.first_token, last.first_token + last.tokens - 1];
  return from === range[0] && to === range[1]
    ? title
    : `tokens ${from}–${to}, which were evaluated together`;
}
