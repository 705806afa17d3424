// SPDX-License-Identifier: MIT
// The report of a run: one file, opened from a folder, without a server and without a request to anywhere.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { after, before, describe, it } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { accessibilityProblems, launch } from "./browser.ts";

const TOP = join(import.meta.dirname, "../..");
const PROGRAM = process.env["ERGON"] ?? join(TOP, "build/bin/ergon");
const PATIENCE = { timeout: 60_000 };
const PROMPT =
  'Tom said </script><script>document.title="run"</script><!-- \u2028 & <img src=x onerror="alert(1)">';

const folder = mkdtempSync(join(tmpdir(), "ergon-report-"));

function ergon(...args: string[]): string {
  const store = ["--db", join(folder, "ergon.db"), "--models-dir", join(TOP, "models"), "--quiet"];
  return execFileSync(PROGRAM, [...args, ...store], { encoding: "utf8", maxBuffer: 1 << 28 });
}

const run = (...args: string[]): string =>
  (JSON.parse(ergon("run", "--json", "-m", "tales-q8_0", ...args)) as { id: string }).id;

/** Where the report of a run lies. */
function report(id: string, ...args: string[]): string {
  const file = join(folder, `${id}${args.join("")}.html`);
  ergon("export", id, "--format", "html", "-o", file, ...args);
  return file;
}

interface Opened {
  readonly page: Page;
  /** Everything the page did beside showing itself. */
  readonly problems: string[];
}

const panel = (page: Page, title: string): Locator =>
  page.getByRole("region", { name: title, exact: true });

