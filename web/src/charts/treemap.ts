// SPDX-License-Identifier: MIT
// Treemap of where the energy went: phase > layer > component > operation. Areas are values.

import { hierarchy, treemap, treemapSquarify } from "d3-hierarchy";
import type { Cell, Chart, Step, Table } from "./base/chart";
import { cssColor, inkOn, mix, parseHex } from "./base/color";
import { componentGroup, type Group } from "./base/components";
import { contains, type Box, type Size } from "./base/geometry";
import type { Palette } from "./base/palette";
import { fitText, type Pen } from "./base/pen";
import type { Quantity } from "../format/units";

export interface TreeNode {
  readonly name: string;
  /** As the server has it: run, phase, section, layer, outside, component, operation, not_profiled, unattributed. */
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
  /** Names from below the root of the data. */
  readonly path: readonly string[];
  /** Levels below the node that fills the chart; 0 is that node. */
  readonly depth: number;
  readonly leaf: boolean;
  readonly group: Group;
}

export interface TreemapLayout {
  /** Parents before their children. */
  readonly boxes: readonly TreemapBox[];
  readonly total: number;
  readonly byPath: ReadonlyMap<string, number>;
}

export const UNATTRIBUTED = "unattributed";
const HEADER = 17;

/** Adds to every node what its children leave of it, so that children and parent are the same amount. */
export function closeSums(node: TreeNode): TreeNode {
  if (!node.children?.length) return node;
  const children = node.children.map(closeSums);
  const sum = children.reduce((total, child) => total + (child.value ?? 0), 0);
  const value = node.value ?? sum;
  const rest = value - sum;
  // what rounding leaves is no node
  if (rest <= Math.abs(value) * 1e-9) return { ...node, value: Math.max(value, sum), children };
  return { ...node, value, children: [...children, { name: UNATTRIBUTED, kind: UNATTRIBUTED, value: rest }] };
}

