// SPDX-License-Identifier: MIT
// Treemap of where the energy went: phase > layer > component > operation. Areas are values. What
// would be too small to be told apart is not split further; going down a level shows it.

import { treemapSquarify, type HierarchyRectangularNode } from "d3-hierarchy";

import type { Quantity } from "../format/units";
import type { Cell, Table } from "../ui/DataTable";
import { layoutLegend, paintLegend, ROW, type LegendItem, type LegendLayout } from "./base/axis";
import { knownOrNull, type Chart, type Step } from "./base/chart";
import { cssColor, inkOn, mix, parseHex } from "./base/color";
import { componentGroup, GROUP_LABEL, GROUPS, type Group } from "./base/components";
import { contains, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen } from "./base/pen";

export interface TreeNode {
  readonly name: string;
  /**
   * As the server has it: run, phase, section, layer, outside, component, operation, not_profiled,
   * unattributed.
   */
  readonly kind: string;
  /** The whole of the node; null counts as nothing. */
  readonly value: number | null;
  readonly children?: readonly TreeNode[];
}

export interface TreemapOptions {
  readonly quantity: Quantity;
  /** Names from below the root to the node that fills the chart. */
  readonly path: readonly string[];
}

export interface TreemapBox extends Box {
  readonly node: TreeNode;
  readonly value: number;
  /** Names from below the root of the data. */
  readonly path: readonly string[];
  /** Levels below the node that fills the chart; 0 is that node. */
  readonly depth: number;
  /** Its children are drawn: largest first, right after it, each with its own. */
  readonly split: boolean;
  readonly header: boolean;
  readonly group: Group;
}

export interface TreemapLayout {
  /** Parents before their children. */
  readonly boxes: readonly TreemapBox[];
  readonly total: number;
  readonly byPath: ReadonlyMap<string, number>;
  readonly legend: LegendLayout;
}

export const UNATTRIBUTED = "unattributed";
const HEADER = 17;
const GAP = 1;
const tile = treemapSquarify.ratio(1.3);

const finite = (value: number | null): number =>
  value !== null && value > 0 && Number.isFinite(value) ? value : 0;

/**
 * Adds to every node what its children leave of it, so that children and parent are the same
 * amount.
 */
export function closeSums(node: TreeNode): TreeNode {
  if (!node.children?.length) return node;
  const children = node.children.map(closeSums);
  const sum = children.reduce((total, child) => total + finite(child.value), 0);
  const whole = node.value ?? sum;
  // what rounding leaves is no node, and changes none
  const rounding = Math.abs(whole) * 1e-9;
  const value = sum > whole + rounding ? sum : whole;
  const rest = value - sum;
  if (rest <= rounding) return { ...node, value, children };
  return {
    ...node,
    value,
    children: [...children, { name: UNATTRIBUTED, kind: UNATTRIBUTED, value: rest }],
  };
}

/** The node at a path, or the deepest that exists and has children, with its path. */
export function nodeAt(
  root: TreeNode,
  path: readonly string[],
): { node: TreeNode; path: string[] } {
  let node = root;
  const found: string[] = [];
  for (const name of path) {
    const next = node.children?.find((child) => child.name === name);
    if (!next?.children?.length) break;
    node = next;
    found.push(name);
  }
  return { node, path: found };
}

function groupOf(node: TreeNode, inherited: Group): Group {
  if (node.kind === UNATTRIBUTED || node.kind === "not_profiled") return "unattributed";
  const own = componentGroup(node.name);
  return own === "other" ? inherited : own;
}

// Whether the children of a box are worth drawing: layers of a phase nearly always, operations only
// with room.
function worthSplitting(box: Box, node: TreeNode): boolean {
  const [w, h] = node.kind === "component" ? [64, 48] : [14, 14];
  return box.w >= w && box.h >= h;
}

const hasHeader = (box: Box, depth: number): boolean =>
  depth === 0 || (box.w > 40 && box.h > 2.2 * HEADER);

/** Divides a box among values, in their order. */
export function divide(values: readonly number[], { x, y, w, h }: Box): Box[] {
  const children = values.map((value) => ({ value, x0: x, y0: y, x1: x, y1: y }));
  const parent = { value: values.reduce((a, b) => a + b, 0), children };
  // what the tiling uses of a node of a hierarchy
  tile(parent as unknown as HierarchyRectangularNode<unknown>, x, y, x + w, y + h);
  return children.map(({ x0, y0, x1, y1 }) => ({ x: x0, y: y0, w: x1 - x0, h: y1 - y0 }));
}