async function twin(page: Page, title: string): Promise<string[][]> {
  const where = panel(page, title);
  await where.getByRole("button", { name: "Table", exact: true }).click();
  await where.getByRole("table").waitFor(PATIENCE);
  return where
    .locator("tbody tr")
    .evaluateAll((rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
    );
}

describe("a report", () => {
  const power = ["--power", "synthetic:cpu=20W,gpu=5W", "--power-interval", "5"];
  let browser: Browser;
  let deep: string;
  let dark: string;

  before(async () => {
    deep = run(
      "-p",
      PROMPT,
      "-n",
      "24",
      "--ignore-eos",
      "--mode",
      "deep",
      "--tag",
      "<b>x</b>",
      ...power,
    );
    dark = run("-p", "Once there was", "-n", "8", "--power", "none");
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    file: string,
    rest = "",
    theme: "light" | "dark" = "light",
    ready = "Run",
  ): Promise<Opened> {
    const page = await browser.newPage({
      viewport: { width: 1300, height: 900 },
      colorScheme: theme,
    });
    const problems: string[] = [];
    const own = pathToFileURL(file).href;
    page.on("console", (message) => problems.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
    page.on("dialog", (dialog) => problems.push(`dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      const url = request.url().split("#")[0]!;
      if (url !== own && !/^(blob|data):/.test(url)) problems.push(`request: ${url}`);
    });
    await page.goto(`${own}${rest}`);
    await panel(page, ready).waitFor(PATIENCE);
    return { page, problems };
  }

  it("opens from a folder and shows what 'ergon show' says", async () => {
    const { page, problems } = await open(report(deep));
    const summary = JSON.parse(ergon("show", deep, "--json")) as { total_energy_mj: number };
    const tree = await twin(page, "As areas");
    assert.ok(Math.abs(Number(tree[0]![2]) - summary.total_energy_mj) < 1e-6);
    for (const title of [
      "Pipeline",
      "Power",
      "Layers and components",
      "Token by token",
      "As a flow",
      "Attention heads",
    ]) {
      assert.equal(await panel(page, title).getAttribute("data-state"), "ready", title);
      assert.ok((await twin(page, title)).length > 1, title);
    }
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("shows the matrix of a token, energies to the nanojoule", async () => {
    const { page, problems } = await open(report(deep), `#1/analysis?run=${deep}&token=15`);
    const rows = await twin(page, "Layers and components");
    const exported = JSON.parse(ergon("export", deep, "--format", "json")) as {
      passes: {
        tokens: { index: number }[];
        layers: { layer: number; components: { component: string; energy_mj: number }[] }[];
      }[];
    };
    const pass = exported.passes.find(({ tokens }) => tokens.some(({ index }) => index === 15))!;
    const header = await panel(page, "Layers and components").locator("thead th").allTextContents();
    let compared = 0;
    for (const { layer, components } of pass.layers.filter((each) => each.layer >= 0)) {
      const row = rows.find(([name]) => Number(name) === layer)!;
      for (const { component, energy_mj } of components) {
        const shown = Number(row[header.findIndex((name) => name.split(",")[0] === component)]);
        assert.ok(Math.abs(shown - energy_mj) <= 1e-6 + energy_mj * 1e-6, `${layer} ${component}`);
        compared++;
      }
    }
    assert.ok(compared > 50);
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("is used like the dashboard: metrics, slider, drill-down, net, another region", async () => {
    const { page, problems } = await open(report(deep));
    const slider = page.getByRole("slider", { name: "Token" });
    await slider.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("[");
    assert.match(await page.getByLabel("Selection").innerText(), /Selected:\s*token \d+/);
    for (const key of ["2", "4", "7", "8"]) {
      await page.keyboard.press(key);
      await page.waitForURL(/metric=/);
      await panel(page, "Layers and components").getByRole("application").first().waitFor(PATIENCE);
    }
    const heatmap = panel(page, "Layers and components").getByRole("application").first();
    await heatmap.focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "Enter"])
      await page.keyboard.press(key);
    const operations = page.getByRole("region", { name: /^Operations of / });
    await operations.getByRole("listitem").first().waitFor(PATIENCE);
    assert.ok((await operations.innerText()).includes("the whole run"));
    await page.getByRole("button", { name: "net", exact: true }).click();
    await page.getByLabel("Electricity of").selectOption("norway");
    await page.waitForURL(/region=norway/);
    await page.reload();
    await page.getByRole("region", { name: "Run", exact: true }).waitFor(PATIENCE);
    const region = page.getByLabel("Electricity of");
    await region.locator('option[value="norway"]').waitFor({ ...PATIENCE, state: "attached" }); // the table is there
    assert.equal(await region.inputValue(), "norway");
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("shows hostile texts as texts", async () => {
    const { page, problems } = await open(report(deep));
    await page.getByText("Prompt and answer").click();
    assert.ok((await page.locator("pre").first().textContent())?.startsWith(PROMPT.slice(0, 40)));
    assert.equal(await page.locator("#root img, #root b, #root script").count(), 0);
    assert.ok((await page.title()).startsWith("Ergon"));
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("leaves texts out when that is wanted", async () => {
    const { page, problems } = await open(report(deep, "--no-text"));
    await page.getByText("were left out").waitFor();
    assert.equal(await page.getByText("Prompt and answer").count(), 0);
    const rows = await twin(page, "Token by token");
    assert.ok(rows.length > 24);
    assert.ok(rows.every(([, text]) => text === ""));
    assert.ok(!(await page.content()).includes("Tom said"));
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("of a run without power shows times, and says why there is no energy", async () => {
    const { page, problems } = await open(report(dark));
    await page.getByText("No energy is known of this run.").waitFor();
    assert.equal(await panel(page, "Power").getAttribute("data-state"), "unavailable");
    assert.ok((await twin(page, "Layers and components")).length > 1);
    assert.deepEqual(problems, []);
    await page.close();
  });

  for (const theme of ["light", "dark"] as const) {
    it(`has nothing that axe-core finds, ${theme}`, async () => {
      const { page, problems } = await open(report(deep), "", theme);
      await page.getByText("How it was measured").click();
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(problems, []);
      await page.close();
    });
  }

  it("is small", () => {
    assert.ok(statSync(report(deep)).size < 1_200_000);
  });

  /** An answer in a report, as any program can read it. */
  function embedded<T>(file: string, name: string): T {
    const page = readFileSync(file, "utf8");
    const found = new RegExp(`data-answer="${name.replaceAll(/[?.]/g, "\\$&")}" data-form="gzip">"([^"]*)"<`).exec(page);
    assert.ok(found, `there is no answer to ${name}`);
    return JSON.parse(gunzipSync(Buffer.from(found[1]!, "base64")).toString("utf8")) as T;
  }

  it("of a comparison says what 'ergon compare' says", async () => {
    for (let i = 0; i < 3; i++) {
      run("-p", PROMPT, "-n", "12", "--ignore-eos", "--mode", "deep", "--tag", "<i>a</i>", ...power);
      run("-p", PROMPT, "-n", "12", "--ignore-eos", "--tag", "b", ...power);
    }
    const groups = ["tag:<i>a</i>", "tag:b"];
    const file = join(folder, "compared.html");
    ergon("export", ...groups, "--format", "html", "-o", file);
    const said = JSON.parse(ergon("compare", ...groups, "--json")) as unknown;
    assert.deepEqual(embedded(file, "/compare?normalize=normalized"), said);
    const { page, problems } = await open(file, "", "light", "Statistics");
    assert.equal(await page.locator("#root i").count(), 0);
    const shown = await panel(page, "Statistics").locator("tbody tr").count();
    assert.equal(shown, (said as { metrics: unknown[] }).metrics.length);
    for (const set of ["token", "none", "million_parameters"]) {
      await page.getByLabel("Figures").selectOption(set);
      await page.waitForURL(new RegExp(`normalize=${set}`));
      await panel(page, "Statistics").getByRole("row").nth(1).waitFor(PATIENCE);
    }
    for (const title of ["Comparison", "Cost and CO2", "Power", "Layers", "Difference of B to A"])
      assert.equal(await panel(page, title).getAttribute("data-state"), "ready", title);
    assert.ok((await twin(page, "Power")).length > 0);
    assert.ok((await twin(page, "Difference of B to A")).length > 3);
    assert.equal(await page.getByRole("link", { name: /Tom said/ }).count(), 0);
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
    await page.close();
    assert.ok(statSync(file).size < 5e6);
  });

  it("of several runs is of html alone, and of runs that can be compared", () => {
    const refused = (...args: string[]): string => {
      try {
        ergon("export", ...args);
      } catch (error) {
        return (error as { stderr: Buffer | string }).stderr.toString();
      }
      return "";
    };
    assert.match(refused(deep, dark, "--format", "csv"), /csv takes one run/);
    assert.match(refused(deep, deep, "--format", "html", "-o", join(folder, "x.html")), /compared with itself/);
    assert.match(refused(deep, "tag:none", "--format", "html", "-o", join(folder, "x.html")), /tag:none/);
    assert.ok(!existsSync(join(folder, "x.html")));
  });
});
