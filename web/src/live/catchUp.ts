// SPDX-License-Identifier: MIT
// What the live stream did not bring, from the store.

import { ApiError, getJson, runPath } from "../api/client";
import type { Power, RunSummary, Token, Tokens } from "../api/schema";
import { DOMAINS, PHASES } from "../format/names";
import { phaseNumber, type Facts, type LiveRun, type LiveToken, type PowerColumn } from "./run";

function liveToken(token: Token): LiveToken {
  return {
    index: token.index,
    text: token.text,
    phase: token.phase,
    endMs: token.start_ms + token.duration_ms,
    durationMs: token.duration_ms,
    energyMj: token.energy_mj,
    powerMw: token.power_mw,
    grade: token.grade,
  };
}

/** Puts tokens into holes only: what came over the stream stays. */
export function mergeTokens(run: LiveRun, tokens: readonly Token[]): void {
  for (const token of tokens) if (!run.tokens[token.index]) run.addToken(liveToken(token));
}

/** The samples of the store, and those of the stream that are newer. */
export function mergePower(run: LiveRun, power: Power): void {
  const { samples } = power;
  const known = power.returned ? samples.timestamp_ms.at(-1)! : Number.NEGATIVE_INFINITY;
  const columns = run.power.names.map((name) => [name, run.power.column(name).slice()] as const);
  const count = run.power.length;
  run.power.clear();
  samples.timestamp_ms.forEach((t, i) => {
    const at = samples.phase[i];
    const row: Partial<Record<PowerColumn, number | null>> = {
      t,
      total: samples.total_power_mw[i] ?? null,
    };
    row.phase =
      at === null || at === undefined ? null : phaseNumber(power.phases[at]?.phase ?? PHASES[at]);
    for (const domain of DOMAINS) row[domain] = samples[`${domain}_power_mw`]?.[i] ?? null;
    run.addSample(row);
  });
  for (let i = 0; i < count; i++) {
    const row = Object.fromEntries(columns.map(([name, values]) => [name, values[i]!]));
    if (row["t"]! > known) run.addSample(row);
  }
}

function factsOf(summary: RunSummary): Facts {
  const layers = summary.model["layers"];
  return {
    model_name: summary.model_name,
    mode: summary.mode,
    prompt: summary.prompt ?? "",
    tags: summary.tags,
    layers: typeof layers === "number" ? layers : 0,
    power_sources: summary.power.sources,
  };
}

/** Reads what is missing; answers whether nothing is any more. The store is a second behind a run that goes on. */
export async function fillFromStore(run: LiveRun): Promise<boolean> {
  const hadEnded = run.status !== "running";
  const first = run.holes()[0]?.[0] ?? run.tokens.length;
  const [summary, tokens, power] = await Promise.all([
    run.facts ? null : getJson<RunSummary>(runPath(run.id, "/summary")),
    getJson<Tokens>(runPath(run.id, "/tokens"), { params: { from: first } }),
    getJson<Power>(runPath(run.id, "/power"), { params: { max_points: run.power.capacity } }),
  ]);
  if (summary) run.facts = factsOf(summary);
  mergeTokens(run, tokens.tokens);
  mergePower(run, power);
  const isWhole = hadEnded || run.missingTokens === 0;
  if (isWhole && run.lost === "reading") run.lost = "filled";
  run.version.facts++;
  return isWhole;
}

/** Finishes a run that has ended while nobody listened; answers whether it has. */
export async function readOutcome(run: LiveRun): Promise<boolean> {
  let summary: RunSummary;
  try {
    summary = await getJson<RunSummary>(runPath(run.id, "/summary"));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    run.finish("interrupted", null, "the server has no such run");
    return true;
  }
  if (summary.status === "running") return false;
  run.facts ??= factsOf(summary);
  run.finish(summary.status, summary, null);
  run.lost = "reading";
  return true;
}
