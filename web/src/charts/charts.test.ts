// SPDX-License-Identifier: MIT
// What holds for every chart, with ordinary and with awkward data, in every size.

import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { palettes } from "../testing/palettes";
import { RecordingPen, type Drawn } from "../testing/recordingPen";
import type { Table } from "../ui/DataTable";
import { barsChart, barsTable, type BarsData } from "./bars";
import type { Chart, Step } from "./base/chart";
import type { Box } from "./base/geometry";
import { SvgPen } from "./base/svgPen";
import { heatmapChart, heatmapTable, type HeatmapData } from "./heatmap";
import { histogramChart, histogramTable } from "./histogram";
import { powerSeries } from "./power";
import { sankeyChart, sankeyTable, type FlowData } from "./sankey";
import { scatterChart, scatterTable, type ScatterData } from "./scatter";
import { seriesChart, seriesTable } from "./series";
import { timelineChart, timelineTable } from "./timeline";
import { timelineData, type Span } from "./timelineData";
import { closeSums, treemapChart, treemapTable, type TreeNode } from "./treemap";
import { waterfallChart, waterfallTable, type WaterfallData } from "./waterfall";

type AnyChart = Chart<unknown, unknown>;
interface Case {
  readonly name: string;
  readonly chart: AnyChart;
  readonly table: Table;
}

const { energy, time, plain } = quantities;
const NAN = Number.NaN;
const HUGE = 1e300;
const EVIL = "</script><img onerror=x>\u202e\u0000";

function heatmaps(): [string, HeatmapData][] {
  const of = (rows: number, columns: number, value: (i: number) => number): HeatmapData => ({
    rows: Array.from({ length: rows }, (_, i) => String(i)),
    columns: Array.from({ length: columns }, (_, i) => (columns > 100 ? `${i}` : `${EVIL}${i}`)),
    values: Float64Array.from({ length: rows * columns }, (_, i) => value(i)),
    quantity: energy,
    rowKind: "layer",
    columnKind: "component",
  });
  return [
    ["empty", of(0, 0, () => 0)],
    ["no columns", of(3, 0, () => 0)],
    ["single", of(1, 1, () => 5)],
    ["all missing", of(4, 6, () => NAN)],
    ["zero", of(4, 6, () => 0)],
    ["negative", of(4, 6, (i) => -i)],
    ["some missing", of(12, 9, (i) => (i % 7 ? i : NAN))],
    ["huge", of(3, 3, (i) => (i % 2 ? HUGE : 1e-300))],
    ["more cells than pixels", of(500, 1500, (i) => i % 1013)],
  ];
}

const span = (lane: number, start: number, end: number, mj: number | null, name = "x"): Span => ({
  lane,
  name,
  start_ms: start,
  end_ms: end,
  energy_mj: mj,
});

const timelines: [string, readonly Span[]][] = [
  ["empty", []],
  ["single", [span(0, 5, 9, 3)]],
  ["of no duration", [span(0, 5, 5, 3), span(1, 5, 5, 0)]],
  ["without energy", [span(0, 0, 9, null), span(1, 1, 4, null), span(2, 2, 3, null)]],
  [
    "hostile",
    [span(0, 0, HUGE, HUGE, EVIL), span(1, 3, 2, 1), span(2, 1, 2, -5), span(2, 1, 9, NAN)],
  ],
  ["dense", Array.from({ length: 4000 }, (_, i) => span(2, i, i + 0.7, (i * 7919) % 101))],
];

const series = (values: readonly (number | null)[]) =>
  powerSeries({
    timestamp_ms: values.map((_, i) => i * 10),
    power_mw: { cpu: values, total: values },
    phases: [{ phase: "decode", start_ms: 0, end_ms: 50 }],
    idle_mw: 12,
    taken: 5 * values.length,
  });

const lines: [string, readonly (number | null)[]][] = [
  ["empty", []],
  ["single", [4]],
  ["only gaps", [null, null, NAN]],
  ["gaps", [1, null, 3, NAN, 5, 6]],
  ["flat", [0, 0, 0]],
  ["huge", [1e-300, HUGE, 5]],
  ["dense", Array.from({ length: 9000 }, (_, i) => (i % 997 ? (i * 31) % 77 : null))],
];

