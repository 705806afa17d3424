// SPDX-License-Identifier: MIT
// Names of the API as people read them.

import type { Phase } from "../api/schema";

export const PHASES: readonly Phase[] = ["pre_inference", "prefill", "decode", "post_inference"];

export const PHASE_TITLE: Record<Phase, string> = {
  pre_inference: "set-up",
  prefill: "prefill",
  decode: "decode",
  post_inference: "clean-up",
};

export const DOMAINS = ["cpu", "gpu", "ane", "dram", "soc", "other"] as const;
export type Domain = (typeof DOMAINS)[number];

export const DOMAIN_TITLE: Record<Domain | "total", string> = {
  cpu: "CPU",
  gpu: "GPU",
  ane: "ANE",
  dram: "DRAM",
  soc: "rest of the system",
  other: "other",
  total: "total",
};

export function phaseTitle(phase: string | null | undefined): string {
  return PHASE_TITLE[phase as Phase] ?? phase ?? "";
}

export function layerTitle(layer: number): string {
  return layer < 0 ? "outside the layers" : `layer ${layer}`;
}

// Controls, and what reorders or hides other text; of these a text of several lines keeps tabs and line ends.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** A token's text on one line: blanks and controls become visible. */
export function visibleText(text: string): string {
  return text
    .replace(/\r\n|\r|\n/g, "↵")
    .replaceAll("\t", "⇥")
    .replace(HIDDEN, "�");
}

/** A text of several lines, as it is but for controls, which become visible. */
export function visibleLines(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(HIDDEN, (control) => (/[\n\t]/.test(control) ? control : "�"));
}