function shrink({ x, y, w, h }: Box, by: number, top: number): Box {
  return { x: x + by, y: y + top, w: Math.max(0, w - 2 * by), h: Math.max(0, h - by - top) };
}

export function layoutTreemap(root: TreeNode, options: TreemapOptions, size: Size): TreemapLayout {
  const { node, path } = nodeAt(root, options.path);
  const items = GROUPS.map((group): LegendItem => ({
    label: GROUP_LABEL[group],
    kind: group === "unattributed" ? "hatch" : "area",
  }));
  const legend = layoutLegend(items, 0, size.width);
  const boxes: TreemapBox[] = [];
  const place = (
    each: TreeNode,
    at: readonly string[],
    depth: number,
    box: Box,
    inherited: Group,
  ) => {
    const children = (each.children ?? [])
      .map((child) => ({ child, value: finite(child.value) }))
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value);
    const split = children.length > 0 && worthSplitting(box, each);
    const header = split && hasHeader(box, depth);
    const group = groupOf(each, inherited);
    boxes.push({
      ...box,
      node: each,
      value: finite(each.value),
      path: at,
      depth,
      split,
      header,
      group,
    });
    if (!split) return;
    const inner = shrink(box, GAP, header ? HEADER : GAP);
    divide(
      children.map(({ value }) => value),
      inner,
    ).forEach((part, i) => {
      const { child } = children[i]!;
      place(child, [...at, child.name], depth + 1, shrink(part, GAP / 2, GAP / 2), group);
    });
  };
  const top = legend.height + 4;
  place(node, path, 0, { x: 0, y: top, w: size.width, h: Math.max(1, size.height - top) }, "other");
  const byPath = new Map(boxes.map((box, i) => [pathKey(box.path), i]));
  return { boxes, total: finite(node.value), byPath, legend };
}

export const pathKey = (path: readonly string[]): string => path.join("\u0000");

function deepest(layout: TreemapLayout, x: number, y: number): TreemapBox | undefined {
  return layout.boxes.findLast((box) => contains(box, x, y));
}

/** One row per node, parents before children. */
export function treemapTable(root: TreeNode, quantity: Quantity): Table {
  const rows: Cell[][] = [];
  const visit = (node: TreeNode, path: readonly string[], parent: number | null) => {
    const share = parent ? (100 * finite(node.value)) / parent : null;
    rows.push([path.join(" › ") || node.name, node.kind, knownOrNull(node.value), share]);
    for (const child of node.children ?? [])
      visit(child, [...path, child.name], finite(node.value));
  };
  visit(root, [], null);
  return {
    columns: [
      { label: "path", numeric: false },
      { label: "kind", numeric: false },
      { label: quantity.name, numeric: true },
      { label: "share of parent, %", numeric: true },
    ],
    rows,
  };
}

/** A target is the path of a node. `data` has closed sums. */
export function treemapChart(
  data: TreeNode,
  options: TreemapOptions,
): Chart<TreemapLayout, readonly string[]> {
  return {
    layout: (size) => layoutTreemap(data, options, size),
    paint: (pen, layout, palette) => paintTreemap(pen, options.quantity, layout, palette),
    hit: (layout, x, y) => deepest(layout, x, y)?.path ?? null,
    anchor: (layout, path) => layout.boxes[layout.byPath.get(pathKey(path)) ?? -1] ?? null,
    step: stepTree,
    describe: (path) => describeNode(data, options.quantity, path),
    note: (layout) =>
      layout.boxes.some((box) => !box.split && box.node.children?.length)
        ? "Small parts are not split here; choose one to see inside."
        : null,
  };
}

function describeNode(root: TreeNode, quantity: Quantity, path: readonly string[]) {
  let node = root;
  let parent: TreeNode | null = null;
  for (const name of path) {
    const next: TreeNode | undefined = node.children?.find((child) => child.name === name);
    if (!next) break;
    parent = node;
    node = next;
  }
  const percent = (of: TreeNode) =>
    `${((100 * finite(node.value)) / (finite(of.value) || 1)).toFixed(1)} %`;
  const rows: (readonly [string, string])[] = [[quantity.name, quantity.format(node.value)]];
  if (parent && parent !== root) rows.push([`of ${title(parent)}`, percent(parent)]);
  if (node !== root) rows.push(["of everything", percent(root)]);
  return { title: path.length ? path.join(" › ") : node.name, rows };
}