/** The node at a path, or the deepest that exists, with its path. */
export function nodeAt(root: TreeNode, path: readonly string[]): { node: TreeNode; path: string[] } {
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

export function layoutTreemap(root: TreeNode, options: TreemapOptions, size: Size): TreemapLayout {
  const { node, path } = nodeAt(root, options.path);
  const tree = hierarchy<TreeNode>(node, (each) => each.children)
    .sum((each) => (each.children?.length ? 0 : Math.max(0, finite(each.value))))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const laidOut = treemap<TreeNode>()
    .size([size.width, size.height])
    .tile(treemapSquarify.ratio(1.3))
    .paddingInner(1)
    .paddingOuter(1)
    .paddingTop((each) => (each.children && roomForHeader(each) ? HEADER : 1))(tree);
  const boxes: TreemapBox[] = [];
  const paths = new Map<object, readonly string[]>([[laidOut, path]]);
  const groups = new Map<object, Group>();
  laidOut.eachBefore((each) => {
    const parent = each.parent;
    if (parent) paths.set(each, [...paths.get(parent)!, each.data.name]);
    const own = groupOf(each.data);
    groups.set(each, own === "other" && parent ? groups.get(parent)! : own);
    boxes.push({
      x: each.x0,
      y: each.y0,
      w: each.x1 - each.x0,
      h: each.y1 - each.y0,
      node: each.data,
      path: paths.get(each)!,
      depth: each.depth,
      leaf: !each.children,
      group: groups.get(each)!,
    });
  });
  const byPath = new Map(boxes.map((box, i) => [pathKey(box.path), i]));
  return { boxes, total: tree.value ?? 0, byPath };
}

// The tops of narrow or flat parents stay free of headers; d3 asks before it knows their size, but by then
// their parent has been laid out, so that their own box is known.
function roomForHeader(each: { x0: number; x1: number; y0: number; y1: number; depth: number }): boolean {
  return each.depth === 0 || (each.x1 - each.x0 > 44 && each.y1 - each.y0 > 2.2 * HEADER);
}

function finite(value: number | null): number {
  return value !== null && Number.isFinite(value) ? value : 0;
}

function groupOf(node: TreeNode): Group {
  const rest = node.kind === UNATTRIBUTED || node.kind === "not_profiled";
  return rest ? "unattributed" : componentGroup(node.name);
}

export const pathKey = (path: readonly string[]): string => JSON.stringify(path);

function deepest(layout: TreemapLayout, x: number, y: number): number {
  for (let i = layout.boxes.length - 1; i >= 0; i--) if (contains(layout.boxes[i]!, x, y)) return i;
  return -1;
}

/** One row per node, parents before children; indentation is in the path. */
export function treemapTable(root: TreeNode, quantity: Quantity): Table {
  const rows: Cell[][] = [];
  const visit = (node: TreeNode, path: readonly string[], parent: number | null) => {
    const share = parent ? (100 * finite(node.value)) / parent : null;
    rows.push([path.join(" › ") || node.name, node.kind, node.value, share]);
    for (const child of node.children ?? []) visit(child, [...path, child.name], finite(node.value));
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
    hit: (layout, x, y) => layout.boxes[deepest(layout, x, y)]?.path ?? null,
    anchor: (layout, path) => layout.boxes[layout.byPath.get(pathKey(path)) ?? -1] ?? null,
    step: (layout, from, step) => stepTree(layout, from, step),
    describe: (path) => describeNode(data, options.quantity, path),
  };
}

function find(root: TreeNode, path: readonly string[]): { node: TreeNode; parent: TreeNode | null } {
  let node = root;
  let parent: TreeNode | null = null;
  for (const name of path) {
    const next: TreeNode | undefined = node.children?.find((child) => child.name === name);
    if (!next) break;
    parent = node;
    node = next;
  }
  return { node, parent };
}

function describeNode(root: TreeNode, quantity: Quantity, path: readonly string[]) {
  const { node, parent } = find(root, path);
  const percent = (of: TreeNode) => `${((100 * finite(node.value)) / (finite(of.value) || 1)).toFixed(1)} %`;
  const rows: (readonly [string, string])[] = [[quantity.name, quantity.format(node.value)]];
  if (parent && parent !== root) rows.push([`of ${parent.name}`, percent(parent)]);
  if (node !== root) rows.push(["of everything", percent(root)]);
  return { title: path.length ? path.join(" › ") : node.name, rows };
}

// Left and right: siblings by size. Down: the largest child. Up: the parent.
function stepTree(
  layout: TreemapLayout,
  from: readonly string[] | null,
  step: Step,
): readonly string[] | null {
  const { boxes, byPath } = layout;
  const at = from === null ? undefined : byPath.get(pathKey(from));
  if (at === undefined) return boxes[1]?.path ?? boxes[0]?.path ?? null;
  const box = boxes[at]!;
  if (step === "up") return box.depth > 0 ? box.path.slice(0, -1) : box.path;
  if (step === "down") return boxes[at + 1]?.depth === box.depth + 1 ? boxes[at + 1]!.path : box.path;
  const parent = pathKey(box.path.slice(0, -1));
  const siblings = boxes.filter((each) => each.depth === box.depth && pathKey(each.path.slice(0, -1)) === parent);
  const i = siblings.indexOf(box);
  const to = { left: i - 1, right: i + 1, first: 0, last: siblings.length - 1 }[step];
  return siblings[Math.min(siblings.length - 1, Math.max(0, to))]!.path;
}

function paintTreemap(pen: Pen, quantity: Quantity, layout: TreemapLayout, palette: Palette): void {
  for (const box of layout.boxes) {
    if (box.w < 0.5 || box.h < 0.5) continue;
    if (box.leaf) paintLeaf(pen, box, quantity, palette);
    else paintParent(pen, box, quantity, layout.total, palette);
  }
}

function paintParent(pen: Pen, box: TreemapBox, quantity: Quantity, total: number, palette: Palette): void {
  const color = box.depth % 2 ? palette.line : palette.sunken;
  pen.rect(box.x, box.y, box.w, box.h, color);
  if (box.depth > 0 && !roomForHeader({ x0: 0, x1: box.w, y0: 0, y1: box.h, depth: box.depth })) return;
  const share = total > 0 ? ` ${((100 * finite(box.node.value)) / total).toFixed(0)} %` : "";
  const title = box.node.kind === "layer" ? `layer ${box.node.name}` : box.node.name;
  const amount = box.depth === 0 ? `  ${quantity.format(box.node.value)}` : share;
  const label = fitText(pen, `${title}${amount}`, box.w - 8, 11, box.depth < 2);
  pen.text(label, box.x + 4, box.y + 9, { color: palette.text, bold: box.depth < 2 });
}

function paintLeaf(pen: Pen, box: TreemapBox, quantity: Quantity, palette: Palette): void {
  if (box.group === "unattributed") {
    pen.rect(box.x, box.y, box.w, box.h, palette.surface);
    pen.hatch(box.x, box.y, box.w, box.h, palette.group.unattributed);
    const label = fitText(pen, box.node.name, box.w - 10);
    if (!label || box.h < 18) return;
    pen.rect(box.x + 2, box.y + 3, pen.measure(label) + 6, 14, palette.surface);
    pen.text(label, box.x + 5, box.y + 10, { color: palette.text });
    return;
  }
  const color = leafColor(box, palette);
  pen.rect(box.x, box.y, box.w, box.h, color);
  if (box.w < 30 || box.h < 14) return;
  const ink = inkOn(color);
  const label = fitText(pen, box.node.name, box.w - 7);
  if (!label) return;
  pen.text(label, box.x + 4, box.y + 9, { color: ink });
  if (box.h < 30) return;
  pen.text(fitText(pen, quantity.format(box.node.value), box.w - 7), box.x + 4, box.y + 23, { color: ink });
}

// Neighbours of the same group differ a little, so that their edges show.
function leafColor(box: TreemapBox, palette: Palette): string {
  const name = box.path[box.path.length - 1]!;
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) & 0xffff;
  return cssColor(mix(parseHex(palette.group[box.group]), parseHex(palette.surface), (hash % 4) * 0.1));
}
