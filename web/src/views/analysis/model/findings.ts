// SPDX-License-Identifier: MIT
// Where the energy went, in sentences: pure arithmetic on the summary of a run. Each statement names
// what it is a share of and the grade of its figures; what the data do not support is not said.

import type { ComponentAverage, Grade, LayerAverage, Phase, RunReport } from "../../../api/schema";
import { phaseTitle } from "../../../format/names";
import { formatEnergy, formatPower, formatTime } from "../../../format/units";

export interface FindingTarget {
  readonly phase: Phase | null;
  readonly layers: readonly [first: number, last: number] | null;
  readonly components: readonly string[];
}

export interface Finding {
  /** Stable name of the rule. */
  readonly id: string;
  /** One sentence; the share comes first where there is one. */
  readonly text: string;
  /** What it is compared with, or how it was obtained. */
  readonly detail: string;
  /** Of the run's energy (or time): what findings are ordered by; null for what is no share. */
  readonly share: number | null;
  readonly grade: Grade;
  /** What to select to look at it. */
  readonly target: FindingTarget | null;
}

const GRADES: readonly Grade[] = [
  "measured",
  "interpolated",
  "attributed",
  "estimated",
  "unavailable",
];

/** The worse of two. */
export function worseGrade(a: Grade, b: Grade): Grade {
  return GRADES.indexOf(a) >= GRADES.indexOf(b) ? a : b;
}

/** Energy where it was measured, else time: what shares are of. */
interface Basis {
  readonly noun: "energy" | "time";
  readonly total: number;
  readonly of: (row: { readonly energy_mj: number | null; readonly duration_ms: number }) => number;
  readonly format: (value: number) => string;
}

function basisOf(report: RunReport): Basis {
  if (report.total_energy_mj !== null) {
    return {
      noun: "energy",
      total: report.total_energy_mj,
      of: (row) => row.energy_mj ?? 0,
      format: formatEnergy,
    };
  }
  return {
    noun: "time",
    total: report.total_duration_ms,
    of: (row) => row.duration_ms,
    format: formatTime,
  };
}

/** Whole percents, but never 0 or 100 for what is neither. */
export function percent(ratio: number): string {
  const value = ratio * 100;
  if (value > 0 && value < 1) return "< 1 %";
  if (value < 100 && value > 99) return "> 99 %";
  return `${Math.round(value)} %`;
}

/** [2, 3, 4] → "layers 2–4". */
export function nameLayers(first: number, last: number): string {
  return first === last ? `layer ${first}` : `layers ${first}–${last}`;
}

/**
 * The run of neighbours that stands out the most: the one whose sum exceeds what as many average
 * members would have by most (Bentley's maximum subarray, of the differences to the mean).
 */
export function standingOut(values: readonly number[]): { first: number; last: number } | null {
  if (values.length === 0) return null;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  let best = { first: 0, last: 0, sum: -Infinity };
  let first = 0;
  let sum = 0;
  values.forEach((value, i) => {
    if (sum <= 0) {
      first = i;
      sum = 0;
    }
    sum += value - mean;
    if (sum > best.sum) best = { first, last: i, sum };
  });
  return { first: best.first, last: best.last };
}

const GROUP_NAME = { attention: "attention", mlp: "the MLP" } as const;
type LayerGroup = keyof typeof GROUP_NAME;

class Rules {
  readonly found: Finding[] = [];
  readonly basis: Basis;
  /** Of a phase. */
  readonly total = new Map<Phase, number>();
  readonly grade = new Map<Phase, Grade>();

  constructor(readonly report: RunReport) {
    this.basis = basisOf(report);
    for (const phase of report.phases) {
      this.total.set(phase.phase, this.basis.of(phase));
      this.grade.set(phase.phase, this.basis.noun === "energy" ? phase.grade : "measured");
    }
  }

  add(finding: Finding): void {
    this.found.push(finding);
  }

