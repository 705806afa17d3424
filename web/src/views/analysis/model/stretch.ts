// SPDX-License-Identifier: MIT
// How a selected stretch is asked for and named.

import type { Token } from "../../../api/schema";
import { chosenTokens, type Selection } from "./selection";

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
