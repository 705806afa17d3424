// SPDX-License-Identifier: MIT
// The view's state: all that a link to this page has to say. One table; a line more is a field more, in the URL too.

import { create } from "zustand";
import { count, indexSpan, oneOf, optionalCount, optionalText, text, texts, timeSpan } from "./codec";

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

const SORT_KEYS = [
  "created_at",
  "model_name",
  "status",
  "mode",
  "experiment_name",
  "total_duration_ms",
  "total_energy_mj",
  "joules_per_token",
  "input_tokens",
  "output_tokens",
  "tokens_per_second",
] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export type Sort = SortKey | `-${SortKey}`;
/** `-` in front: largest first. The newest run is the first one unless somebody wants another order. */
export const SORTS: readonly [Sort, ...Sort[]] = [
  "-created_at",
  ...SORT_KEYS,
  ...SORT_KEYS.filter((key) => key !== "created_at").map((key) => `-${key}` as const),
];

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
  /** Width and lanes of the pipeline, part of the power chart in view, colours of the heatmap, node of the treemap,
   *  statistic of the attention heads. */
  axis: oneOf("time", "energy"),
  lanes: oneOf("sections", "tokens"),
  zoom: timeSpan,
  colors: oneOf("linear", "log"),
  tree: texts,
  heads: oneOf("attention_entropy", "max_attention_weight", "attention_sparsity"),

  /** Which stored runs: text in prompt, response or model name, and what they have to have. */
  search: text(),
  model: optionalText,
  tag: optionalText,
  experiment: optionalText,
  status: oneOf("any", "running", "complete", "failed", "cancelled", "interrupted"),
  mode: oneOf("any", "minimal", "standard", "deep"),
  from: optionalText,
  to: optionalText,
  /** Those with the prompt of this run. */
  alike: optionalText,
  sort: oneOf(...SORTS),
  group: oneOf("none", "prompt", "model", "experiment", "tag"),
  page: count(0),

  /** How runs are compared: which figures, which average, charts laid over each other from where. */
  normalize: oneOf("normalized", "token", "input_token", "output_token", "second", "million_parameters", "none"),
  average: oneOf("mean", "median"),
  align: oneOf("start", "decode"),
  /** The phase, and the part of the layers, of charts per layer. */
  phase: oneOf("decode", "prefill"),
  part: oneOf("all", "attention", "mlp"),
  /** The group whose difference to the baseline the heatmap shows; in units of the metric, or relative. */
  against: oneOf("B", "C", "D"),
  relative: oneOf("no", "yes"),
  /** Runs that stand for their groups in charts of single runs, instead of the typical ones. */
  standing: texts,
  /** Whose electricity; null: as the runs were priced. */
  region: optionalText,
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
