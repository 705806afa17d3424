// SPDX-License-Identifier: MIT
// The Analysis view of a deep run: drilling down, going through tokens, and every table against the API.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Locator } from "playwright-core";
import type { Capabilities, Flow, Operations, Pipeline, Power, RunReport, Tokens, Tree, TreeNode } from "../src/api/schema.ts";
import { Place } from "./place.ts";
import { type Server, until } from "./server.ts";
import { componentOf, numberIn, Tab, twinOf, type Twin } from "./tab.ts";

const place = new Place();
let server: Server;
let id: string;

before(async () => {
  const power = ["--power", "synthetic:cpu=ramp(10W,4W/s),gpu=3W,dram=1W"];
  id = place.run(["-m", "tales-q8_0", "-p", "Once upon a time there was", "-n", "24", "--mode", "deep", ...power]);
  server = await place.serve();
});

const open = (more = "") => Tab.open(server, `analysis?run=${id}${more}`);

interface Matrix {
  layers: number[];
  components: string[];
  values: (number | null)[][];
}

const nameInTreemap = ({ kind, name, layer }: TreeNode): string =>
  layer !== undefined ? String(layer) : kind === "phase" ? name.replaceAll("_", " ") : name;

const levelsBelow = ({ children = [] }: TreeNode): number => Math.max(0, ...children.map((child) => 1 + levelsBelow(child)));

/** The child of `parent` that the treemap's tooltip tells of. */
async function pointedAt(areas: Locator, parent: TreeNode): Promise<TreeNode> {
  const title = (await areas.locator("strong >> visible=true").textContent()) ?? "";
  const name = title.split(" › ").at(-1);
  const child = parent.children?.find((each) => nameInTreemap(each) === name);
  assert.ok(child, `${title} is not below ${parent.name}: ${parent.children?.map(nameInTreemap).join()}`);
  return child;
}

test("drills from the run to phase, layer, component and operation", async () => {
  const tab = await open();
  const areas = tab.panel("As areas");
  const path = areas.getByRole("navigation", { name: "Level of the treemap" }).getByRole("button");
  const chart = areas.getByRole("application");
  const { root } = await server.get<Tree>(`/run/${id}/tree?depth=4`);
  let node: TreeNode = root;
  for (let depth = 1; depth <= 3; depth++) {
    // down to the largest child that goes deep enough; the data cursor meets the largest of all first
    await chart.focus();
    await tab.page.keyboard.press("ArrowDown");
    let next = await pointedAt(areas, node);
    while (levelsBelow(next) < 4 - depth) {
      await tab.page.keyboard.press("ArrowRight");
      next = await pointedAt(areas, node);
    }
    await tab.page.keyboard.press("Enter");
    await until(`level ${depth}`, async () => (await path.count()) > depth);
    assert.equal((await path.allTextContents())[depth], nameInTreemap(next));
    node = next;
  }
  await tab.page.waitForURL(/(tree=[^&]*&?){3}/);
  const deeper = tab.fragment;
  await tab.reload();
  assert.equal(tab.fragment, deeper);
  assert.equal(await path.count(), 4);
  await chart.focus();
  for (let left = 3; left >= 1; left--) {
    await tab.page.keyboard.press("Escape");
    await until(`level ${left}`, async () => (await path.count()) === left);
  }
  await tab.close();
});

test("lists the operations of the component that is chosen in the heatmap", async () => {
  const tab = await open("&metric=time_ms");
  const heatmap = tab.panel("Layers and components").getByRole("application").first();
  await heatmap.focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "Enter"]) await tab.page.keyboard.press(key);
  await tab.page.waitForURL(/components=/);
  const address = new URLSearchParams(tab.fragment.split("?")[1]);
  const component = address.get("components")!;
  const layer = address.get("layers")!.split("..")[0]!;
  const panel = tab.panel(`Operations of ${component}`);
  await panel.waitFor();
  await tab.settle();
  const { rows, columns } = await twinOf(panel);
  const { operations } = await server.get<Operations>(`/run/${id}/operations?layer=${layer}&component=${component}`);
  assert.equal(rows.length, operations.length);
  assert.ok(operations.some(({ operation }) => operation !== null), "a deep run knows operations");
  for (const [i, operation] of operations.entries()) {
    for (const [k, column] of columns.entries()) {
      const value = operation[column as keyof typeof operation] ?? null;
      assert.equal(rows[i]![k], value === null ? "—" : String(value), `${operation.operation ?? ""} ${column}`);
    }
  }
  await tab.close();
});