  /** Inside a pass, energies are split by a model; times are measured. */
  inside(phase: Phase): Grade {
    if (this.basis.noun === "time") return "measured";
    return worseGrade(this.grade.get(phase) ?? "unavailable", "attributed");
  }

  how(): string {
    if (this.basis.noun === "time") return "times are measured";
    return this.report.attribution.model === "time"
      ? "energy of a pass split by time"
      : "energy of a pass split by activity";
  }

  /** What was taken apart of a phase: all of it, but for passes that were not profiled. */
  profiled(phase: Phase): { total: number; text: string } {
    const skipped = this.report.component_averages.find(
      (row) => row.phase === phase && row.component === "not profiled",
    );
    const total = (this.total.get(phase) ?? 0) - (skipped ? this.basis.of(skipped) : 0);
    const name = `${phaseTitle(phase)} ${this.basis.noun}`;
    return { total, text: skipped && this.basis.of(skipped) > 0 ? `profiled ${name}` : name };
  }
}

function phaseRule(rules: Rules): void {
  const { basis, report } = rules;
  const rows = report.phases.filter((row) => basis.of(row) > 0);
  const top = rows.reduce<(typeof rows)[number] | null>(
    (best, row) => (best && basis.of(best) >= basis.of(row) ? best : row),
    null,
  );
  if (!top || basis.total <= 0) return;
  const share = basis.of(top) / basis.total;
  const others = rows
    .filter((row) => row !== top)
    .sort((a, b) => basis.of(b) - basis.of(a))
    .map((row) => `${phaseTitle(row.phase)} ${percent(basis.of(row) / basis.total)}`);
  const tokens =
    top.tokens > 0
      ? `, ${basis.format(basis.of(top) / top.tokens)} per token (${top.tokens} tokens)`
      : "";
  rules.add({
    id: "phase",
    text: `${percent(share)} of the ${basis.noun} went into ${phaseTitle(top.phase)}: ${basis.format(basis.of(top))}${tokens}.`,
    detail: others.length ? `The rest: ${others.join(", ")}.` : "",
    share,
    grade: rules.grade.get(top.phase) ?? "unavailable",
    target: { phase: top.phase, layers: null, components: [] },
  });
}

function groupOfLayer(row: LayerAverage, group: LayerGroup, basis: Basis): number {
  if (basis.noun === "time") return group === "mlp" ? row.mlp_ms : row.attention_ms;
  return (group === "mlp" ? row.mlp_energy_mj : row.attention_energy_mj) ?? 0;
}

// A window is worth naming when it is no more than this part of the layers and has at least that
// much more than as many average layers.
const WINDOW = 0.6;
const EXCESS = 1.15;

/** "42 % of decode energy is in the MLP of layers 20–31", or that it is spread evenly. */
function layerRule(rules: Rules, phase: Phase): void {
  const { basis, report } = rules;
  const layers = report.layer_averages
    .filter((row) => row.phase === phase && row.layer >= 0)
    .sort((a, b) => a.layer - b.layer);
  const { total, text } = rules.profiled(phase);
  if (layers.length === 0 || total <= 0) return;
  const sum = (group: LayerGroup) =>
    layers.reduce((held, row) => held + groupOfLayer(row, group, basis), 0);
  const group: LayerGroup = sum("mlp") >= sum("attention") ? "mlp" : "attention";
  const values = layers.map((row) => groupOfLayer(row, group, basis));
  const all = sum(group);
  if (all <= 0) return;
  const window = standingOut(values)!;
  const part = values.slice(window.first, window.last + 1);
  const inWindow = part.reduce((a, b) => a + b, 0);
  const excess = inWindow / part.length / (all / values.length);
  const named = part.length <= WINDOW * values.length && excess >= EXCESS;
  const passes = layers[0]!.passes;
  const how = `${rules.how()}; ${passes} ${passes === 1 ? "pass" : "passes"}`;
  const runTotal = basis.total || 1;
  if (named) {
    const [first, last] = [layers[window.first]!.layer, layers[window.last]!.layer];
    rules.add({
      id: `layers-${phase}`,
      text: `${percent(inWindow / total)} of ${text} is in ${GROUP_NAME[group]} of ${nameLayers(first, last)}.`,
      detail: `${excess.toFixed(1)} × an average layer's; ${GROUP_NAME[group]} of all ${values.length} layers: ${percent(all / total)} (${how}).`,
      share: inWindow / runTotal,
      grade: rules.inside(phase),
      target: { phase, layers: [first, last], components: componentsOf(report, phase, group) },
    });
    return;
  }
  const low = Math.min(...values) / total;
  const high = Math.max(...values) / total;
  const each = values.length === 1 ? "" : ` Each layer has ${percent(low)} to ${percent(high)}.`;
  rules.add({
    id: `group-${phase}`,
    text: `${percent(all / total)} of ${text} is in ${GROUP_NAME[group]}${values.length > 1 ? `, over all ${values.length} layers` : ""}.`,
    detail: `No layers stand out.${each} (${how})`,
    share: all / runTotal,
    grade: rules.inside(phase),
    target: { phase, layers: null, components: componentsOf(report, phase, group) },
  });
}