function waterfalls(): [string, WaterfallData][] {
  const of = (
    tokens: number,
    names: readonly string[],
    value: (i: number) => number,
  ): WaterfallData => ({
    positions: Array.from({ length: tokens }, (_, i) => i + 3),
    texts: Array.from({ length: tokens }, () => EVIL),
    series: names.map((name, k) => ({
      name,
      values: Array.from({ length: tokens }, (_, i) => value(i * (k + 1))),
    })),
    quantity: energy,
  });
  const many = Array.from({ length: 25 }, (_, i) => `part_${i}`);
  return [
    ["empty", of(0, [], () => 0)],
    ["no series", of(3, [], () => 0)],
    ["single", of(1, ["attention"], () => 5)],
    ["unknown", of(5, ["attention", "unattributed"], () => NAN)],
    ["negative", of(5, ["attention"], () => -4)],
    ["huge", of(5, ["attention", "mlp"], (i) => (i % 2 ? HUGE / 100 : 1e-300))],
    ["more tokens than pixels", of(3000, many, (i) => i % 91)],
  ];
}

const node = (name: string, value: number | null, children?: TreeNode[]): TreeNode =>
  children ? { name, kind: "phase", value, children } : { name, kind: "component", value };

const trees: [string, TreeNode][] = [
  ["empty", node("run", null)],
  ["zero", node("run", 0, [node("decode", 0, [node("a", 0)])])],
  ["single", node("run", 5, [node("decode", 5)])],
  ["unknown", node("run", null, [node("decode", null, [node("a", null), node("b", NAN)])])],
  ["huge", node("run", HUGE, [node(EVIL, HUGE / 2), node("b", 1e-300)])],
  [
    "usual",
    node("run", 99, [
      node("decode", 90, [node("attention", 50), node("up_proj", 30)]),
      node("prefill", 5),
    ]),
  ],
];

const flows: [string, FlowData][] = [
  ["empty", { nodes: [], links: [], quantity: energy }],
  [
    "nothing known",
    {
      nodes: [
        { id: "a", name: "a", stage: 0 },
        { id: "b", name: "b", stage: 1 },
      ],
      links: [{ source: "a", target: "b", value: null }],
      quantity: energy,
    },
  ],
  [
    "usual",
    {
      nodes: ["input", "layer:0", "attention", "mlp", "output"].map((id, i) => ({
        id,
        name: EVIL,
        stage: [0, 1, 2, 2, 3][i]!,
      })),
      links: [
        { source: "input", target: "layer:0", value: 10 },
        { source: "layer:0", target: "attention", value: 4 },
        { source: "layer:0", target: "mlp", value: 6 },
        { source: "attention", target: "output", value: 4 },
        { source: "mlp", target: "output", value: 6 },
        { source: "mlp", target: "nowhere", value: 6 },
      ],
      quantity: energy,
    },
  ],
];

const points = (values: readonly (readonly [number | null, number | null])[]): ScatterData => ({
  points: values.map(([x, y], i) => ({ key: `${i}`, label: EVIL, x, y, strong: i === 1 })),
  xQuantity: quantities.rate,
  yQuantity: plain("energy per token", "J/token"),
});

const scatters: [string, ScatterData][] = [
  ["empty", points([])],
  [
    "nothing known",
    points([
      [null, 3],
      [4, NAN],
    ]),
  ],
  ["single", points([[3, 4]])],
  [
    "zero",
    points([
      [0, 0],
      [0, 0],
    ]),
  ],
  [
    "huge",
    points([
      [1e-200, HUGE],
      [HUGE, 1e-200],
      [3, 4],
    ]),
  ],
  [
    "usual",
    points([
      [1, 9],
      [5, 3],
      [7, 7],
      [9, 2],
    ]),
  ],
];

const bars = (values: readonly (number | null)[]): BarsData => ({
  bars: values.map((value, i) => ({
    key: `${i}`,
    label: EVIL,
    value,
    low: i % 2 ? null : value,
    high: value,
    style: "accent",
    detail: "x",
  })),
  quantity: energy,
  kind: "component",
});

const numbers: [string, readonly (number | null)[]][] = [
  ["empty", []],
  ["single", [7]],
  ["unknown", [null, NAN]],
  ["equal", [3, 3, 3]],
  ["negative", [-5, 3, -1]],
  ["huge", [HUGE, 1e-300, 5]],
  ["usual", Array.from({ length: 500 }, (_, i) => (i * i) % 37)],
];

const erase = <L, T>(name: string, chart: Chart<L, T>, table: Table): Case => ({
  name,
  chart: chart as unknown as AnyChart,
  table,
});

