// SPDX-License-Identifier: MIT
// The History view: finding, sorting, grouping, labelling, exporting and deleting runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import type { Locator } from "playwright-core";
import type { RunSummary } from "../src/api/schema.ts";
import { FAKE_ENGINE, Place } from "./place.ts";
import { type Server, until } from "./server.ts";
import { Tab, twinOf } from "./tab.ts";

const SEA = "The robot walked to the sea";
const DRAGON = "Once upon a time there was a dragon";

const place = new Place(["tales-q8_0", "tales-f16"]);
let server: Server;
let deep: string;

before(async () => {
  const power = ["--power", "synthetic:cpu=ramp(10W,2W/s),gpu=3W"];
  for (const model of ["tales-q8_0", "tales-f16"]) {
    place.run(["-m", model, "-p", DRAGON, "-n", "8", ...power, "--tag", "baseline", "--experiment", "pairs"]);
  }
  place.run(["-m", "tales-f16", "-p", SEA, "-n", "12", "--power", "none", "--mode", "minimal"]);
  deep = place.run(["-m", "tales-q8_0", "-p", SEA, "-n", "10", ...power, "--mode", "deep", "--tag", "looked at"]);
  server = await place.serve();
});

const rowsOf = (tab: Tab): Locator => tab.panel("Runs").locator("tbody tr");

/** The ids in the table, from the top. */
const idsIn = (tab: Tab): Promise<(string | null)[]> =>
  rowsOf(tab).evaluateAll((rows) => rows.map((row) => row.getAttribute("data-run")));

async function idsBecome(tab: Tab, expected: readonly string[]): Promise<void> {
  await until(`the table shows ${expected.join(" ")}`, async () => {
    const ids = await idsIn(tab);
    return ids.length === expected.length && ids.every((id, i) => id === expected[i]);
  });
}

const stored = (query = ""): Promise<RunSummary[]> => server.get<RunSummary[]>(`/runs${query}`);
const idsOf = (runs: readonly RunSummary[]): string[] => runs.map(({ id }) => id);

test("lists the runs, newest first, with the server's figures", async () => {
  const tab = await Tab.open(server, "history");
  const runs = await stored();
  assert.equal(runs.length, 4);
  await idsBecome(tab, idsOf(runs));
  const cells = await rowsOf(tab).first().locator("th, td").allTextContents();
  const [run] = runs;
  assert.ok(run);
  assert.ok(cells.some((cell) => cell.includes(run.model_name)));
  assert.ok(cells.includes(SEA));
  assert.ok(cells.includes("looked at"));
  assert.ok(cells.includes(run.power.grade + run.power.sources.join(", ")));
  await tab.panel("Runs").getByText("The store holds 4 runs").waitFor();
  await tab.close();
});