function componentsOf(report: RunReport, phase: Phase, group: string): string[] {
  return report.component_averages
    .filter((row) => row.phase === phase && row.group === group)
    .map((row) => row.component);
}

const REST = new Set(["unattributed", "not profiled"]);

function componentRule(rules: Rules, phase: Phase): void {
  const { basis, report } = rules;
  const { total, text } = rules.profiled(phase);
  const rows = report.component_averages.filter(
    (row) => row.phase === phase && !REST.has(row.component),
  );
  const top = rows.reduce<ComponentAverage | null>(
    (best, row) => (best && basis.of(best) >= basis.of(row) ? best : row),
    null,
  );
  if (!top || total <= 0 || basis.of(top) <= 0) return;
  const share = basis.of(top) / total;
  // lm_head lies outside the layers: what is it worth in layers?
  const inLayers = report.layer_averages.filter((row) => row.phase === phase && row.layer >= 0);
  const mean = inLayers.reduce((sum, row) => sum + basis.of(row), 0) / (inLayers.length || 1);
  const outside =
    top.group === "other" && mean > 0
      ? ` It costs as much as ${(basis.of(top) / mean).toFixed(1)} layers.`
      : "";
  const perPass = basis.noun === "energy" ? top.average_energy_mj : top.average_duration_ms;
  rules.add({
    id: `component-${phase}`,
    text: `${top.component} is the costliest component: ${percent(share)} of ${text}.`,
    detail:
      `${perPass === null ? "" : `${basis.format(perPass)} per pass.`}${outside} (${rules.how()})`.trim(),
    share: basis.of(top) / (basis.total || 1),
    grade: rules.inside(phase),
    target: { phase, layers: null, components: [top.component] },
  });
}

/** Outside the layers, when it is no small thing: usually lm_head. */
function outsideRule(rules: Rules, phase: Phase): void {
  const { basis, report } = rules;
  const { total, text } = rules.profiled(phase);
  const head = report.component_averages.find(
    (row) => row.phase === phase && row.component === "lm_head",
  );
  const inLayers = report.layer_averages.filter((row) => row.phase === phase && row.layer >= 0);
  if (!head || total <= 0 || inLayers.length === 0) return;
  const mean = inLayers.reduce((sum, row) => sum + basis.of(row), 0) / inLayers.length;
  const already = rules.found.some((finding) => finding.target?.components[0] === "lm_head");
  if (already || basis.of(head) < 0.08 * total || basis.of(head) < 1.5 * mean) return;
  rules.add({
    id: `lm_head-${phase}`,
    text: `${percent(basis.of(head) / total)} of ${text} is in lm_head, as much as in ${(basis.of(head) / mean).toFixed(1)} layers.`,
    detail: `It turns the last hidden state into a score for each of the vocabulary's tokens (${rules.how()}).`,
    share: basis.of(head) / (basis.total || 1),
    grade: rules.inside(phase),
    target: { phase, layers: null, components: ["lm_head"] },
  });
}