test("goes through tokens by keyboard, and all panels follow", async () => {
  const tab = await open("&metric=time_ms");
  const { page } = tab;
  const { tokens } = await server.get<Tokens>(`/run/${id}/tokens`);
  const token = () => new URLSearchParams(tab.fragment.split("?")[1]).get("token");
  const becomes = (index: number) => until(`token ${index}`, () => token() === String(index));
  const slider = page.getByRole("slider");
  await slider.focus();
  await page.keyboard.press("Home");
  await becomes(0);
  await page.keyboard.press("End");
  await becomes(tokens.length - 1);
  await page.keyboard.press("ArrowLeft");
  await becomes(tokens.length - 2);
  await page.locator("body").click({ position: { x: 1, y: 1 } });
  await page.keyboard.press("[");
  await becomes(tokens.length - 3);
  await page.keyboard.press("]");
  await becomes(tokens.length - 2);
  // the heatmap is that of the token
  await tab.settle();
  const twin = await twinOf(tab.panel("Layers and components"));
  const matrix = await server.get<Matrix>(`/run/${id}/matrix?metric=time_ms&token=${tokens.length - 2}`);
  const compared = compare(twin, matrix, (shown, value, where) => assert.equal(shown, Math.fround(value), where));
  assert.ok(compared > 50);
  await page.keyboard.press("Escape");
  await until("no token", () => token() === null);
  await slider.focus();
  await page.keyboard.press("Home");
  await becomes(0);
  await page.keyboard.press("Space");
  await until("it plays", () => Number(token()) > 2);
  await page.keyboard.press("Space");
  await tab.close();
});

type Compare = (shown: number, value: number, where: string) => void;

/** Compares a heatmap's table with what the server has inside the layers; answers how many cells there were. */
function compare({ columns, rows }: Twin, matrix: Matrix, same: Compare): number {
  let compared = 0;
  for (const row of rows) {
    const at = matrix.layers.indexOf(Number(row[0]));
    assert.ok(at >= 0, `the server has no layer ${row[0]}`);
    for (const [i, column] of columns.entries()) {
      if (i === 0) continue;
      const component = componentOf(column);
      const where = `layer ${row[0]}, ${component}`;
      const value = matrix.values[at]![matrix.components.indexOf(component)] ?? null;
      const shown = numberIn(row[i]);
      assert.equal(shown === null, value === null, `${where}: ${shown}, not ${value}`);
      if (shown === null || value === null) continue;
      same(shown, value, where);
      compared++;
    }
  }
  return compared;
}

// Statistics are stored as 16-bit logarithmic codes, and sums of a run made before they were.
const TOLERANCE: Readonly<Record<string, number>> = { time_ms: 1e-5, energy_mj: 1e-5 };
const OF_CODES = 1e-3;

test("has in each heatmap's table what the server has", async () => {
  for (const { name: metric } of (await server.get<Capabilities>("/capabilities")).metrics) {
    if (metric === "power_mw") continue;
    const tab = await open(`&metric=${metric}`);
    const matrix = await server.get<Matrix>(`/run/${id}/matrix?metric=${metric}`);
    const compared = compare(await twinOf(tab.panel("Layers and components")), matrix, (shown, value, where) => {
      const near = Math.abs(shown - value) <= (TOLERANCE[metric] ?? OF_CODES) * Math.abs(value);
      assert.ok(near, `${metric}, ${where}: ${shown}, not ${value}`);
    });
    assert.ok(compared >= matrix.layers.length - 1, `${metric}: ${compared} cells`);
    await tab.close();
  }
});

test("says of a metric that was not taken why", async () => {
  const tab = await open("&metric=power_mw");
  await tab.panel("Layers and components").getByText("Not available.").waitFor();
  await tab.close();
});

test("shows the server's power samples", async () => {
  const tab = await open();
  const { samples } = await server.get<Power>(`/run/${id}/power?max_points=2000`);
  const { columns, rows } = await twinOf(tab.panel("Power"));
  const names = { cpu: /^CPU/, gpu: /^GPU/, dram: /^DRAM/, total: /^total/ } as const;
  assert.equal(rows.length, new Set(samples.timestamp_ms).size);
  for (const [domain, name] of Object.entries(names)) {
    const column = columns.findIndex((title) => name.test(title));
    assert.ok(column > 0, `${domain} is not among ${columns.join()}`);
    const values = samples[`${domain as keyof typeof names}_power_mw`]!;
    for (const [i, ms] of samples.timestamp_ms.entries()) {
      const row = rows.find(([time]) => Number(time) === ms);
      assert.equal(numberIn(row?.[column]), values[i], `${domain} at ${ms} ms`);
    }
  }
  await tab.close();
});

