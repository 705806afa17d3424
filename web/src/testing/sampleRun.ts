// SPDX-License-Identifier: MIT
// A run made up for tests: every answer of the server about it, all derived from one table of spans in
// whole nanojoules and ticks, so that what must add up does.

import type {
  ComponentAverage,
  Flow,
  Grade,
  LayerAverage,
  MatrixHead,
  MatrixPass,
  Phase,
  PhaseAverage,
  Pipeline,
  RunReport,
  Token,
  TreeNode,
} from "../api/schema";

export interface SampleOptions {
  readonly layers?: number;
  readonly promptTokens?: number;
  readonly outputTokens?: number;
  /** Nothing is known of energy. */
  readonly withoutPower?: boolean;
  /** Generated tokens whose passes were not taken apart. */
  readonly bare?: readonly number[];
  /** How much a cell weighs; 1 where nothing is said. */
  readonly weight?: (phase: Phase, layer: number, component: string) => number;
  readonly grade?: Grade;
  readonly idle_mw?: number | null;
}

type Group = "attention" | "mlp" | "other";

const COLUMNS: readonly (readonly [name: string, group: Group, inLayer: boolean])[] = [
  ["embedding", "other", false],
  ["input_layernorm", "attention", true],
  ["q_proj", "attention", true],
  ["attention", "attention", true],
  ["o_proj", "attention", true],
  ["gate_proj", "mlp", true],
  ["down_proj", "mlp", true],
  ["lm_head", "other", false],
];

interface Cell {
  ms: number;
  mj: number | null;
}

const add = (sum: Cell, more: Cell): void => {
  sum.ms += more.ms;
  sum.mj = sum.mj === null || more.mj === null ? null : sum.mj + more.mj;
};

// All of a pass's time is 1 ms per unit of weight, power 20 W, the last tenth of a pass is no operation.
const POWER_MW = 20_000;
const energyOf = (ms: number): number => (ms * POWER_MW) / 1000;

interface Pass {
  readonly pass: MatrixPass;
  readonly start_ms: number;
  readonly cells: (Cell | undefined)[];
  readonly rest: Cell;
}

export interface SampleRun {
  readonly report: RunReport;
  readonly pipeline: Pipeline;
  readonly tokens: Token[];
  readonly tree: TreeNode;
  readonly flow: Flow;
  readonly stacks: { readonly time: SampleStack; readonly energy: SampleStack | null };
}

export interface SampleStack {
  readonly head: MatrixHead;
  readonly values: Float32Array;
}

const NO_STATISTICS = {
  flops: null,
  bytes: null,
  activation_mean: null,
  activation_std: null,
  activation_max: null,
  activation_sparsity: null,
  activation_kill_ratio: null,
  variance_ratio: null,
  attention_entropy: null,
  max_attention_weight: null,
  attention_sparsity: null,
};

const NO_DOMAINS = { cpu: null, gpu: null, ane: null, dram: null, soc: null, other: null };

export function sampleRun(options: SampleOptions = {}): SampleRun {
  const layers = options.layers ?? 4;
  const prompt = options.promptTokens ?? 3;
  const output = options.outputTokens ?? 6;
  const powered = !options.withoutPower;
  const weight = options.weight ?? (() => 1);
  const rows = [-1, ...Array.from({ length: layers }, (_, i) => i)];
  const passes: Pass[] = [];
  let clock = 2; // after the tokenization
  const evaluate = (phase: Phase, first: number, count: number, profiled: boolean) => {
    const cells = rows.flatMap((layer) =>
      COLUMNS.map(([name, , inLayer]): Cell | undefined => {
        if (inLayer !== layer >= 0) return undefined;
        const ms = weight(phase, layer, name) * count;
        return { ms, mj: powered ? energyOf(ms) : null };
      }),
    );
    const inside = cells.reduce((sum, cell) => sum + (cell?.ms ?? 0), 0);
    const rest: Cell = { ms: inside / 9, mj: powered ? energyOf(inside / 9) : null };
    const duration = inside + rest.ms;
    passes.push({
      pass: {
        pass: passes.length,
        phase,
        position: first,
        first_token: first,
        tokens: count,
        duration_ms: duration,
        energy_mj: powered ? energyOf(duration) : null,
        profiled,
      },
      start_ms: clock,
      cells: profiled ? cells : cells.map(() => undefined),
      rest,
    });
    clock += duration;
  };
  if (prompt > 0) evaluate("prefill", 0, prompt, true);
  for (let i = 0; i < output; i++) evaluate("decode", prompt + i, 1, !options.bare?.includes(i));
  const head = matrixHead(rows, passes);
  const whole: Cell = { ms: clock + 1, mj: powered ? energyOf(clock + 1) : null };
  const sums = phaseSums(passes);
  const tree = treeOf(rows, passes, whole, options.grade ?? "measured");
  const report = reportOf(options, rows, passes, sums, whole, prompt, output);
  return {
    report,
    pipeline: {
      run_id: "sample",
      total_duration_ms: whole.ms,
      total_energy_mj: whole.mj,
      unattributed_ms: 0,
      unattributed_energy_mj: powered ? 0 : null,
      phases: report.phases,
      sections: [],
    },
    tokens: tokensOf(passes),
    tree,
    flow: flowOf(rows, passes),
    stacks: {
      time: stackOf(head, passes, (cell) => cell.ms),
      energy: powered
        ? stackOf({ ...head, metric: "energy_mj", unit: "mJ" }, passes, (cell) => cell.mj!)
        : null,
    },
  };
}

