// SPDX-License-Identifier: MIT
// The view's state: all that a link to this page has to say. One table; a line more is a field more, in the URL too.

import { create } from "zustand";
import { count, indexSpan, oneOf, optionalCount, optionalText, texts, timeSpan } from "./codec";

export const METRICS = [
  "energy_mj",
  "time_ms",
  "power_mw",
  "activation_mean",
  "activation_std",
  "activation_max",
  "activation_sparsity",
  "attention_entropy",
] as const;
export type Metric = (typeof METRICS)[number];

export const VIEWS = ["live", "analysis", "history", "compare"] as const;
export type ViewName = (typeof VIEWS)[number];

export const fields = {
  view: oneOf(...VIEWS),
  /** Gross energy, or what is above idle. */
  energy: oneOf("gross", "net"),

  /** The run of the Analysis view; those of a comparison, the baseline first. */
  run: optionalText,
  runs: texts,

  /** The one selection all panels share. Token: the index of the token looked at. */
  token: optionalCount,
  tokens: indexSpan,
  time: timeSpan,
  layers: indexSpan,
  components: texts,

  metric: oneOf(...METRICS),
  page: count(0),
} as const;

type Fields = typeof fields;
export type ViewState = { readonly [K in keyof Fields]: Fields[K]["initial"] };

export const initialView = Object.fromEntries(
  Object.entries(fields).map(([name, codec]) => [name, codec.initial]),
) as ViewState;

export const useView = create<ViewState>(() => initialView);

/** How a change gets into the browser's history: as a step of its own (Back undoes it), or not. */
export type Step = "push" | "replace";

let nextStep: Step = "replace";

/** Changes the view. Going somewhere is a "push"; moving a slider or selecting is a "replace". */
export function setView(change: Partial<ViewState>, step: Step = "replace"): void {
  const now = useView.getState();
  const changed = Object.entries(change).some(([name, value]) => now[name as keyof ViewState] !== value);
  if (!changed) return;
  if (step === "push") nextStep = "push";
  useView.setState(change);
}

/** The step of the change that has just been made; for url.ts. */
export function takeStep(): Step {
  const step = nextStep;
  nextStep = "replace";
  return step;
}