// Left and right: siblings by size. Down: the largest child. Up: the parent.
function stepTree(
  { boxes, byPath }: TreemapLayout,
  from: readonly string[] | null,
  step: Step,
): readonly string[] | null {
  const at = from === null ? undefined : byPath.get(pathKey(from));
  if (at === undefined) return (boxes[1] ?? boxes[0])?.path ?? null;
  const box = boxes[at]!;
  if (step === "up") return box.depth > 0 ? box.path.slice(0, -1) : box.path;
  if (step === "down") return box.split ? boxes[at + 1]!.path : box.path;
  const parent = pathKey(box.path.slice(0, -1));
  const siblings = boxes.filter(
    (each) => each.depth === box.depth && pathKey(each.path.slice(0, -1)) === parent,
  );
  const i = siblings.indexOf(box);
  const to = { left: i - 1, right: i + 1, first: 0, last: siblings.length - 1 }[step];
  return siblings[Math.min(siblings.length - 1, Math.max(0, to))]!.path;
}

const title = (node: TreeNode): string =>
  node.kind === "layer" ? `layer ${node.name}` : node.name;

function paintTreemap(pen: Pen, quantity: Quantity, layout: TreemapLayout, palette: Palette): void {
  paintLegend(pen, layout.legend, palette, ({ label }) => {
    const group = GROUPS.find((each) => GROUP_LABEL[each] === label) ?? "other";
    return palette.group[group];
  });
  for (const box of layout.boxes) {
    if (box.w < 0.5 || box.h < 0.5) continue;
    if (box.split) paintParent(pen, box, quantity, layout.total, palette);
    else if (box.group === "unattributed") paintRest(pen, box, palette);
    else paintLeaf(pen, box, quantity, palette);
  }
}

// The first text that fits.
function firstFitting(pen: Pen, texts: readonly string[], width: number, bold = false): string {
  return (
    texts.find((text) => pen.measure(text, undefined, bold) <= width) ??
    fitText(pen, texts[1]!, width, undefined, bold)
  );
}

function paintParent(
  pen: Pen,
  box: TreemapBox,
  quantity: Quantity,
  total: number,
  palette: Palette,
): void {
  pen.rect(box.x, box.y, box.w, box.h, box.depth % 2 ? palette.line : palette.sunken);
  if (!box.header) return;
  const share = total > 0 ? `${((100 * box.value) / total).toFixed(0)} %` : "";
  const amount = box.depth === 0 ? quantity.format(box.node.value) : share;
  const bold = box.depth < 2;
  const name = title(box.node);
  const texts = [
    `${name}  ${amount}`,
    name,
    ...(box.node.kind === "layer" ? [`L${box.node.name}`] : []),
  ];
  pen.text(firstFitting(pen, texts, box.w - 8, bold), box.x + 4, box.y + 9, {
    color: palette.text,
    bold,
  });
}

function paintRest(pen: Pen, box: TreemapBox, palette: Palette): void {
  pen.rect(box.x, box.y, box.w, box.h, palette.surface);
  pen.hatch(box.x, box.y, box.w, box.h, palette.group.unattributed);
  const name = title(box.node);
  if (box.h < 18 || pen.measure(name) > box.w - 10) return;
  pen.rect(box.x + 2, box.y + 3, pen.measure(name) + 6, 14, palette.surface);
  pen.text(name, box.x + 5, box.y + 10, { color: palette.text });
}

function paintLeaf(pen: Pen, box: TreemapBox, quantity: Quantity, palette: Palette): void {
  const color = leafColor(box, palette);
  pen.rect(box.x, box.y, box.w, box.h, color);
  if (box.w < 30 || box.h < ROW) return;
  const label = fitText(pen, title(box.node), box.w - 7);
  if (!label) return;
  const ink = inkOn(color);
  pen.text(label, box.x + 4, box.y + 9, { color: ink });
  const value = quantity.format(box.node.value);
  if (box.h < 31 || pen.measure(value) > box.w - 7) return;
  pen.text(value, box.x + 4, box.y + 23, { color: ink });
}

// Neighbours of the same group differ a little, so that their edges show.
function leafColor({ node, group }: TreemapBox, palette: Palette): string {
  let hash = 0;
  for (let i = 0; i < node.name.length; i++) hash = (hash * 31 + node.name.charCodeAt(i)) & 0xffff;
  return cssColor(
    mix(parseHex(palette.group[group]), parseHex(palette.groupEnd[group]), (hash % 4) * 0.12),
  );
}
