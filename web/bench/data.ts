// SPDX-License-Identifier: MIT
// Made-up runs for the gallery and the benchmarks: a small dense model with one hot layer, the same
// each time.

import type { BarsData } from "../src/charts/bars";
import { ATTENTION, MLP } from "../src/charts/base/components";
import type { HeatmapData } from "../src/charts/heatmap";
import type { HistogramData } from "../src/charts/histogram";
import type { PowerData } from "../src/charts/power";
import type { FlowData, FlowLink, FlowNode } from "../src/charts/sankey";
import type { ScatterData } from "../src/charts/scatter";
import type { SeriesData } from "../src/charts/series";
import {
  sectionSpans,
  timelineData,
  type Span,
  type TimelineData,
} from "../src/charts/timelineData";
import type { TreeNode } from "../src/charts/treemap";
import type { WaterfallData } from "../src/charts/waterfall";
import { quantities } from "../src/format/units";
import { randomFrom } from "../src/testing/random";

const COMPONENTS = [
  ...ATTENTION.filter(
    (name) =>
      !["qkv_proj", "attn_gate", "post_attention_norm", "recurrent", "qk_norm"].includes(name),
  ),
  ...MLP.filter(
    (name) =>
      !["gate_up_proj", "router", "experts", "shared_expert", "post_ffw_norm"].includes(name),
  ),
];

const WEIGHT: Record<string, number> = {
  attention: 4,
  gate_proj: 3.4,
  up_proj: 3.4,
  down_proj: 3.6,
  q_proj: 1.2,
  o_proj: 1.2,
  k_proj: 0.4,
  v_proj: 0.4,
};

const costOf = (name: string): number => WEIGHT[name] ?? 0.15;

export function heatmap(layers: number, seed = 1): HeatmapData {
  const next = randomFrom(seed);
  const columns = ["embedding", ...COMPONENTS, "final_norm", "lm_head", "sampling"];
  const inside = new Set<string>(COMPONENTS);
  const rows = ["outside", ...Array.from({ length: layers }, (_, i) => String(i))];
  const values = new Float64Array(rows.length * columns.length).fill(Number.NaN);
  rows.forEach((_, row) =>
    columns.forEach((name, column) => {
      if ((row === 0) === inside.has(name)) return;
      const hot = row === layers - 3 ? 1.7 : 1;
      const cost = name === "lm_head" ? 9 : costOf(name);
      values[row * columns.length + column] = cost * hot * (0.85 + 0.3 * next());
    }),
  );
  return {
    rows,
    columns,
    values,
    quantity: quantities.energy,
    rowKind: "layer",
    columnKind: "component",
  };
}

export function tokenHeatmap(tokens: number, layers: number): HeatmapData {
  const next = randomFrom(2);
  const values = new Float32Array(tokens * layers);
  for (let i = 0; i < values.length; i++) values[i] = 1 + (i % tokens) / tokens + next() ** 12 * 6;
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  return {
    rows: numbers(layers),
    columns: numbers(tokens),
    values,
    quantity: quantities.energy,
    rowKind: "layer",
    columnKind: "token",
  };
}

export function difference(layers: number): HeatmapData {
  const [a, b] = [heatmap(layers, 1), heatmap(layers, 9)];
  const values = a.values.map((value, i) => (b.values[i]! - value) * (i % 17 === 3 ? 3 : 1));
  return { ...a, values, quantity: quantities.energyNamed("difference") };
}

/** Four lanes: phases, sections, passes, components. */
export function timeline(tokens: number, perToken: number): TimelineData {
  const next = randomFrom(3);
  const spans: Span[] = [];
  const add = (lane: number, name: string, start_ms: number, end_ms: number, energy_mj: number) =>
    spans.push({ lane, name, start_ms, end_ms, energy_mj });
  add(0, "pre_inference", 0, 22, 70);
  spans.push(
    ...sectionSpans(1, 0, [
      { name: "tokenization", start_ms: 0, end_ms: 6, duration_ms: 6, energy_mj: 20 },
      { name: "kv_cache_init", start_ms: 6, end_ms: 20, duration_ms: 14, energy_mj: 46 },
    ]),
  );
  const pass = (start: number, duration: number, power: number, count: number) => {
    add(2, count > 1 ? `prefill ${count}` : "decode", start, start + duration, duration * power);
    let at = start;
    for (let i = 0; i < perToken; i++) {
      const name = COMPONENTS[i % COMPONENTS.length]!;
      const share = (0.5 + next()) / perToken;
      const end = Math.min(start + duration, at + duration * share * 0.95);
      add(3, name, at, end, (end - at) * power * 0.98);
      at = end;
    }
  };
  add(0, "prefill", 22, 112, 90 * 5.6);
  pass(23, 88, 5.5, 32);
  const decodeStart = 112;
  let at = decodeStart;
  for (let token = 0; token < tokens; token++) {
    const duration = 9 + 2 * next() + (token % 37 === 0 ? 6 : 0);
    pass(at, duration, 3.2 + next(), 1);
    at += duration + 0.1;
  }
  const decode = at - decodeStart;
  add(0, "decode", decodeStart, at, decode * 4.3);
  for (const [start, names] of [
    [22, ["kv_cache_store"]],
    [decodeStart, ["kv_cache_append"]],
  ] as const) {
    const whole = start === 22 ? 90 : decode;
    const all = [
      "embedding_lookup",
      "position_embedding",
      "layers",
      "lm_head",
      "sampling",
      ...names,
    ];
    const shares = [0.01, 0.03, 0.72, 0.16, 0.05, 0.02];
    spans.push(
      ...sectionSpans(
        1,
        start,
        all.map((name, i) => ({
          name,
          start_ms: start + i / 100,
          end_ms: start + whole - i / 100,
          duration_ms: whole * shares[i]!,
          energy_mj: whole * shares[i]! * 4.1,
        })),
      ),
    );
  }
  add(0, "post_inference", at, at + 8, 24);
  return timelineData(["phases", "sections", "passes", "components"], spans);
}