const cases: Case[] = [
  ...heatmaps().flatMap(([name, data]) => [
    erase(`heatmap, ${name}`, heatmapChart(data), heatmapTable(data)),
    erase(`heatmap, log, ${name}`, heatmapChart(data, { scale: "log" }), heatmapTable(data)),
    erase(
      `heatmap, difference, ${name}`,
      heatmapChart(data, { difference: true }),
      heatmapTable(data),
    ),
  ]),
  ...timelines.flatMap(([name, spans]) =>
    (["time", "energy"] as const).map((width) => {
      const data = timelineData(["phases", "passes", "spans"], spans);
      return erase(
        `timeline by ${width}, ${name}`,
        timelineChart(data, { width, time, energy }),
        timelineTable(data),
      );
    }),
  ),
  ...lines.map(([name, values]) => {
    const data = series(values);
    return erase(`power, ${name}`, seriesChart(data), seriesTable(data));
  }),
  ...waterfalls().map(([name, data]) =>
    erase(`waterfall, ${name}`, waterfallChart(data), waterfallTable(data)),
  ),
  ...trees.map(([name, data]) =>
    erase(
      `treemap, ${name}`,
      treemapChart(closeSums(data), { quantity: energy, path: [] }),
      treemapTable(closeSums(data), energy),
    ),
  ),
  ...flows.map(([name, data]) => erase(`sankey, ${name}`, sankeyChart(data), sankeyTable(data))),
  ...scatters.map(([name, data]) =>
    erase(`scatter, ${name}`, scatterChart(data), scatterTable(data)),
  ),
  ...numbers.flatMap(([name, values]) => {
    const data = { values, quantity: energy, kind: "tokens" };
    return [
      erase(`bars, ${name}`, barsChart(bars(values)), barsTable(bars(values))),
      erase(`histogram, ${name}`, histogramChart(data), histogramTable(data)),
    ];
  }),
];

const SIZES = [
  { width: 0, height: 0 },
  { width: 40, height: 30 },
  { width: 320, height: 160 },
  { width: 1200, height: 400 },
];
const STEPS: readonly Step[] = [
  "right",
  "down",
  "right",
  "down",
  "left",
  "up",
  "last",
  "right",
  "first",
  "up",
];

// A path of gaps alone has no extent, and shows nothing.
function isWrong(each: Drawn): boolean {
  if (!finite(each) && !each.points?.every((value, i) => Number.isNaN(value) || i % 2 === 0))
    return true;
  if (/NaN|undefined|Infinity/.test(each.text ?? "")) return true;
  return each.color !== undefined && !/^#[0-9a-f]{6}([0-9a-f]{2})?$/.test(each.color);
}

const finite = ({ x, y, w, h }: Box) => [x, y, w, h].every(Number.isFinite);

describe.each(cases)("$name", ({ chart, table }) => {
  it.each(SIZES)("draws in $width × $height with finite numbers only", (size) => {
    const layout = chart.layout(size);
    for (const palette of [palettes.light, palettes.dark]) {
      const pen = new RecordingPen();
      chart.paint(pen, layout, palette);
      expect(pen.drawn.filter(isWrong)).toEqual([]);
    }
    chart.note?.(layout);
  });

  it("has a data cursor that stops on targets which are drawn and described", () => {
    const layout = chart.layout({ width: 900, height: 400 });
    let at: unknown = null;
    for (const step of STEPS) {
      const next = chart.step(layout, at, step);
      if (at !== null) expect(next, step).not.toBeNull();
      if (next === null) break;
      at = next;
      const anchor = chart.anchor(layout, at);
      if (anchor) expect(finite(anchor)).toBe(true);
      const { title, rows } = chart.describe(at, layout);
      const words = [title, ...rows.flat()].join(" ");
      expect(words).not.toMatch(/NaN|undefined|Infinity|\[object/);
      expect(title).not.toBe("");
    }
  });

  it("has a table with a cell for each column in each row", () => {
    expect(table.rows.filter((row) => row.length !== table.columns.length)).toEqual([]);
    const isCell = (cell: unknown, i: number) =>
      cell === null ||
      (typeof cell === "number"
        ? table.columns[i]!.numeric && !Number.isNaN(cell)
        : typeof cell === "string");
    expect(table.rows.filter((row) => !row.every(isCell))).toEqual([]);
    for (const { label } of table.columns) expect(label).not.toBe("");
  });

  it("becomes an SVG picture without markup of its data", () => {
    const pen = new SvgPen(
      "sans",
      (text, size) => text.length * size * 0.5,
      () => "data:,",
    );
    chart.paint(pen, chart.layout({ width: 700, height: 300 }), palettes.light);
    const xml = pen.document(700, 300, "chart");
    expect(xml).not.toMatch(/<img|<\/script|NaN|undefined/);
  });
});
