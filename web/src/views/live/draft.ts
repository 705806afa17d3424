// SPDX-License-Identifier: MIT
// The form of a run: what was typed, and the request it means. Whatever is left empty is left to the server.

import { create } from "zustand";
import type { GenerateRequest } from "../../api/schema";

export type Depth = NonNullable<GenerateRequest["profiling_depth"]>;

/** Where a field's value goes: into the request, or into its `profile`. */
interface Common {
  readonly name: string;
  readonly title: string;
  readonly says: string;
  readonly into: "request" | "profile";
}

export type Field = Common &
  (
    | {
        readonly kind: "whole" | "number";
        readonly min: number;
        readonly max: number;
        readonly usual: string;
      }
    | { readonly kind: "choice"; readonly choices: readonly string[] }
    | { readonly kind: "switch" }
    | { readonly kind: "layers" }
    | { readonly kind: "text"; readonly most: number; readonly usual: string }
  );

const MANY = 1_000_000;

export const SAMPLING: readonly Field[] = [
  {
    name: "temperature",
    title: "Temperature",
    says: "0: always the likeliest token",
    into: "request",
    kind: "number",
    min: 0,
    max: 100,
    usual: "0",
  },
  {
    name: "top_k",
    title: "Top k",
    says: "tokens to choose from; 0: all",
    into: "request",
    kind: "whole",
    min: 0,
    max: MANY,
    usual: "40",
  },
  {
    name: "top_p",
    title: "Top p",
    says: "share of probability to choose from",
    into: "request",
    kind: "number",
    min: 0,
    max: 1,
    usual: "0.95",
  },
  {
    name: "seed",
    title: "Seed",
    says: "of the random numbers",
    into: "request",
    kind: "whole",
    min: 0,
    max: 4_294_967_294,
    usual: "0",
  },
];

export const MEASURING: readonly Field[] = [
  {
    name: "power",
    title: "Power sources",
    says: "auto, none, or names such as rapl,nvml",
    into: "request",
    kind: "text",
    most: 256,
    usual: "auto",
  },
  {
    name: "power_interval_ms",
    title: "Power interval, ms",
    says: "between two readings",
    into: "request",
    kind: "number",
    min: 1,
    max: 60_000,
    usual: "the source's",
  },
  {
    name: "overhead_budget_pct",
    title: "Slowdown, %",
    says: "at most; fewer tokens are profiled then",
    into: "request",
    kind: "number",
    min: 0.01,
    max: 1000,
    usual: "no limit",
  },
  {
    name: "experiment_name",
    title: "Experiment",
    says: "runs that belong together",
    into: "request",
    kind: "text",
    most: 256,
    usual: "none",
  },
];

export const PROFILE: readonly Field[] = [
  {
    name: "capture_activations",
    title: "Activations",
    says: "statistics of every component's output",
    into: "profile",
    kind: "switch",
  },
  {
    name: "deep_profiling",
    title: "Operations",
    says: "statistics of every operation and attention head",
    into: "profile",
    kind: "switch",
  },
  {
    name: "power_sample_interval_ms",
    title: "Sample interval, ms",
    says: "the same as the power interval above",
    into: "profile",
    kind: "number",
    min: 1,
    max: 60_000,
    usual: "the source's",
  },
  {
    name: "sample_every",
    title: "Every n-th token",
    says: "has statistics; the others are timed only",
    into: "profile",
    kind: "whole",
    min: 1,
    max: MANY,
    usual: "1",
  },
  {
    name: "layer_stride",
    title: "Every n-th layer",
    says: "has statistics; all are timed",
    into: "profile",
    kind: "whole",
    min: 1,
    max: 4096,
    usual: "1",
  },
  {
    name: "layers",
    title: "Only layers",
    says: "0,8,16; not together with every n-th",
    into: "profile",
    kind: "layers",
  },
  {
    name: "bare_every",
    title: "One of n runs bare",
    says: "to measure the slowdown; 0: none",
    into: "profile",
    kind: "whole",
    min: 0,
    max: MANY,
    usual: "16",
  },
  {
    name: "sparsity_threshold",
    title: "Zero below",
    says: "|x| that counts as zero",
    into: "profile",
    kind: "number",
    min: 0,
    max: 1e9,
    usual: "0.01",
  },
  {
    name: "attention_sparsity_threshold",
    title: "Attn. zero below",
    says: "attention weight that counts as zero",
    into: "profile",
    kind: "number",
    min: 0,
    max: 1,
    usual: "0.01",
  },
  {
    name: "flash_attention",
    title: "Flash attention",
    says: "auto: as the depth needs it",
    into: "profile",
    kind: "choice",
    choices: ["auto", "on", "off"],
  },
  {
    name: "instrument",
    title: "Instrument",
    says: "how operations are timed",
    into: "profile",
    kind: "choice",
    choices: ["auto", "trace", "observe", "none"],
  },
];