test("shows the server's phases and sections", async () => {
  const tab = await open();
  const { sections, phases } = await server.get<Pipeline>(`/run/${id}/pipeline`);
  const { rows } = await twinOf(tab.panel("Pipeline"));
  assert.equal(rows.length, sections.length + phases.length);
  const left = rows.filter(([lane]) => lane === "section");
  for (const { section_name, duration_ms, energy_mj } of sections) {
    const at = left.findIndex(
      ([, name, , , duration, energy]) =>
        name === section_name.replaceAll("_", " ") &&
        Math.abs(Number(duration) - duration_ms) < 1e-6 &&
        numberIn(energy) === energy_mj,
    );
    assert.ok(at >= 0, `${section_name}: ${duration_ms} ms, ${energy_mj} mJ`);
    left.splice(at, 1);
  }
  await tab.close();
});

const nano = (value: number | null): number => Math.round((value ?? 0) * 1e6);

test("has areas whose parts add up to the whole, in the API and on the page", async () => {
  const tab = await open();
  const { root } = await server.get<Tree>(`/run/${id}/tree?depth=4`);
  const shown = new Map((await twinOf(tab.panel("As areas"))).rows.map((row) => [row[0]!, numberIn(row[2])]));
  let checked = 0;
  const check = (node: TreeNode, path: readonly string[]): void => {
    const name = path.join(" › ") || node.name;
    assert.equal(shown.get(name), node.energy_mj, `what is shown of ${name}`);
    const { children } = node;
    if (!children) return;
    const sum = (of: (child: TreeNode) => number) => children.reduce((total, child) => total + of(child), 0);
    assert.equal(sum((child) => nano(child.energy_mj)), nano(node.energy_mj), `energy of ${name}`);
    assert.equal(sum((child) => nano(child.duration_ms)), nano(node.duration_ms), `time of ${name}`);
    checked++;
    for (const child of children) check(child, [...path, titleOf(child)]);
  };
  check(root, []);
  assert.ok(checked > 50);
  assert.equal(shown.get(root.name), (await server.get<RunReport>(`/run/${id}/summary`)).total_energy_mj);
  await tab.close();
});

const titleOf = (node: TreeNode): string =>
  node.kind === "layer" ? String(node.layer) : node.kind === "phase" ? node.name.replaceAll("_", " ") : node.name;

test("has flows of which nothing is lost on the way, in the API and on the page", async () => {
  const tab = await open();
  const { nodes, links } = await server.get<Flow>(`/run/${id}/flow`);
  const { rows } = await twinOf(tab.panel("As a flow"));
  assert.deepEqual(rows.map((row) => numberIn(row[2])), links.map((link) => link.energy_mj));
  for (const { id: node, stage, energy_mj } of nodes) {
    const sum = (end: "source" | "target") =>
      links.reduce((total, link) => total + (link[end] === node ? nano(link.energy_mj) : 0), 0);
    if (stage > 0) assert.equal(sum("target"), nano(energy_mj), `into ${node}`);
    if (stage < 3) assert.equal(sum("source"), nano(energy_mj), `out of ${node}`);
  }
  await tab.close();
});

test("has in the tokens' table what the tokens cost", async () => {
  const tab = await open();
  const { tokens } = await server.get<Tokens>(`/run/${id}/tokens`);
  const { columns, rows } = await twinOf(tab.panel("Token by token"));
  assert.equal(rows.length, tokens.length);
  let total = 0;
  for (const [i, token] of tokens.entries()) {
    const parts = rows[i]!.slice(2, columns.length - 1).map((cell) => numberIn(cell) ?? 0);
    const sum = parts.reduce((all, part) => all + part, 0);
    assert.ok(Math.abs(sum - token.energy_mj!) <= 1e-5 * token.energy_mj!, `token ${i}: ${sum}, not ${token.energy_mj}`);
    total += token.energy_mj!;
    assert.ok(Math.abs(numberIn(rows[i]![columns.length - 1])! - total) <= 1e-5 * total, `running total at ${i}`);
  }
  await tab.close();
});

test("breaks the energy down by domain", async () => {
  const tab = await open();
  const { domains } = await server.get<RunReport>(`/run/${id}/summary`);
  const { rows } = await twinOf(tab.panel("By part of the machine"));
  assert.deepEqual(
    rows.map(([name, mj]) => [name?.toLowerCase(), numberIn(mj)]),
    domains.map(({ domain, energy_mj }) => [domain, energy_mj]),
  );
  await tab.close();
});

test("switches between gross and net energy", async () => {
  const tab = await open();
  const report = await server.get<RunReport>(`/run/${id}/summary`);
  const header = tab.page.getByRole("region", { name: "Run", exact: true });
  await header.getByText("energy", { exact: true }).waitFor();
  await tab.page.getByRole("button", { name: "net", exact: true }).click();
  if (report.net_energy_mj !== null) await header.getByText("energy above idle").waitFor();
  await tab.page.waitForURL(/energy=net/);
  await tab.close();
});
