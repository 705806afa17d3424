// SPDX-License-Identifier: MIT
// What the table says about a run.

import type { RunStatus, RunSummary } from "../../../api/schema";
import { visibleText } from "../../../format/names";
import type { ViewState } from "../../../state/view";

export type EnergyKind = ViewState["energy"];

/** Gross, or above idle; null where it is not known. */
export function energyOf(run: Pick<RunSummary, "total_energy_mj" | "net_energy_mj">, kind: EnergyKind): number | null {
  return kind === "net" ? run.net_energy_mj : run.total_energy_mj;
}

export function joulesPerToken(
  run: Pick<RunSummary, "net_energy_mj" | "joules_per_token" | "output_tokens">,
  kind: EnergyKind,
): number | null {
  if (kind === "gross") return run.joules_per_token;
  if (run.net_energy_mj === null || run.output_tokens === 0) return null;
  return run.net_energy_mj / 1e3 / run.output_tokens;
}

/** "2026-11-29 01:36" of local time without offset. */
export function shortDate(createdAt: string): string {
  return createdAt.slice(0, 16).replace("T", " ");
}

/** A prompt on one line. The server cuts those of lists; so does this, in case it did not. */
export function promptPreview(prompt: string | null | undefined): string {
  if (!prompt) return "(no prompt)";
  const most = 200;
  const cut = prompt.length > most ? `${prompt.slice(0, most)}…` : prompt;
  return visibleText(cut).trim() || "(blank)";
}

export const STATUS: Record<RunStatus, { readonly mark: string; readonly tone: "good" | "warn" | "bad" | "none" }> = {
  running: { mark: "▶", tone: "none" },
  complete: { mark: "✓", tone: "good" },
  failed: { mark: "✕", tone: "bad" },
  cancelled: { mark: "■", tone: "warn" },
  interrupted: { mark: "⚠", tone: "warn" },
};

/** How a run is called in a sentence. */
export function runTitle(run: Pick<RunSummary, "model_name" | "created_at">): string {
  return `${visibleText(run.model_name)}, ${shortDate(run.created_at)}`;
}

/** The labels typed into one field, one per line: no blanks around, none twice. */
export function parseTags(text: string): string[] {
  return [...new Set(text.split("\n").map((tag) => tag.trim()).filter(Boolean))];
}

const MOST_TAGS = 32;
const MOST_BYTES = 256;

/** What is wrong with labels before the server says so; null: nothing. */
export function wrongLabels(tags: readonly string[], experiment: string): string | null {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const long = [...tags, experiment].find((text) => bytes(text) > MOST_BYTES);
  if (tags.length > MOST_TAGS) return `at most ${MOST_TAGS} tags`;
  if (long !== undefined) return `at most ${MOST_BYTES} bytes each: “${visibleText(long.slice(0, 20))}…” is longer`;
  return null;
}
