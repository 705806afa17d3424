// SPDX-License-Identifier: MIT
// The Compare view: three runs, groups with statistics, and single runs made into groups by repeating them.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Comparison, RunReport, Tokens } from "../src/api/schema.ts";
import { Place } from "./place.ts";
import { type Server, until } from "./server.ts";
import { componentOf, numberIn, Tab, twinOf } from "./tab.ts";

const PROMPT = "Once upon a time";
const place = new Place(["tales-q8_0", "tales-f16"]);
let server: Server;
const singles: string[] = [];

before(async () => {
  const make = (model: string, watts: string, ...rest: string[]) =>
    place.run(["-m", model, "-p", PROMPT, "-n", "12", "--power", `synthetic:cpu=${watts}`, ...rest]);
  for (let i = 0; i < 3; i++) {
    make("tales-q8_0", `${10 + i}W`, "--tag", "light");
    make("tales-f16", `${30 + i}W`, "--tag", "heavy");
  }
  singles.push(make("tales-q8_0", "20W"), make("tales-f16", "25W"), make("tales-q8_0", "30W", "--mode", "deep"));
  server = await place.serve();
});

const fragmentOf = (specs: readonly string[], more = "") =>
  `compare?${specs.map((spec) => `runs=${encodeURIComponent(spec)}`).join("&")}${more}`;

/** Cells of the statistics table, row by row. */
const statistics = (tab: Tab): Promise<string[][]> =>
  tab.panel("Statistics").locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
  );

