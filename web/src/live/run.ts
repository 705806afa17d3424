// SPDX-License-Identifier: MIT
// A run while it goes on: what the frames of the live stream have said so far. Changed in place, outside React; the
// version numbers say what has changed.

import type {
  Grade,
  Phase,
  RunSummary,
  WsComponentMetrics,
  WsFrame,
  WsLayerMetrics,
  WsPowerSample,
  WsProgress,
  WsRunStarted,
  WsTokenComplete,
} from "../api/schema";
import { DOMAINS, PHASES } from "../format/names";
import { Ring } from "./ring";

export const POWER_COLUMNS = ["t", "phase", ...DOMAINS, "total"] as const;
export type PowerColumn = (typeof POWER_COLUMNS)[number];

const SAMPLES = 6000;
const LAYER_SPLITS = 4096;
const MOST_TOKENS = 4_194_304; // as the server

export interface LiveToken {
  readonly index: number;
  readonly text: string;
  readonly phase: Phase;
  /** When it was complete, from the start of the run. */
  readonly endMs: number;
  readonly durationMs: number;
  readonly energyMj: number | null;
  readonly powerMw: number | null;
  readonly grade: Grade | null;
}

/** Layers × components of one pass. */
export interface HeatMatrix {
  readonly token: number;
  readonly phase: Phase;
  readonly layers: readonly number[];
  readonly components: readonly string[];
  readonly timeMs: Float32Array;
  readonly energyMj: Float32Array;
  /** Components outside the layers. */
  readonly outside: readonly {
    readonly name: string;
    readonly timeMs: number;
    readonly energyMj: number | null;
  }[];
}

export interface LayerSplit {
  readonly layers: readonly number[];
  readonly timeMs: readonly number[];
  readonly energyMj: readonly (number | null)[];
}

export interface Band {
  readonly phase: Phase;
  startMs: number;
  endMs: number;
}

/** What is told about a run when it starts. */
export type Facts = Pick<
  WsRunStarted,
  "model_name" | "mode" | "prompt" | "tags" | "layers" | "power_sources"
>;

export type LiveStatus = "running" | "complete" | "failed" | "cancelled" | "interrupted";

export class LiveRun {
  readonly id: string;
  status: LiveStatus = "running";
  failure: string | null = null;
  facts: Facts | null = null;
  progress: WsProgress | null = null;
  summary: RunSummary | null = null;
  readonly power = new Ring<PowerColumn>(POWER_COLUMNS, SAMPLES);
  peakMw: number | null = null;
  readonly bands: Band[] = [];
  /** By index; a hole is a token that has not come (yet). */
  readonly tokens: (LiveToken | undefined)[] = [];
  heat: HeatMatrix | null = null;
  readonly splits = new Map<number, LayerSplit>();
  /** Frames were lost to this page: still to be read from the store, or read. */
  lost: "no" | "reading" | "filled" = "no";
  #known = 0;
  readonly version = { power: 0, tokens: 0, heat: 0, facts: 0 };

  constructor(id: string) {
    this.id = id;
  }

  /** Is something missing that the store has? */
  hasMissing(): boolean {
    return this.lost === "reading" || this.facts === null || this.missingTokens > 0;
  }

  get missingTokens(): number {
    return this.tokens.length - this.#known;
  }

  /** Indices of tokens that were skipped, as [first, last] ranges. */
  holes(): [number, number][] {
    const out: [number, number][] = [];
    for (let i = 0; i < this.tokens.length; i++) {
      if (this.tokens[i]) continue;
      const last = out.at(-1);
      if (last && last[1] === i - 1) last[1] = i;
      else out.push([i, i]);
    }
    return out;
  }

  addToken(token: LiveToken): void {
    if (token.index < 0 || token.index > MOST_TOKENS) return;
    if (!this.tokens[token.index]) this.#known++;
    this.tokens[token.index] = token;
    this.version.tokens++;
  }

  addSample(row: Partial<Record<PowerColumn, number | null>>): void {
    this.power.push(row);
    const { t, total } = row;
    if (total != null && t != null && t >= 0 && (this.peakMw === null || total > this.peakMw))
      this.peakMw = total;
    this.version.power++;
  }

  extendBand(phase: Phase, fromMs: number, toMs: number): void {
    const band = this.bands.find((one) => one.phase === phase);
    if (!band) {
      this.bands.push({ phase, startMs: fromMs, endMs: toMs });
      this.bands.sort((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase));
    } else {
      band.startMs = Math.min(band.startMs, fromMs);
      band.endMs = Math.max(band.endMs, toMs);
    }
  }

