// SPDX-License-Identifier: MIT
// One selection drives every panel: a stretch of the run (a token, some tokens, or some time), layers
// and components. It is a part of the view's state, so a link has it too.

import type { MatrixPass, Phase, PhaseSummary, Token } from "../../../api/schema";
import { passesOfTokens, passMatrix, type Stack } from "./stack";

export type Span = readonly [first: number, last: number];

export interface Selection {
  /** Index of the token looked at; it counts before `tokens` and `time`. */
  readonly token: number | null;
  readonly tokens: Span | null;
  /** ms. */
  readonly time: Span | null;
  readonly layers: Span | null;
  /** Names; empty: all of them. */
  readonly components: readonly string[];
}

export const EVERYTHING: Selection = {
  token: null,
  tokens: null,
  time: null,
  layers: null,
  components: [],
};

export const hasStretch = ({ token, tokens, time }: Selection): boolean =>
  token !== null || tokens !== null || time !== null;

export const hasCells = ({ layers, components }: Selection): boolean =>
  layers !== null || components.length > 0;

export const ordered = (a: number, b: number): Span => (a <= b ? [a, b] : [b, a]);

export const selectTokens = (a: number, b: number): Partial<Selection> =>
  a === b
    ? { token: a, tokens: null, time: null }
    : { token: null, tokens: ordered(a, b), time: null };

/** Microseconds are enough for an edge drawn with a pointer, and keep the address short. */
export function selectTime(a: number, b: number): Partial<Selection> {
  const [from, to] = ordered(a, b);
  return {
    token: null,
    tokens: null,
    time: [Math.round(from * 1000) / 1000, Math.round(to * 1000) / 1000],
  };
}

/** One level back: the token, then the stretch, then layers and components; null when nothing is selected. */
export function back(selection: Selection): Partial<Selection> | null {
  if (selection.token !== null) return { token: null };
  if (selection.tokens || selection.time) return { tokens: null, time: null };
  return hasCells(selection) ? { layers: null, components: [] } : null;
}

/** A cell alone; everything again when it was. */
export function toggleCell(
  selection: Selection,
  layer: number,
  component: string,
): Partial<Selection> {
  const { layers, components } = selection;
  const components1 = components.length === 1 && components[0] === component;
  // What lies outside the layers is told by its name.
  if (layer < 0)
    return components1 && !layers ? { components: [] } : { layers: null, components: [component] };
  const same = components1 && layers?.[0] === layer && layers[1] === layer;
  return same
    ? { layers: null, components: [] }
    : { layers: [layer, layer], components: [component] };
}

export function toggleComponent({ components }: Selection, name: string): Partial<Selection> {
  return {
    components: components.includes(name)
      ? components.filter((each) => each !== name)
      : [...components, name],
  };
}

/** Whether a cell is chosen; every one is where nothing was said. */
export function includes(
  { layers, components }: Selection,
  layer: number,
  component: string,
): boolean {
  if (components.length > 0 && !components.includes(component)) return false;
  return layers === null || (layer >= layers[0] && layer <= layers[1]);
}

/** Tokens evaluated at least in part within a stretch of time; null when there are none. */
export function tokensOfTime(tokens: readonly Token[], [from, to]: Span): Span | null {
  let first = -1;
  let last = -1;
  for (const token of tokens) {
    if (token.start_ms >= to || token.start_ms + token.duration_ms <= from) continue;
    if (first < 0) first = token.index;
    last = token.index;
  }
  return first < 0 ? null : [first, last];
}

/** From the start of the first to the end of the last. */
export function timeOfTokens(tokens: readonly Token[], [first, last]: Span): Span | null {
  let from = Infinity;
  let to = -Infinity;
  for (const token of tokens) {
    if (token.index < first || token.index > last) continue;
    from = Math.min(from, token.start_ms);
    to = Math.max(to, token.start_ms + token.duration_ms);
  }
  return from < to ? [from, to] : null;
}

