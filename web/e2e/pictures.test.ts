// SPDX-License-Identifier: MIT
// Pictures of every view, light and dark, from real runs: into the folder ERGON_PICTURES (docs/images is made so), else
// into one that goes away. A picture is taken only of a page that is whole and has nothing to complain about.

import assert from "node:assert/strict";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { before, describe, it } from "node:test";
import { Place } from "./place.ts";
import { TOP, type Server } from "./server.ts";
import { Tab, theBrowser } from "./tab.ts";

const POWER = "synthetic:cpu=square(14W,22W,7ms),gpu=6W,dram=2W";
const SIZE = { width: 1400, height: 1000 };
const THEMES = ["light", "dark"] as const;

describe("pictures", () => {
  const place = new Place(["tales-q8_0", "tales-f16"]);
  const wanted = process.env["ERGON_PICTURES"];
  const folder = wanted ? resolve(TOP, wanted) : join(place.folder, "pictures");
  let server: Server;
  let deep: string;
  let others: string[];

  before(async () => {
    mkdirSync(folder, { recursive: true });
    const power = ["--power", POWER, "--power-interval", "2"];
    const story = [...power, "-p", "Once upon a time", "-n", "160", "--ignore-eos", "-t", "1"];
    deep = place.run(["-m", "tales-q8_0", "--mode", "deep", "--tag", "demo", ...story]);
    others = ["tales-q8_0", "tales-f16"].map((model) => {
      for (let i = 0; i < 5; i++)
        place.run(["-m", model, "--mode", "minimal", "--experiment", model, ...story]);
      return `experiment:${model}`;
    });
    server = await place.serve({ power: POWER });
  });

  const file = (name: string, theme: string) => join(folder, `${name}-${theme}.png`);

  function check(path: string): void {
    assert.ok(statSync(path).size > 20_000, `${path} shows next to nothing`);
    assert.ok(statSync(path).size < 400_000, `${path} is too large for a repository`);
  }

  async function take(name: string, theme: "light" | "dark", fragment: string, ready: string): Promise<void> {
    const tab = await Tab.open(server, fragment, { theme, ...SIZE });
    await tab.panel(ready).locator("canvas, table").first().waitFor();
    await tab.settle();
    await tab.page.screenshot({ path: file(name, theme) });
    await tab.close();
    check(file(name, theme));
  }

  for (const theme of THEMES) {
    it(`of a live run, ${theme}`, async () => {
      const tab = await Tab.open(server, "live", { theme, ...SIZE });
      await tab.page.getByLabel("Model", { exact: true }).selectOption("tales-q8_0");
      await tab.page.getByLabel("Prompt", { exact: true }).fill("Once upon a time");
      const custom = tab.page.locator("summary", { hasText: "Custom" });
      await custom.click();
      await tab.page.getByLabel("Power interval, ms").fill("1");
      await custom.click();
      await tab.page.getByRole("button", { name: "Start", exact: true }).click();
      await tab.panel("Tokens").getByRole("button", { name: "Table" }).waitFor();
      await tab.page.getByText("Open its analysis").waitFor();
      await tab.page.screenshot({ path: file("live", theme) });
      await tab.close();
      check(file("live", theme));
    });

    it(`of an analysis, ${theme}`, () => take("analysis", theme, `analysis?run=${deep}`, "Power"));

    it(`of the history, ${theme}`, () => take("history", theme, "history", "Runs"));

    it(`of a comparison, ${theme}`, () => {
      const groups = others.map((group) => `runs=${encodeURIComponent(group)}`).join("&");
      return take("compare", theme, `compare?${groups}`, "Statistics");
    });

    it(`of a report, ${theme}`, async () => {
      const path = join(place.folder, "report.html");
      place.ergon(["export", deep, "--format", "html", "-o", path]);
      const context = await (
        await theBrowser()
      ).newContext({ viewport: SIZE, colorScheme: theme });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on("console", (message) => problems.push(message.text()));
      page.on("pageerror", (error) => problems.push(error.message));
      await page.goto(pathToFileURL(path).href);
      await page.getByRole("region", { name: "Power", exact: true }).locator("canvas").first().waitFor();
      await page.screenshot({ path: file("report", theme) });
      await context.close();
      assert.deepEqual(problems, []);
      check(file("report", theme));
    });
  }
});