function matrixHead(rows: number[], passes: readonly Pass[]): MatrixHead {
  return {
    run_id: "sample",
    metric: "time_ms",
    unit: "ms",
    attribution: { model: "time", activity_known: false, reason: "not calibrated" },
    aggregate: "sum",
    layers: rows,
    components: COLUMNS.map(([name]) => name),
    groups: COLUMNS.map(([, group]) => group),
    passes: passes.map(({ pass }) => pass),
    stack: true,
    min: null,
    max: null,
    rest: { unattributed: null, not_profiled: null },
  };
}

function stackOf(
  head: MatrixHead,
  passes: readonly Pass[],
  value: (cell: Cell) => number,
): SampleStack {
  const values = passes.flatMap(({ cells }) =>
    cells.map((cell) => (cell ? value(cell) : Number.NaN)),
  );
  return { head, values: Float32Array.from(values) };
}

function tokensOf(passes: readonly Pass[]): Token[] {
  return passes.flatMap(({ pass, start_ms }) =>
    Array.from({ length: pass.tokens }, (_, i): Token => {
      const duration = pass.duration_ms / pass.tokens;
      return {
        index: pass.first_token + i,
        pass: pass.pass,
        position: pass.first_token + i,
        token: 100 + pass.first_token + i,
        text: ` t${pass.first_token + i}`,
        phase: pass.phase,
        start_ms: start_ms + i * duration,
        duration_ms: duration,
        energy_mj: pass.energy_mj === null ? null : pass.energy_mj / pass.tokens,
        energy_by_domain_mj: {
          ...NO_DOMAINS,
          cpu: pass.energy_mj === null ? null : pass.energy_mj / pass.tokens,
        },
        power_mw: pass.energy_mj === null ? null : POWER_MW,
        grade: "measured",
        profiled: pass.profiled,
      };
    }),
  );
}

type Sums = Map<
  Phase,
  {
    whole: Cell;
    cells: (Cell | undefined)[];
    rest: Cell;
    apart: Cell;
    profiled: number;
    start: number;
    tokens: number;
  }
>;

function phaseSums(passes: readonly Pass[]): Sums {
  const sums: Sums = new Map();
  for (const { pass, cells, rest, start_ms } of passes) {
    const zero = (): Cell => ({ ms: 0, mj: pass.energy_mj === null ? null : 0 });
    let sum = sums.get(pass.phase);
    if (!sum)
      sums.set(
        pass.phase,
        (sum = {
          whole: zero(),
          cells: [],
          rest: zero(),
          apart: zero(),
          profiled: 0,
          start: start_ms,
          tokens: 0,
        }),
      );
    add(sum.whole, { ms: pass.duration_ms, mj: pass.energy_mj });
    sum.tokens += pass.tokens;
    if (!pass.profiled) {
      add(sum.apart, { ms: pass.duration_ms, mj: pass.energy_mj });
      continue;
    }
    sum.profiled++;
    add(sum.rest, rest);
    cells.forEach((cell, i) => cell && add((sum.cells[i] ??= zero()), cell));
  }
  return sums;
}

const costs = (cell: Cell) => ({
  duration_ms: cell.ms,
  energy_mj: cell.mj,
  energy_by_domain_mj: { ...NO_DOMAINS, cpu: cell.mj },
});