test("compares three runs, and a reload shows the same", async () => {
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  for (const id of singles) await page.locator(`tr[data-run="${id}"] input[type=checkbox]`).check();
  await page.getByRole("button", { name: "Compare 3" }).click();
  await page.waitForURL(/#1\/compare\?/);
  await tab.settle();
  await tab.panel("Statistics").waitFor();
  await tab.settle();
  const [compared, address] = [await statistics(tab), tab.fragment];
  const answer = await server.post<Comparison>("/compare", { runs: singles, normalize: "normalized" });
  assert.deepEqual(compared.map(([title]) => title), answer.metrics.map(({ title }) => title));
  assert.ok(compared.every((row) => row.filter((cell) => cell === "no test").length === 2));
  assert.ok(compared.every((row) => row[row.length - 1] === "1+1+1"));
  for (const warning of answer.warnings) await page.getByText(warning).waitFor();
  await tab.reload();
  assert.equal(tab.fragment, address);
  assert.deepEqual(await statistics(tab), compared);
  await tab.close();
});

test("tests groups, as mean or as median", async () => {
  const tab = await Tab.open(server, fragmentOf(["tag:light", "tag:heavy"]));
  const answer = await server.post<Comparison>("/compare", { runs: ["tag:light", "tag:heavy"], normalize: "normalized" });
  const [energy] = answer.metrics;
  const [pair] = energy!.comparisons;
  const row = (await statistics(tab))[0]!;
  assert.equal(row[0], energy!.title);
  assert.ok(row[3]!.includes(pair!.significant ? "worse" : "~"), row[3]);
  assert.equal(row[row.length - 1], "3+3");
  await tab.page.getByRole("button", { name: "median", exact: true }).click();
  await until("the address says so", () => /average=median/.test(tab.fragment));
  // three runs against three: no rank test can find anything
  assert.ok((await statistics(tab)).every((each) => each[3] === "~"));
  await tab.close();
});

test("normalises as asked", async () => {
  const tab = await Tab.open(server, fragmentOf(["tag:light", "tag:heavy"]));
  for (const normalize of ["token", "input_token", "output_token", "second", "million_parameters", "none"]) {
    await tab.page.getByLabel("Figures").selectOption(normalize);
    const { metrics } = await server.post<Comparison>("/compare", { runs: ["tag:light", "tag:heavy"], normalize });
    await until(`the table has the figures ${normalize}`, async () => {
      const titles = (await statistics(tab)).map(([title]) => title);
      return titles.length === metrics.length && metrics.every(({ title }, i) => title === titles[i]);
    });
  }
  await tab.close();
});

test("lays power over each other; the table has the server's samples", async () => {
  const [a, b] = singles as [string, string];
  const tab = await Tab.open(server, fragmentOf([a, b]));
  const twin = await twinOf(tab.panel("Power"));
  for (const [i, id] of [a, b].entries()) {
    const { samples } = await server.get<{ samples: { timestamp_ms: number[]; total_power_mw: (number | null)[] } }>(
      `/run/${id}/power?max_points=2000`,
    );
    const shown = new Map(twin.rows.map((row) => [Number(row[0]), row[i + 1]]));
    for (const [k, ms] of samples.timestamp_ms.entries()) {
      assert.equal(numberIn(shown.get(ms)), samples.total_power_mw[k], `${id} at ${ms} ms`);
    }
  }
  await tab.close();
});

test("draws averages per layer, as the server has them", async () => {
  const [a, b] = singles as [string, string];
  const tab = await Tab.open(server, fragmentOf([a, b], "&metric=time_ms"));
  for (const phase of ["decode", "prefill"]) {
    await tab.panel("Layers").getByLabel("Phase").selectOption(phase);
    const twin = await twinOf(tab.panel("Layers"));
    for (const [i, id] of [a, b].entries()) {
      const { layer_averages: rows } = await server.get<RunReport>(`/run/${id}/summary`);
      const mine = rows.filter((row) => row.phase === phase && row.layer >= 0);
      assert.equal(twin.rows.length, mine.length);
      for (const row of mine) {
        const shown = twin.rows.find(([layer]) => Number(layer) === row.layer);
        assert.equal(numberIn(shown?.[i + 1]), row.duration_ms / row.passes);
      }
    }
  }
  await tab.close();
});

test("shows where two runs differ, cell by cell", async () => {
  const [a, b, c] = singles as [string, string, string];
  const tab = await Tab.open(server, fragmentOf([a, b, c], "&metric=time_ms&against=C"));
  interface Matrix {
    layers: number[];
    components: string[];
    passes: { tokens: number; profiled: boolean }[];
    values: (number | null)[][];
  }
  const matrix = (id: string) => server.get<Matrix>(`/run/${id}/matrix?metric=time_ms&phase=decode`);
  const [before, after] = [await matrix(a), await matrix(c)];
  const { columns, rows } = await twinOf(tab.panel("Difference of C to A"));
  const perToken = (of: Matrix, layer: number, component: string): number | null => {
    const value = of.values[of.layers.indexOf(layer)]?.[of.components.indexOf(component)] ?? null;
    const tokens = of.passes.reduce((sum, pass) => sum + (pass.profiled ? pass.tokens : 0), 0);
    return value === null ? null : value / tokens;
  };
  let compared = 0;
  for (const row of rows) {
    const layer = row[0] === "outside the layers" ? -1 : Number(row[0]);
    for (const [i, column] of columns.entries()) {
      const component = componentOf(column);
      if (i === 0) continue;
      const [x, y] = [perToken(before, layer, component), perToken(after, layer, component)];
      const shown = numberIn(row[i]);
      if (x === null || y === null) assert.equal(shown, null, `${row[0]} ${component}: ${x} ${y}`);
      else assert.ok(Math.abs(shown! - (y - x)) <= 1e-5 * Math.max(x, y), `${layer} ${component}: ${shown}, ${y - x}`);
      compared += x !== null && y !== null ? 1 : 0;
    }
  }
  assert.ok(compared > 50);
  await tab.close();
});

test("tells the spread within a run from that between runs", async () => {
  const [a, b] = singles as [string, string];
  const tab = await Tab.open(server, fragmentOf([a, b]));
  const table = tab.panel("Within each run").locator("tbody tr");
  assert.equal(await table.count(), 4);
  const { within_run: within } = await server.get<Tokens>(`/run/${a}/tokens`);
  const cells = await table.first().locator("th, td").allTextContents();
  assert.equal(cells[5], String(within.duration_ms.n));
  assert.equal(cells[6], String(Math.round(within.duration_ms.effective_n!)));
  await tab.go(fragmentOf(["tag:light", "tag:heavy"]));
  assert.equal(await tab.panel("Within each run").count(), 0);
  await tab.close();
});

test("prices all groups at one place", async () => {
  const [a, b] = singles as [string, string];
  const tab = await Tab.open(server, fragmentOf([a, b]));
  const cells = () => tab.panel("Cost and CO2").locator("tbody td").allTextContents();
  const before = await cells();
  assert.ok(before.length === 8 && before.every((cell) => /^[\d.]+\u00a0(USD|k?g|mg|µg)$/.test(cell)), before.join());
  const regions = await tab.page.getByLabel("Region").locator("option").allTextContents();
  await tab.page.getByLabel("Region").selectOption(regions.find((region) => region === "california")!);
  await until("other prices", async () => (await cells()).some((cell, i) => cell !== before[i]));
  await tab.close();
});

test("changes the baseline and takes a run out", async () => {
  const tab = await Tab.open(server, fragmentOf(singles));
  const { page } = tab;
  await page.getByRole("button", { name: "Make C the baseline" }).click();
  await page.waitForURL(new RegExp(`compare\\?runs=${singles[2]}&runs=${singles[0]}`));
  await tab.settle();
  await page.getByRole("button", { name: "Take B out" }).click();
  await page.waitForURL(new RegExp(`compare\\?runs=${singles[2]}&runs=${singles[1]}$`));
  await tab.settle();
  await page.getByRole("button", { name: "Take B out" }).click();
  await page.waitForURL(/#1\/history\?/);
  await tab.close();
});

test("repeats single runs in turns, and compares the repeats", async () => {
  const [a, b] = singles as [string, string];
  const tab = await Tab.open(server, fragmentOf([a, b]));
  const panel = tab.panel("Repeat the runs");
  await panel.getByLabel("Repeat each run").fill("2");
  await panel.getByRole("button", { name: "Repeat", exact: true }).click();
  const compare = panel.getByRole("button", { name: "Compare the repeats" });
  await panel.getByText("4 of 4 runs are done.").waitFor();
  await compare.click();
  await tab.page.waitForURL(/experiment/);
  await tab.settle();
  assert.ok((await statistics(tab)).every((row) => row[row.length - 1] === "2+2"));
  const newest = await server.get<{ model_name: string; experiment_name: string }[]>("/runs?limit=4&sort=created_at&search=Once&offset=9");
  assert.deepEqual(newest.map((run) => run.model_name), ["tales-q8_0", "tales-f16", "tales-f16", "tales-q8_0"]);
  await tab.close();
});

test("says why what was asked for cannot be compared", async () => {
  const tab = await Tab.open(server, fragmentOf([singles[0]!, "tag:nobody"]), {
    expected: [/Failed to load resource/],
  });
  await tab.panel("Comparison").getByRole("alert").getByText("tag:nobody").waitFor();
  await tab.go("compare");
  await tab.page.getByText("Choose two to four runs").waitFor();
  await tab.close();
});