export function waterfall(tokens: number): WaterfallData {
  const next = randomFrom(4);
  const names = [...COMPONENTS, "lm_head", "sampling", "unattributed"];
  const words = ["Once", " upon", " a", " time", ",", " there", " was", " a", " fox", "."];
  const spike = Array.from(
    { length: tokens },
    (_, i) => (i % 23 === 7 ? 1.6 : 1) * (1 + i / tokens / 3),
  );
  return {
    positions: Array.from({ length: tokens }, (_, i) => i + 12),
    texts: Array.from({ length: tokens }, (_, i) => words[i % words.length]!),
    series: names.map((name) => ({
      name,
      values: Float64Array.from(spike, (factor) => costOf(name) * factor * (0.9 + 0.2 * next())),
    })),
    quantity: quantities.energy,
  };
}

export function tree(layers: number, operations = ["matmul", "bias", "copy"]): TreeNode {
  const next = randomFrom(5);
  const component = (name: string, factor: number): TreeNode => {
    const value = costOf(name) * factor * (0.8 + 0.4 * next());
    const children = operations.map((operation, i) => ({
      name: operation,
      kind: "operation",
      value: value * [0.8, 0.12, 0.05][i]!,
    }));
    return { name, kind: "component", value, children };
  };
  const layer = (i: number, factor: number): TreeNode => {
    const children = COMPONENTS.map((name) =>
      component(name, factor * (i === layers - 3 ? 1.6 : 1)),
    );
    return { name: String(i), kind: "layer", value: sum(children) * 1.02, children };
  };
  const phase = (name: string, factor: number): TreeNode => {
    const children = Array.from({ length: layers }, (_, i) => layer(i, factor));
    children.push({
      name: "outside the layers",
      kind: "outside",
      value: 30 * factor,
      children: [component("lm_head", 100 * factor), component("embedding", 5 * factor)],
    });
    return { name, kind: "phase", value: sum(children) * 1.03, children };
  };
  const children = [
    phase("prefill", 0.3),
    phase("decode", 1),
    { name: "pre_inference", kind: "phase", value: 12 },
  ];
  return { name: "run", kind: "run", value: sum(children) * 1.01, children };
}

const sum = (nodes: readonly TreeNode[]): number =>
  nodes.reduce((total, node) => total + (node.value ?? 0), 0);

export function flow(layers: number): FlowData {
  const next = randomFrom(6);
  const nodes: FlowNode[] = [{ id: "input", name: "input", stage: 0 }];
  const links: FlowLink[] = [];
  const into: Record<string, number> = { attention: 0, mlp: 0, other: 0 };
  const link = (id: string, name: string, parts: Record<string, number>) => {
    nodes.push({ id, name, stage: 1 });
    links.push({
      source: "input",
      target: id,
      value: Object.values(parts).reduce((a, b) => a + b, 0),
    });
    for (const [part, value] of Object.entries(parts)) {
      links.push({ source: id, target: part, value });
      into[part] = (into[part] ?? 0) + value;
    }
  };
  for (let i = 0; i < layers; i++) {
    const hot = i === layers - 3 ? 1.6 : 1;
    link(`layer:${i}`, `layer ${i}`, { attention: hot * (7 + next()), mlp: hot * (10 + next()) });
  }
  link("outside", "outside the layers", { other: 12 });
  link("unattributed", "unattributed", { unattributed: 5 });
  for (const name of ["attention", "mlp", "other", "unattributed"]) {
    if (name !== "unattributed")
      nodes.push({ id: name, name: name === "mlp" ? "MLP" : name, stage: 2 });
  }
  // what is not attributed goes to the output at once
  const direct = links.filter((each) => each.source !== "unattributed");
  direct.push({ source: "unattributed", target: "output", value: 5 });
  for (const name of ["attention", "mlp", "other"]) {
    direct.push({ source: name, target: "output", value: into[name]! });
  }
  nodes.push({ id: "output", name: "output", stage: 3 });
  return { nodes, links: direct, quantity: quantities.energy };
}