function treeOf(
  rows: readonly number[],
  passes: readonly Pass[],
  whole: Cell,
  grade: Grade,
): TreeNode {
  const left: Cell = { ...whole };
  const phases = [...phaseSums(passes)].map(([phase, sum]): TreeNode => {
    left.ms -= sum.whole.ms;
    if (left.mj !== null) left.mj -= sum.whole.mj!;
    const children = rows.map((layer, row): TreeNode => {
      const total: Cell = { ms: 0, mj: sum.whole.mj === null ? null : 0 };
      const parts = COLUMNS.flatMap(([name], column): TreeNode[] => {
        const cell = sum.cells[row * COLUMNS.length + column];
        if (!cell) return [];
        add(total, cell);
        return [{ kind: "component", name, ...costs(cell), grade: "attributed" }];
      });
      const kind = layer < 0 ? "outside" : "layer";
      return {
        kind,
        name: layer < 0 ? "outside" : `layer ${layer}`,
        ...(layer < 0 ? {} : { layer }),
        ...costs(total),
        grade: "attributed",
        children: parts,
      };
    });
    if (sum.apart.ms > 0)
      children.push({ kind: "not_profiled", name: "not profiled", ...costs(sum.apart), grade });
    children.push({ kind: "unattributed", name: "unattributed", ...costs(sum.rest), grade });
    return { kind: "phase", name: phase, ...costs(sum.whole), grade, children };
  });
  phases.push({ kind: "unattributed", name: "unattributed", ...costs(left), grade });
  return { kind: "run", name: "run", ...costs(whole), grade, children: phases };
}

function flowOf(rows: readonly number[], passes: readonly Pass[]): Flow {
  const nodes = new Map<string, Flow["nodes"][number]>();
  const links = new Map<string, Flow["links"][number]>();
  const flow = (source: [string, number], target: [string, number], cell: Cell) => {
    for (const [id, stage] of [source, target])
      nodes.set(id, { id, name: id, stage, duration_ms: 0, energy_mj: null });
    const key = `${source[0]} ${target[0]}`;
    const held = links.get(key) ?? {
      source: source[0],
      target: target[0],
      duration_ms: 0,
      energy_mj: cell.mj === null ? null : 0,
    };
    links.set(key, {
      ...held,
      duration_ms: held.duration_ms + cell.ms,
      energy_mj: cell.mj === null ? null : held.energy_mj! + cell.mj,
    });
  };
  for (const sum of phaseSums(passes).values()) {
    rows.forEach((layer, row) =>
      COLUMNS.forEach(([name, group], column) => {
        const cell = sum.cells[row * COLUMNS.length + column];
        if (!cell) return;
        const middle: [string, number] = layer < 0 ? ["outside", 1] : [`layer:${layer}`, 1];
        const end: [string, number] = layer < 0 ? [`component:${name}`, 2] : [group, 2];
        flow(["input", 0], middle, cell);
        flow(middle, end, cell);
        flow(end, ["output", 3], cell);
      }),
    );
    for (const [id, cell] of [
      ["not_profiled", sum.apart],
      ["unattributed", sum.rest],
    ] as const) {
      if (cell.ms === 0) continue;
      flow(["input", 0], [id, 1], cell);
      flow([id, 1], ["output", 3], cell);
    }
  }
  return {
    run_id: "sample",
    phase: null,
    attribution: { model: "time", activity_known: false, reason: "not calibrated" },
    nodes: [...nodes.values()],
    links: [...links.values()],
  };
}

function averages(cell: Cell, passes: number, whole: Cell) {
  return {
    ...costs(cell),
    average_power_mw: cell.mj === null ? null : POWER_MW,
    share_ratio: cell.mj === null || whole.mj === null ? cell.ms / whole.ms : cell.mj / whole.mj,
    passes,
    average_duration_ms: cell.ms / (passes || 1),
    average_energy_mj: cell.mj === null ? null : cell.mj / (passes || 1),
    ...NO_STATISTICS,
  };
}

function tablesOf(rows: readonly number[], sums: Sums, whole: Cell) {
  const phases: PhaseAverage[] = [];
  const byLayer: LayerAverage[] = [];
  const byComponent: ComponentAverage[] = [];
  for (const [phase, sum] of sums) {
    phases.push({ phase, ...averages(sum.whole, sum.profiled, whole) });
    const zero = (): Cell => ({ ms: 0, mj: sum.whole.mj === null ? null : 0 });
    const components = COLUMNS.map(zero);
    rows.forEach((layer, row) => {
      const parts: Record<Group, Cell> = { attention: zero(), mlp: zero(), other: zero() };
      const all = zero();
      COLUMNS.forEach(([, group], column) => {
        const cell = sum.cells[row * COLUMNS.length + column];
        if (!cell) return;
        add(parts[group], cell);
        add(all, cell);
        add(components[column]!, cell);
      });
      byLayer.push({
        phase,
        layer,
        attention_ms: parts.attention.ms,
        mlp_ms: parts.mlp.ms,
        attention_energy_mj: parts.attention.mj,
        mlp_energy_mj: parts.mlp.mj,
        ...averages(all, sum.profiled, whole),
      });
    });
    COLUMNS.forEach(([component, group], column) =>
      byComponent.push({
        phase,
        component,
        group,
        ...averages(components[column]!, sum.profiled, whole),
      }),
    );
    byComponent.push({
      phase,
      component: "unattributed",
      group: "other",
      ...averages(sum.rest, sum.profiled, whole),
    });
    if (sum.apart.ms > 0) {
      byComponent.push({
        phase,
        component: "not profiled",
        group: "other",
        ...averages(sum.apart, 0, whole),
      });
    }
  }
  return { phase_averages: phases, layer_averages: byLayer, component_averages: byComponent };
}