export const CUSTOM: readonly Field[] = [...SAMPLING, ...MEASURING, ...PROFILE];

export interface Draft {
  readonly model: string;
  readonly prompt: string;
  readonly depth: Depth;
  readonly tags: string;
  readonly length: string;
  /** By name of a field of CUSTOM; empty and absent: as usual. */
  readonly custom: Readonly<Record<string, string>>;
}

export const emptyDraft: Draft = {
  model: "",
  prompt: "",
  depth: "module",
  tags: "",
  length: "128",
  custom: {},
};

const KEY = "ergon.draft";

function stored(): Draft {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Partial<Draft>;
    return { ...emptyDraft, ...found };
  } catch {
    return emptyDraft;
  }
}

/** What is being written survives a reload, in this tab. */
export const useDraft = create<Draft>(() =>
  typeof sessionStorage === "undefined" ? emptyDraft : stored(),
);

export function setDraft(change: Partial<Draft>): void {
  useDraft.setState(change);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(useDraft.getState()));
  } catch {
    // full or off: it then lasts as long as the page
  }
}

/** What is wrong, by the name of the field. */
export type Wrong = Readonly<Record<string, string>>;

type Parsed = { readonly value: unknown } | { readonly wrong: string } | null;

function parseNumber(
  text: string,
  field: { readonly min: number; readonly max: number },
  whole: boolean,
): Parsed {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || (whole && !Number.isInteger(value)))
    return { wrong: whole ? "a whole number" : "a number" };
  if (value < field.min || value > field.max) return { wrong: `from ${field.min} to ${field.max}` };
  return { value };
}

function parseLayers(text: string): Parsed {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const layers = parts.map(Number);
  const isRight = layers.every((layer) => Number.isInteger(layer) && layer >= 0 && layer < 4096);
  return isRight ? { value: layers } : { wrong: "numbers of layers, such as 0,8,16" };
}

/** null: nothing was given. */
export function parseField(field: Field, typed: string | undefined): Parsed {
  const text = typed?.trim() ?? "";
  if (text === "") return null;
  switch (field.kind) {
    case "whole":
    case "number":
      return parseNumber(text, field, field.kind === "whole");
    case "choice":
      return field.choices.includes(text) ? { value: text } : { wrong: field.choices.join(", ") };
    case "switch":
      return text === "on" || text === "off" ? { value: text === "on" } : { wrong: "on or off" };
    case "layers":
      return parseLayers(text);
    case "text":
      return text.length <= field.most
        ? { value: text }
        : { wrong: `at most ${field.most} characters` };
  }
}

export function parseTags(text: string): string[] {
  return [
    ...new Set(
      text
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean),
    ),
  ];
}

const LENGTH: Field = {
  name: "max_length",
  title: "New tokens",
  says: "",
  into: "request",
  kind: "whole",
  min: 1,
  max: MANY,
  usual: "128",
};

/** The request a draft means, or what is wrong with it. */
export function requestOf(
  draft: Draft,
): { readonly request: GenerateRequest } | { readonly wrong: Wrong } {
  const wrong: Record<string, string> = {};
  const request: Record<string, unknown> = {
    model_name: draft.model,
    prompt: draft.prompt,
    profiling_depth: draft.depth,
  };
  const profile: Record<string, unknown> = {};
  if (!draft.model) wrong["model_name"] = "choose a model";
  if (!draft.prompt) wrong["prompt"] = "write a prompt";
  const tags = parseTags(draft.tags);
  if (tags.length > 32) wrong["tags"] = "at most 32";
  else if (tags.some((tag) => tag.length > 256)) wrong["tags"] = "at most 256 characters each";
  else if (tags.length) request["tags"] = tags;
  for (const [field, typed] of [
    [LENGTH, draft.length] as const,
    ...CUSTOM.map((f) => [f, draft.custom[f.name]] as const),
  ]) {
    const parsed = parseField(field, typed);
    if (parsed === null) continue;
    if ("wrong" in parsed) wrong[field.name] = parsed.wrong;
    else (field.into === "profile" ? profile : request)[field.name] = parsed.value;
  }
  if ("layers" in profile && "layer_stride" in profile)
    wrong["layers"] = "either these or every n-th layer";
  if (Object.keys(profile).length) request["profile"] = profile;
  if (Object.keys(wrong).length) return { wrong };
  return { request: request as unknown as GenerateRequest };
}