/** Selects the tokens of a phase; null when it has none. */
export function tokensOfPhase(tokens: readonly Token[], phase: Phase): Partial<Selection> | null {
  const inside = tokens.filter((token) => token.phase === phase);
  return inside.length ? selectTokens(inside[0]!.index, inside[inside.length - 1]!.index) : null;
}

/** Selects the time of a phase. */
export function timeOfPhase(phases: readonly PhaseSummary[], phase: Phase): Partial<Selection> {
  const found = phases.find((each) => each.phase === phase);
  return found ? selectTime(found.start_ms, found.start_ms + found.duration_ms) : {};
}

/** The chosen tokens. null: no stretch was chosen; "none": one without tokens. */
export function chosenTokens(selection: Selection, tokens: readonly Token[]): Span | null | "none" {
  if (selection.token !== null) return [selection.token, selection.token];
  if (selection.tokens) return selection.tokens;
  return selection.time ? (tokensOfTime(tokens, selection.time) ?? "none") : null;
}

/** The chosen stretch on the axis of time; null when none was chosen. */
export function chosenTime(selection: Selection, tokens: readonly Token[]): Span | null {
  if (selection.token !== null) return timeOfTokens(tokens, [selection.token, selection.token]);
  if (selection.tokens) return timeOfTokens(tokens, selection.tokens);
  return selection.time;
}

/** Rows in `passes` of the chosen stretch: all of them where none was chosen. */
export function chosenPasses(
  selection: Selection,
  passes: readonly MatrixPass[],
  tokens: readonly Token[],
): number[] {
  const range = chosenTokens(selection, tokens);
  return range === "none" ? [] : passesOfTokens(passes, range);
}

/** How much of a pass the chosen tokens are; they share it equally. */
export function chosenPart(
  selection: Selection,
  pass: MatrixPass,
  tokens: readonly Token[],
): number {
  const range = chosenTokens(selection, tokens);
  if (range === null) return 1;
  if (range === "none") return 0;
  const first = Math.max(range[0], pass.first_token);
  const last = Math.min(range[1], pass.first_token + pass.tokens - 1);
  return last < first ? 0 : (last - first + 1) / Math.max(1, pass.tokens);
}

/**
 * Sum of what is chosen in these passes. Without layers and components that is the passes
 * themselves, with what belongs to no cell; null when nothing is known.
 */
export function chosenSum(
  selection: Selection,
  stack: Stack,
  rows: readonly number[],
  tokens: readonly Token[],
  whole: (pass: MatrixPass) => number | null,
): number | null {
  const { layers, components, passes } = stack.head;
  let sum = 0;
  let known = false;
  const add = (value: number | null, part: number) => {
    if (value === null || Number.isNaN(value)) return;
    sum += value * part;
    known = true;
  };
  const cells = hasCells(selection)
    ? layers.flatMap((layer) => components.map((name) => includes(selection, layer, name)))
    : null;
  for (const row of rows) {
    const pass = passes[row]!;
    const part = chosenPart(selection, pass, tokens);
    if (!cells) add(whole(pass), part);
    else passMatrix(stack, row).forEach((value, i) => cells[i] && add(value, part));
  }
  return known ? sum : null;
}

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
const range = (word: string, [first, last]: Span): string =>
  first === last ? `${word} ${first}` : `${word}s ${first}–${last}`;

/** In words, one for each part that can be taken back. */
export function describeSelection(
  selection: Selection,
  formatTime: (ms: number) => string,
): { readonly text: string; readonly clear: Partial<Selection> }[] {
  const parts: { text: string; clear: Partial<Selection> }[] = [];
  const { token, tokens, time, layers, components } = selection;
  if (token !== null) parts.push({ text: `token ${token}`, clear: { token: null } });
  if (tokens) parts.push({ text: range("token", tokens), clear: { tokens: null } });
  if (time)
    parts.push({ text: `${formatTime(time[0])} to ${formatTime(time[1])}`, clear: { time: null } });
  if (layers) parts.push({ text: range("layer", layers), clear: { layers: null } });
  if (components.length > 0) {
    const text =
      components.length <= 3 ? components.join(", ") : count(components.length, "component");
    parts.push({ text, clear: { components: [] } });
  }
  return parts;
}
