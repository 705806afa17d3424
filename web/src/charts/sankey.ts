// SPDX-License-Identifier: MIT
// Sankey: input → layers → attention / MLP / other → output. What flows into a node flows out of
// it.

import { sankey, sankeyJustify, type SankeyLink, type SankeyNode } from "d3-sankey";

import type { Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import { stepIndex, type Chart, type Description, type Step } from "./base/chart";
import { withAlpha } from "./base/color";
import { componentGroup, GROUPS, type Group } from "./base/components";
import { contains, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen } from "./base/pen";

export interface FlowNode {
  readonly id: string;
  readonly name: string;
  /** Column from the left. */
  readonly stage: number;
}

export interface FlowLink {
  /** Ids of nodes. */
  readonly source: string;
  readonly target: string;
  /** Not known, negative or zero: not drawn. */
  readonly value: number | null;
}

export interface FlowData {
  readonly nodes: readonly FlowNode[];
  readonly links: readonly FlowLink[];
  readonly quantity: Quantity;
}

export interface SankeyNodeBox extends Box {
  readonly node: FlowNode;
  readonly value: number;
  readonly group: Group;
}

export interface SankeyRibbon {
  readonly source: number;
  readonly target: number;
  readonly value: number;
  readonly width: number;
  /** Middle of the ends. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface SankeyLayout {
  readonly nodes: readonly SankeyNodeBox[];
  readonly ribbons: readonly SankeyRibbon[];
  readonly total: number;
  readonly stages: number;
}

export interface SankeyTarget {
  readonly kind: "node" | "link";
  readonly index: number;
}

const title = ({ id, name }: FlowNode): string =>
  id.startsWith("layer:") ? `layer ${id.slice(6)}` : name;

const NODE_WIDTH = 12;
const MARGIN = 6;

type Node = SankeyNode<FlowNode, object>;
type Link = SankeyLink<FlowNode, object>;

function groupOf(node: FlowNode): Group {
  const name = node.id.replace(/^component:/, "");
  if (name === "not_profiled" || name === "host") return "unattributed";
  return (GROUPS as readonly string[]).includes(name) ? (name as Group) : componentGroup(name);
}

export function layoutSankey(data: FlowData, size: Size): SankeyLayout {
  const known = new Set(data.nodes.map((node) => node.id));
  const links = data.links.filter(
    ({ source, target, value }) =>
      value !== null && value > 0 && known.has(source) && known.has(target),
  );
  const used = new Set(links.flatMap((link) => [link.source, link.target]));
  const nodes = data.nodes.filter((node) => used.has(node.id));
  if (links.length === 0) return { nodes: [], ribbons: [], total: 0, stages: 0 };
  const column = new Map<number, number>();
  for (const node of nodes) column.set(node.stage, (column.get(node.stage) ?? 0) + 1);
  const stages = 1 + Math.max(...nodes.map((node) => node.stage));
  const crowded = Math.max(...column.values());
  const diagram = sankey<FlowNode, object>()
    .nodeId((node) => node.id)
    .nodeWidth(NODE_WIDTH)
    // half of the height at most for the space between nodes
    .nodePadding(Math.min(10, (0.4 * size.height) / Math.max(1, crowded)))
    .nodeAlign((node, count) => Math.min(count - 1, node.stage ?? sankeyJustify(node, count)))
    .nodeSort(null)
    .extent([
      [MARGIN, MARGIN + 14],
      [
        Math.max(MARGIN + NODE_WIDTH + 1, size.width - MARGIN),
        Math.max(MARGIN + 15, size.height - MARGIN),
      ],
    ]);
  const graph = diagram({
    nodes: nodes.map((node) => ({ ...node })),
    links: links.map((link) => ({ source: link.source, target: link.target, value: link.value! })),
  });
  // with a given order of nodes d3 leaves the links of a node as they came, crossing each other
  const top = (node: unknown) => (node as Node).y0 ?? 0;
  for (const node of graph.nodes) {
    node.sourceLinks?.sort((a, b) => top(a.target) - top(b.target));
    node.targetLinks?.sort((a, b) => top(a.source) - top(b.source));
  }
  diagram.update(graph);
  return {
    nodes: graph.nodes.map(nodeBox),
    ribbons: graph.links.map(ribbon),
    total: Math.max(
      0,
      ...graph.nodes.filter((node) => !node.targetLinks?.length).map((n) => n.value ?? 0),
    ),
    stages,
  };
}

function nodeBox(node: Node): SankeyNodeBox {
  const [x, y] = [node.x0 ?? 0, node.y0 ?? 0];
  return {
    x,
    y,
    w: (node.x1 ?? 0) - x,
    h: (node.y1 ?? 0) - y,
    node: { id: node.id, name: node.name, stage: node.stage },
    value: node.value ?? 0,
    group: groupOf(node),
  };
}

function ribbon(link: Link): SankeyRibbon {
  const source = link.source as Node;
  const target = link.target as Node;
  return {
    source: source.index ?? 0,
    target: target.index ?? 0,
    value: link.value,
    width: link.width ?? 0,
    x0: source.x1 ?? 0,
    y0: link.y0 ?? 0,
    x1: target.x0 ?? 0,
    y1: link.y1 ?? 0,
  };
}

const STEPS = 20;

/** Middle line of a ribbon at a fraction of the way: a cubic with horizontal ends. */
function middle({ y0, y1 }: SankeyRibbon, t: number): number {
  return y0 + (y1 - y0) * t * t * (3 - 2 * t);
}

/** Outline of a ribbon. Its height is its width all along, so that what is seen adds up. */
export function ribbonOutline(each: SankeyRibbon): number[] {
  const half = Math.max(each.width, 0.5) / 2;
  const out: number[] = [];
  for (let i = 0; i <= STEPS; i++) {
    out.push(each.x0 + ((each.x1 - each.x0) * i) / STEPS, middle(each, i / STEPS) - half);
  }
  for (let i = STEPS; i >= 0; i--) {
    out.push(each.x0 + ((each.x1 - each.x0) * i) / STEPS, middle(each, i / STEPS) + half);
  }
  return out;
}

export function hitSankey(layout: SankeyLayout, x: number, y: number): SankeyTarget | null {
  const node = layout.nodes.findIndex((box) =>
    contains({ ...box, x: box.x - 3, w: box.w + 6 }, x, y),
  );
  if (node >= 0) return { kind: "node", index: node };
  for (let i = layout.ribbons.length - 1; i >= 0; i--) {
    const each = layout.ribbons[i]!;
    if (x < each.x0 || x > each.x1) continue;
    const t = (x - each.x0) / (each.x1 - each.x0 || 1);
    if (Math.abs(y - middle(each, t)) <= Math.max(1, each.width / 2))
      return { kind: "link", index: i };
  }
  return null;
}

export function sankeyTable(data: FlowData): Table {
  const names = new Map(data.nodes.map((node) => [node.id, title(node)]));
  return {
    columns: [
      { label: "from", numeric: false },
      { label: "to", numeric: false },
      { label: data.quantity.name, numeric: true },
    ],
    rows: data.links.map(({ source, target, value }): Cell[] => [
      names.get(source) ?? source,
      names.get(target) ?? target,
      value,
    ]),
  };
}

/** Nodes can be pointed at and stepped through, links pointed at. */
export function sankeyChart(data: FlowData): Chart<SankeyLayout, SankeyTarget> {
  return {
    layout: (size) => layoutSankey(data, size),
    paint: (pen, layout, palette) => paintSankey(pen, data.quantity, layout, palette),
    hit: hitSankey,
    anchor: (layout, target) => {
      if (target.kind === "node") return layout.nodes[target.index] ?? null;
      const each = layout.ribbons[target.index];
      if (!each) return null;
      return { x: each.x1 - 4, y: each.y1 - each.width / 2, w: 4, h: each.width };
    },
    step: stepNode,
    describe: (target, layout) => describe(data.quantity, layout, target),
  };
}

function describe(quantity: Quantity, layout: SankeyLayout, target: SankeyTarget): Description {
  const share = (value: number) => `${((100 * value) / (layout.total || 1)).toFixed(1)} %`;
  if (target.kind === "node") {
    const box = layout.nodes[target.index]!;
    return {
      title: title(box.node),
      rows: [
        [quantity.name, quantity.format(box.value)],
        ["of everything", share(box.value)],
      ],
    };
  }
  const each = layout.ribbons[target.index]!;
  return {
    title: `${title(layout.nodes[each.source]!.node)} → ${title(layout.nodes[each.target]!.node)}`,
    rows: [
      [quantity.name, quantity.format(each.value)],
      ["of everything", share(each.value)],
    ],
  };
}

// Up and down within a column, left and right to the nearest node of the next one.
function stepNode(
  layout: SankeyLayout,
  from: SankeyTarget | null,
  step: Step,
): SankeyTarget | null {
  const { nodes } = layout;
  if (nodes.length === 0) return null;
  const start = from?.kind === "node" ? nodes[from.index] : undefined;
  if (!start) return { kind: "node", index: 0 };
  const target = (box: SankeyNodeBox) => ({ kind: "node" as const, index: nodes.indexOf(box) });
  if (step === "left" || step === "right") {
    const stage = start.node.stage + (step === "left" ? -1 : 1);
    const column = nodes.filter((box) => box.node.stage === stage);
    if (column.length === 0) return from;
    const distance = (box: SankeyNodeBox) => Math.abs(box.y + box.h / 2 - start.y - start.h / 2);
    return target(column.reduce((a, b) => (distance(b) < distance(a) ? b : a)));
  }
  const column = nodes
    .filter((box) => box.node.stage === start.node.stage)
    .sort((a, b) => a.y - b.y);
  return target(column[stepIndex(column.indexOf(start), column.length, step)]!);
}

function paintSankey(pen: Pen, quantity: Quantity, layout: SankeyLayout, palette: Palette): void {
  for (const each of layout.ribbons) {
    const group = ribbonGroup(layout, each);
    pen.area(ribbonOutline(each), withAlpha(palette.group[group], palette.dark ? 0.45 : 0.36));
  }
  for (const box of layout.nodes) {
    pen.rect(box.x, box.y, box.w, Math.max(1, box.h), palette.group[box.group]);
  }
  let below = -Infinity;
  let stage = -1;
  for (const box of layout.nodes.toSorted((a, b) => a.node.stage - b.node.stage || a.y - b.y)) {
    if (box.node.stage !== stage) below = -Infinity;
    stage = box.node.stage;
    const y = box.y + box.h / 2;
    if (y - below < 13) continue;
    below = y;
    paintName(pen, box, y, quantity, layout, palette);
  }
}

// The colour of the first end that says more than "other".
function ribbonGroup(layout: SankeyLayout, { source, target }: SankeyRibbon): Group {
  const into = layout.nodes[target]!.group;
  return into !== "other" ? into : layout.nodes[source]!.group;
}

function paintName(
  pen: Pen,
  box: SankeyNodeBox,
  y: number,
  quantity: Quantity,
  layout: SankeyLayout,
  palette: Palette,
): void {
  const last = box.x + box.w / 2 > (layout.nodes.reduce((m, n) => Math.max(m, n.x), 0) * 3) / 4;
  const share =
    layout.total > 0
      ? `${((100 * box.value) / layout.total).toFixed(0)} %`
      : quantity.format(box.value);
  const label = fitText(pen, `${title(box.node)} · ${share}`, 150);
  const x = last ? box.x - 5 : box.x + box.w + 5;
  const width = pen.measure(label);
  // over ribbons, so on a ground of its own
  pen.rect(last ? x - width - 2 : x - 2, y - 7, width + 4, 14, withAlpha(palette.surface, 0.8));
  pen.text(label, x, y, { color: palette.text, align: last ? "right" : "left" });
}