export function power(samples: number): PowerData {
  const next = randomFrom(7);
  const timestamp_ms = Float64Array.from({ length: samples }, (_, i) => i * 10);
  const end = samples * 10;
  const load = (t: number) =>
    t < end * 0.05 ? 0.25 : t < end * 0.2 ? 1 : t < end * 0.96 ? 0.72 : 0.3;
  const line = (watts: number, noise: number) =>
    Array.from(timestamp_ms, (t, i) =>
      i > samples * 0.55 && i < samples * 0.58 ? null : 1000 * (load(t) * watts + noise * next()),
    );
  const parts = { cpu: line(14, 1.5), gpu: line(6, 2), ane: line(1.2, 0.2), dram: line(3, 0.4) };
  const total = parts.cpu.map((value, i) =>
    value === null ? null : value + parts.gpu[i]! + parts.ane[i]! + parts.dram[i]!,
  );
  return {
    timestamp_ms,
    power_mw: { ...parts, total },
    phases: [
      { phase: "pre_inference", start_ms: 0, end_ms: end * 0.05 },
      { phase: "prefill", start_ms: end * 0.05, end_ms: end * 0.2 },
      { phase: "decode", start_ms: end * 0.2, end_ms: end * 0.96 },
      { phase: "post_inference", start_ms: end * 0.96, end_ms: end },
    ],
    idle_mw: 3800,
    taken: samples * 4,
  };
}

export function runsOverlaid(): SeriesData {
  const next = randomFrom(8);
  const run = (i: number, count: number) => {
    const x = Float64Array.from({ length: count }, (_, k) => k * (18 + i));
    const y = Array.from(x, (t) => 1000 * (12 + 4 * i + 2 * Math.sin(t / (300 + 50 * i)) + next()));
    return { name: ["baseline q8_0", "q4_0", "f16"][i]!, x, y, style: { run: i } };
  };
  return {
    series: [run(0, 300), run(1, 240), run(2, 380)],
    xQuantity: quantities.time,
    yQuantity: quantities.power,
  };
}

export function perLayer(layers: number): SeriesData {
  const next = randomFrom(9);
  const x = Float64Array.from({ length: layers }, (_, i) => i);
  const line = (i: number) =>
    Array.from(x, (layer) => (10 + i * 2) * (layer === layers - 3 ? 1.5 : 1) + next());
  return {
    series: [0, 1, 2].map((i) => ({ name: `run ${"ABC"[i]}`, x, y: line(i), style: { run: i } })),
    xQuantity: quantities.plain("layer"),
    yQuantity: quantities.energy,
  };
}

export function scatter(runs: number): ScatterData {
  const next = randomFrom(10);
  const models = ["tales-q8_0", "llama-1b-q4_0", "llama-1b-q8_0", "qwen-0.6b-f16", "gemma-2b-q4_k"];
  return {
    points: Array.from({ length: runs }, (_, i) => {
      const speed = 8 + 60 * next() ** 2;
      return {
        key: String(i),
        label: models[i % models.length]!,
        x: i === 5 ? null : speed,
        y: (1.2 + 40 / speed) * (0.8 + 0.7 * next()),
        strong: i === 3,
      };
    }),
    xQuantity: quantities.rate,
    yQuantity: { ...quantities.plain("energy per token", "J/token") },
  };
}

export function componentBars(): BarsData {
  const rows = [...COMPONENTS].sort((a, b) => costOf(b) - costOf(a)).slice(0, 8);
  const total = COMPONENTS.reduce((sum, name) => sum + costOf(name), 0);
  return {
    bars: rows.map((name, i) => ({
      key: name,
      label: name,
      value: i === 6 ? null : costOf(name) * 40,
      low: i < 4 ? costOf(name) * 36 : null,
      high: i < 4 ? costOf(name) * 45 : null,
      style: {
        group: (ATTENTION as readonly string[]).includes(name) ? "attention" : "mlp",
      } as const,
      detail: i === 6 ? "" : `${((100 * costOf(name)) / total).toFixed(1)} %`,
    })),
    quantity: quantities.energy,
    kind: "component",
  };
}

export function domainBars(): BarsData {
  const values = { cpu: 5200, gpu: 1900, ane: null, dram: 820, soc: 140 } as const;
  return {
    bars: Object.entries(values).map(([domain, value]) => ({
      key: domain,
      label: domain.toUpperCase(),
      value,
      style: { domain: domain as keyof typeof values },
    })),
    quantity: quantities.energy,
    kind: "domain",
  };
}

export function changeBars(): BarsData {
  const changes = [-0.21, 0.08, -0.02, 0.31];
  return {
    bars: changes.map((value, i) => ({
      key: String(i),
      label: ["J/token", "tokens/s", "peak power", "time to first token"][i]!,
      value,
      low: value - 0.04,
      high: value + 0.05,
      style: "accent" as const,
    })),
    quantity: quantities.ratio("change"),
    kind: "metric",
  };
}

export function spread(tokens: number): HistogramData {
  const next = randomFrom(11);
  const values = Float64Array.from(
    { length: tokens },
    () => 24 + 3 * (next() + next() + next()) + next() ** 20 * 30,
  );
  return { values, quantity: quantities.energyNamed("energy per token"), kind: "tokens" };
}