function reportOf(
  options: SampleOptions,
  rows: readonly number[],
  passes: readonly Pass[],
  sums: Sums,
  whole: Cell,
  prompt: number,
  output: number,
): RunReport {
  const grade = options.withoutPower ? "unavailable" : (options.grade ?? "measured");
  const energy = (phase: Phase): number | null => sums.get(phase)?.whole.mj ?? null;
  const perToken = (mj: number | null, count: number) =>
    mj === null || count === 0 ? null : mj / 1000 / count;
  const idle = options.idle_mw === undefined ? (whole.mj === null ? null : 5000) : options.idle_mw;
  const phases = [...sums].map(([phase, sum]) => ({
    phase,
    start_ms: sum.start,
    ...costs(sum.whole),
    average_power_mw: sum.whole.mj === null ? null : POWER_MW,
    peak_power_mw: sum.whole.mj === null ? null : POWER_MW,
    tokens: sum.tokens,
    tokens_per_second: (1000 * sum.tokens) / sum.whole.ms,
    joules_per_token: perToken(sum.whole.mj, sum.tokens),
    unattributed_ms: 0,
    unattributed_energy_mj: sum.whole.mj === null ? null : 0,
    grade: grade as Grade,
    counters: null,
  }));
  return {
    id: "sample",
    run_id: "sample",
    created_at: "2026-11-29T10:00:00.000000",
    created_at_utc: "2026-11-29T10:00:00.000000+00:00",
    status: "complete",
    failure: null,
    model_name: "sample",
    model: { layers: rows.length - 1 },
    engine: {},
    machine: {},
    prompt: "a prompt",
    response: "an answer",
    tags: [],
    experiment_name: null,
    mode: "standard",
    settings: { sparsity_threshold: 0.01 },
    input_tokens: prompt,
    output_tokens: output,
    total_duration_ms: whole.ms,
    total_energy_mj: whole.mj,
    energy_by_domain_mj: { ...NO_DOMAINS, cpu: whole.mj },
    phases,
    tokens_per_second: null,
    prefill_tokens_per_second: null,
    time_to_first_token_ms: null,
    joules_per_token: perToken(whole.mj, output),
    joules_per_input_token: perToken(energy("prefill"), prompt),
    joules_per_output_token: perToken(energy("decode"), output),
    tokens_per_joule: null,
    energy_delay_product_js: null,
    prefill_decode_energy_ratio: null,
    output_input_token_energy_ratio: null,
    energy_per_million_parameters_mj: null,
    average_power_mw: whole.mj === null ? null : POWER_MW,
    peak_power_mw: whole.mj === null ? null : POWER_MW,
    idle_power_mw: idle,
    net_energy_mj: whole.mj === null || idle === null ? null : whole.mj - (idle * whole.ms) / 1000,
    unattributed_energy_mj: whole.mj === null ? null : 0,
    cost_usd: null,
    co2_g: null,
    grid: { region: "us", g_per_kwh: 400, usd_per_kwh: 0.12, date: null },
    power: {
      sources: [],
      grade,
      interval_ms: null,
      samples: 0,
      coverage_ratio: null,
      residual_ratio: null,
      warnings: [],
    },
    profiler: {
      overhead_pct: null,
      overhead_ci_pct: null,
      method: "",
      profiled_tokens: passes.filter(({ pass }) => pass.profiled && pass.phase === "decode").length,
      dropped_events: 0,
      store_bytes_per_token: null,
    },
    conditions: {},
    attribution: { model: "time", activity_known: false, reason: "not calibrated" },
    domains: whole.mj === null ? [] : [{ domain: "cpu", energy_mj: whole.mj, share_ratio: 1 }],
    ...tablesOf(rows, sums, whole),
    hottest_components: [],
    profiled: (["prefill", "decode"] as const).map((phase) => {
      const own = passes.filter(({ pass }) => pass.phase === phase);
      const taken = own.filter(({ pass }) => pass.profiled).length;
      return { phase, passes: own.length, profiled_passes: taken, time_scale: 1, energy_scale: 1 };
    }),
  };
}