  /** The run is over, as its summary or the store says. */
  finish(status: LiveStatus, summary: RunSummary | null, failure: string | null): void {
    this.status = status;
    this.failure = failure ?? summary?.failure ?? null;
    if (summary) {
      this.summary = summary;
      this.bands.length = 0;
      for (const { phase, start_ms: from, duration_ms: length } of summary.phases) {
        this.bands.push({ phase, startMs: from, endMs: from + length });
      }
    }
    this.version.facts++;
    this.version.power++;
  }

  apply(frame: WsFrame): void {
    switch (frame.type) {
      case "run_started":
        this.facts = frame;
        break;
      case "power_sample":
        this.#samples(frame);
        break;
      case "section_start":
        this.extendBand(frame.phase, frame.t_ms, frame.t_ms);
        break;
      case "section_end":
        this.extendBand(frame.phase, frame.start_ms, frame.start_ms + frame.duration_ms);
        break;
      case "token_complete":
        this.addToken(tokenOf(frame));
        this.extendBand(frame.phase, frame.t_ms - frame.duration_ms, frame.t_ms);
        break;
      case "layer_metrics":
        this.#split(frame);
        break;
      case "component_metrics":
        this.heat = heatOf(frame);
        this.version.heat++;
        break;
      case "operation_metrics":
        break; // for those who look closer: the Analysis view reads them from the store
      case "progress":
        this.progress = frame;
        break;
      case "inference_complete":
        this.finish("complete", frame.summary, null);
        break;
      case "run_cancelled":
        this.finish("cancelled", frame.summary ?? null, null);
        break;
      case "run_failed":
        this.finish("failed", frame.summary ?? null, frame.failure);
        break;
      case "gap":
        this.lost = "reading";
        break;
    }
    this.version.facts++;
  }

  #samples(frame: WsPowerSample): void {
    const value = (column: readonly (number | null)[] | undefined, i: number) =>
      column?.[i] ?? null;
    frame.timestamp_ms.forEach((t, i) => {
      const row: Partial<Record<PowerColumn, number | null>> = {
        t,
        total: value(frame.total_power_mw, i),
      };
      row.phase = phaseNumber(frame.phase[i]);
      for (const domain of DOMAINS) row[domain] = value(frame[`${domain}_power_mw`], i);
      this.addSample(row);
    });
  }

  #split(frame: WsLayerMetrics): void {
    this.splits.delete(frame.token_index);
    this.splits.set(frame.token_index, {
      layers: frame.layer_index,
      timeMs: frame.total_time_ms,
      energyMj: frame.energy_mj,
    });
    if (this.splits.size > LAYER_SPLITS) this.splits.delete(this.splits.keys().next().value!);
    this.version.heat++;
  }
}

export function phaseNumber(phase: string | null | undefined): number | null {
  const at = PHASES.indexOf(phase as Phase);
  return at < 0 ? null : at;
}

function tokenOf(frame: WsTokenComplete): LiveToken {
  return {
    index: frame.index,
    text: frame.text,
    phase: frame.phase,
    endMs: frame.t_ms,
    durationMs: frame.duration_ms,
    energyMj: frame.energy_mj,
    powerMw: frame.power_mw,
    grade: frame.grade ?? null,
  };
}

/** Columns stand in the order in which their components first ran. */
export function heatOf(frame: WsComponentMetrics): HeatMatrix {
  const layers = [...new Set(frame.layer_index.filter((layer) => layer >= 0))].sort(
    (a, b) => a - b,
  );
  const components = [
    ...new Set(frame.component_name.filter((_, i) => frame.layer_index[i]! >= 0)),
  ];
  const row = new Map(layers.map((layer, i) => [layer, i]));
  const column = new Map(components.map((name, i) => [name, i]));
  const timeMs = new Float32Array(layers.length * components.length).fill(Number.NaN);
  const energyMj = new Float32Array(timeMs.length).fill(Number.NaN);
  const outside: { name: string; timeMs: number; energyMj: number | null }[] = [];
  frame.layer_index.forEach((layer, i) => {
    const name = frame.component_name[i]!;
    const time = frame.time_ms[i]!;
    const energy = frame.energy_mj[i] ?? null;
    if (layer < 0) {
      outside.push({ name, timeMs: time, energyMj: energy });
      return;
    }
    const at = row.get(layer)! * components.length + column.get(name)!;
    timeMs[at] = time;
    energyMj[at] = energy ?? Number.NaN;
  });
  return {
    token: frame.token_index,
    phase: frame.phase,
    layers,
    components,
    timeMs,
    energyMj,
    outside,
  };
}