test("finds runs by text, model, tag, experiment, status, mode and day, and says so in the address", async () => {
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  const cases: readonly (readonly [title: string, value: string, query: string])[] = [
    ["Model", "tales-f16", "?model=tales-f16"],
    ["Tag", "baseline", "?tag=baseline"],
    ["Experiment", "pairs", "?experiment=pairs"],
    ["Status", "complete", "?status=complete"],
    ["Mode", "deep", "?mode=deep"],
  ];
  for (const [title, value, query] of cases) {
    await page.getByLabel(title, { exact: true }).selectOption(value);
    await idsBecome(tab, idsOf(await stored(query)));
    await page.waitForURL(/#1\/history\?/);
    const address = tab.fragment;
    await tab.reload();
    assert.equal(tab.fragment, address);
    await idsBecome(tab, idsOf(await stored(query)));
    await page.getByRole("button", { name: "Clear filters" }).click();
    await idsBecome(tab, idsOf(await stored()));
    await page.waitForURL(/#1\/history$/);
  }
  await page.getByLabel("Search").fill("robot");
  await idsBecome(tab, idsOf(await stored("?search=robot")));
  await page.getByLabel("From", { exact: true }).fill("2001-01-01");
  await page.getByLabel("To", { exact: true }).fill("2001-01-02");
  await page.getByText("No run matches.").waitFor();
  await page.getByRole("button", { name: "Show all runs" }).click();
  await idsBecome(tab, idsOf(await stored()));
  await tab.close();
});

test("sorts by every column the server sorts by, both ways", async () => {
  const tab = await Tab.open(server, "history");
  const columns = ["begun", "model", "tokens", "time", "energy", "per token", "speed", "status"];
  const keys = [
    "created_at",
    "model_name",
    "output_tokens",
    "total_duration_ms",
    "total_energy_mj",
    "joules_per_token",
    "tokens_per_second",
    "status",
  ];
  for (const [i, column] of columns.entries()) {
    const heading = tab.page.getByRole("columnheader", { name: column, exact: true });
    const seen = new Set<string | null>();
    for (let click = 0; click < 2; click++) {
      await heading.getByRole("button").click();
      const direction = await heading.getAttribute("aria-sort");
      seen.add(direction);
      await idsBecome(tab, idsOf(await stored(`?sort=${direction === "descending" ? "-" : ""}${keys[i]}`)));
    }
    assert.deepEqual([...seen].sort(), ["ascending", "descending"]);
  }
  await tab.close();
});

test("groups runs by prompt and model, and compares them with one click", async () => {
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  await page.getByRole("button", { name: "prompt", exact: true }).click();
  await tab.settle();
  const groups = tab.panel("Runs by prompt").locator("tbody tr");
  assert.deepEqual((await groups.locator("th").allTextContents()).sort(), [DRAGON, SEA].sort());
  await page.getByRole("button", { name: `Compare models of ${DRAGON}` }).click();
  await page.waitForURL(/#1\/compare\?/);
  await page.getByText("(baseline)").waitFor();
  await page.goBack();
  await page.getByRole("button", { name: `Runs of ${SEA}` }).click();
  await idsBecome(tab, idsOf(await stored(`?same_prompt_as=${deep}`)));
  await tab.go("history?group=model");
  await page.getByRole("button", { name: "Compare prompts of tales-q8_0" }).click();
  await page.getByText("(baseline)").waitFor();
  await tab.close();
});

test("changes tags and experiment", async () => {
  const tab = await Tab.open(server, `history?search=${encodeURIComponent("robot")}&mode=deep`);
  const { page } = tab;
  await page.getByRole("button", { name: /^Tags and experiment of / }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Tags, one per line").fill("looked at\nkept, with a comma\nlooked at");
  await dialog.getByLabel("Experiment").fill("summer");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await rowsOf(tab).getByRole("button", { name: "kept, with a comma" }).waitFor();
  const run = await server.get<RunSummary>(`/run/${deep}/summary`);
  assert.deepEqual(run.tags, ["looked at", "kept, with a comma"]);
  assert.equal(run.experiment_name, "summer");
  await page.getByRole("button", { name: /^Tags and experiment of / }).click();
  await dialog.getByLabel("Experiment").fill("e".repeat(300));
  await dialog.getByRole("alert").waitFor();
  assert.ok(await dialog.getByRole("button", { name: "Save" }).isDisabled());
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await tab.close();
});

test("exports a run, as the server writes it", async () => {
  const tab = await Tab.open(server, `history?mode=deep`);
  const { page } = tab;
  await page.getByRole("button", { name: /^Export / }).click();
  const dialog = page.getByRole("dialog");
  const links = dialog.getByRole("link");
  await links.first().waitFor();
  const formats = await links.allTextContents();
  assert.ok(["json", "csv", "csv.zip", "perfetto"].every((format) => formats.includes(format)));
  await dialog.getByLabel("Table of the CSV file").selectOption("tokens");
  for (const format of formats.filter((name) => name !== "sqlite")) {
    const download = page.waitForEvent("download");
    await links.filter({ hasText: new RegExp(`^${format.replace(".", "\\.")}$`) }).click();
    const file = await download;
    const table = format === "csv" ? "&table=tokens" : "";
    const answer = await fetch(`${server.origin}/api/profiling/export/${deep}?format=${format}${table}`);
    const expected = Buffer.from(await answer.arrayBuffer());
    assert.match(file.suggestedFilename(), new RegExp(deep));
    assert.deepEqual(readFileSync(await file.path()), expected, format);
    checkExport(format, expected);
  }
  await tab.close();
});

/** Is it what it says to be, of this run? */
function checkExport(format: string, bytes: Buffer): void {
  const text = bytes.toString("utf8");
  switch (format) {
    case "json":
      assert.equal((JSON.parse(text) as { summary: { id: string } }).summary.id, deep);
      break;
    case "csv": {
      const [head, ...rows] = text.trim().split("\n");
      assert.match(head ?? "", /^run_id,/);
      assert.ok(rows.length >= 10 && rows.every((row) => row.startsWith(`${deep},`)));
      break;
    }
    case "csv.zip":
      assert.equal(text.slice(0, 2), "PK");
      break;
    case "chrome":
      assert.ok((JSON.parse(text) as { traceEvents: unknown[] }).traceEvents.length > 100);
      break;
    case "speedscope":
      assert.match((JSON.parse(text) as { name: string }).name, new RegExp(deep));
      break;
    case "erg":
    case "perfetto":
      assert.ok(bytes.includes("tales-q8_0"));
      break;
    default:
      assert.ok(bytes.length > 0, format);
  }
}

test("deletes a run after a dialog that names it, and not when it is undone", async () => {
  const victim = place.run(["-m", "tales-q8_0", "-p", "Delete me", "-n", "4", "--power", "none"]);
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  const all = idsOf(await stored());
  const rest = all.filter((id) => id !== victim);
  const ask = async () => {
    await rowsOf(tab).filter({ hasText: "Delete me" }).getByRole("button", { name: /^Delete / }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(victim).waitFor();
    await dialog.getByText("Delete me").waitFor();
    return dialog;
  };
  await (await ask()).getByRole("button", { name: "Cancel" }).click();
  await idsBecome(tab, all);
  await (await ask()).getByRole("button", { name: "Delete", exact: true }).click();
  await idsBecome(tab, rest);
  assert.deepEqual(idsOf(await stored()), all, "the server was asked before the time for undoing was over");
  await page.getByRole("region", { name: "Deletions" }).getByRole("button", { name: "Undo" }).click();
  await idsBecome(tab, all);
  await (await ask()).getByRole("button", { name: "Delete", exact: true }).click();
  await idsBecome(tab, rest);
  await until("the server has deleted it", async () => !idsOf(await stored()).includes(victim));
  await page.getByRole("region", { name: "Deletions" }).waitFor({ state: "detached" });
  await idsBecome(tab, rest);
  await tab.close();
});

test("deletes at once when the page is left", async () => {
  const victim = place.run(["-m", "tales-q8_0", "-p", "Leave me", "-n", "4", "--power", "none"]);
  const tab = await Tab.open(server, "history");
  await rowsOf(tab).filter({ hasText: "Leave me" }).getByRole("button", { name: /^Delete / }).click();
  await tab.page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await rowsOf(tab).filter({ hasText: "Leave me" }).waitFor({ state: "detached" });
  await tab.page.goto("about:blank");
  await until("the server has deleted it", async () => !idsOf(await stored()).includes(victim));
  await tab.close();
});

test("pages through many runs", async () => {
  const many = new Place();
  const script = many.file("short.txt", 'run_begin {}\nsection pre_inference tokenization 1ms\npass decode layers=1\ntoken 1 "a"\nrun_end\n');
  const fake = ["--engine", FAKE_ENGINE, "--power", "none", "--idle-seconds", "0"];
  for (let i = 0; i < 53; i++) many.run(["-m", "tales-q8_0", "-p", `Prompt ${i}`, "-n", "1", ...fake], { ERGON_FAKE_SCRIPT: script });
  const other = await many.serve();
  const tab = await Tab.open(other, "history");
  const { page } = tab;
  await page.getByText("runs 1–50 of 53").waitFor();
  await page.getByRole("navigation", { name: "Pages of runs" }).getByRole("button", { name: "Next" }).click();
  await page.getByText("runs 51–53 of 53").waitFor();
  const last = await other.get<RunSummary[]>("/runs?limit=50&offset=50");
  await idsBecome(tab, idsOf(last));
  await tab.reload();
  await idsBecome(tab, idsOf(last));
  await page.goBack();
  await page.getByText("runs 1–50 of 53").waitFor();
  await tab.close();
});

test("draws speed against energy, and tells the same in a table", async () => {
  const tab = await Tab.open(server, "history");
  const runs = await stored();
  const { columns, rows } = await twinOf(tab.panel("Speed and energy"));
  assert.equal(columns.length, 4);
  assert.equal(rows.length, runs.length);
  for (const [i, run] of runs.entries()) {
    const [, speed, energy, front] = rows[i]!;
    assert.equal(speed, run.tokens_per_second === null ? "—" : String(run.tokens_per_second));
    assert.equal(energy, run.joules_per_token === null ? "—" : String(run.joules_per_token * 1e3));
    const beaten = runs.some(
      (other) =>
        other.joules_per_token !== null && run.joules_per_token !== null &&
        other.tokens_per_second! >= run.tokens_per_second! && other.joules_per_token <= run.joules_per_token &&
        (other.tokens_per_second! > run.tokens_per_second! || other.joules_per_token < run.joules_per_token),
    );
    assert.equal(front, run.joules_per_token !== null && !beaten ? "yes" : "no");
  }
  await tab.close();
});