function ratioRule(rules: Rules): void {
  const { report } = rules;
  const { joules_per_output_token: out, joules_per_input_token: input } = report;
  if (out === null || input === null || input <= 0 || out <= 0) return;
  const grade = worseGrade(
    rules.grade.get("prefill") ?? "unavailable",
    rules.grade.get("decode") ?? "unavailable",
  );
  const ratio = out / input;
  const [more, less, factor] =
    ratio >= 1 ? ["generating", "reading", ratio] : ["reading", "generating", 1 / ratio];
  rules.add({
    id: "output-input",
    text:
      factor < 1.05
        ? "Reading a token of the prompt and generating one cost the same."
        : `${more === "generating" ? "Generating" : "Reading"} a token costs ${factor.toFixed(1)} × what ${less} one does.`,
    detail: `${formatEnergy(out * 1000)} per generated token, ${formatEnergy(input * 1000)} per token of the prompt.`,
    share: null,
    grade,
    target: null,
  });
}

function idleRule(rules: Rules): void {
  const { total_energy_mj: gross, net_energy_mj: net, idle_power_mw: idle } = rules.report;
  if (gross === null || net === null || idle === null || gross <= 0) return;
  const share = (gross - net) / gross;
  if (share < 0.2) return;
  rules.add({
    id: "idle",
    text: `${percent(share)} of the energy is what the machine draws when it is idle.`,
    detail: `${formatPower(idle)} over the run's ${formatTime(rules.report.total_duration_ms)}; 'net' leaves it out.`,
    share: null,
    grade: rules.report.power.grade,
    target: null,
  });
}

function unattributedRule(rules: Rules): void {
  const { basis, report } = rules;
  const rest =
    basis.noun === "energy"
      ? (report.unattributed_energy_mj ?? 0)
      : report.component_averages
          .filter((row) => row.component === "unattributed")
          .reduce((sum, row) => sum + row.duration_ms, 0);
  if (basis.total <= 0 || rest / basis.total < 0.03) return;
  rules.add({
    id: "unattributed",
    text: `${percent(rest / basis.total)} of the ${basis.noun} belongs to no operation.`,
    detail: "Work of the host between passes and operations; it is shown as 'unattributed'.",
    share: rest / basis.total,
    grade: basis.noun === "energy" ? report.power.grade : "measured",
    target: { phase: null, layers: null, components: ["unattributed"] },
  });
}

/** Deep and standard runs: how many of the MLP's activations are next to nothing. */
function sparsityRule(rules: Rules): void {
  const row = rules.report.component_averages.find(
    (each) => each.phase === "decode" && each.component === "activation",
  );
  const sparsity = row?.activation_sparsity ?? null;
  if (sparsity === null || sparsity < 0.3) return;
  const threshold = rules.report.settings["sparsity_threshold"];
  rules.add({
    id: "sparsity",
    text: `${percent(sparsity)} of the MLP's activations are next to nothing.`,
    detail: `|x| < ${typeof threshold === "number" ? threshold : 0.01}, average over ${row!.passes} passes of decode.`,
    share: null,
    grade: "measured",
    target: { phase: "decode", layers: null, components: ["activation"] },
  });
}

/** What can be said of a run, the largest share first, then what is no share. */
export function findings(report: RunReport): Finding[] {
  const rules = new Rules(report);
  phaseRule(rules);
  const phases = (["decode", "prefill"] as const).filter(
    (phase) => (rules.total.get(phase) ?? 0) >= 0.15 * rules.basis.total,
  );
  for (const phase of phases) {
    layerRule(rules, phase);
    componentRule(rules, phase);
    outsideRule(rules, phase);
  }
  ratioRule(rules);
  idleRule(rules);
  unattributedRule(rules);
  sparsityRule(rules);
  const [first, ...others] = rules.found;
  if (!first) return [];
  return [first, ...others.sort((a, b) => (b.share ?? -1) - (a.share ?? -1))];
}
