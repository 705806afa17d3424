// SPDX-License-Identifier: MIT
// axe-core finds nothing to object to in any view, light or dark, nor in dialogs.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { Place } from "./place.ts";
import { type Server } from "./server.ts";
import { Tab } from "./tab.ts";

const place = new Place(["tales-q8_0", "tales-f16"]);
let server: Server;
const views: [name: string, fragment: string][] = [];

before(async () => {
  const make = (model: string, ...rest: string[]) =>
    place.run(["-m", model, "-p", "Once upon a time", "-n", "16", ...rest]);
  const power = ["--power", "synthetic:cpu=ramp(10W,4W/s),gpu=3W,dram=1W"];
  const deep = make("tales-q8_0", ...power, "--mode", "deep", "--tag", "a tag", "--experiment", "an experiment");
  const other = make("tales-f16", ...power, "--tag", "a tag");
  const dark = make("tales-q8_0", "--power", "none", "--mode", "minimal");
  server = await place.serve();
  views.push(
    ["Live", "live"],
    ["Analysis", `analysis?run=${deep}`],
    ["Analysis of a token", `analysis?run=${deep}&token=9&layers=2..2&components=q_proj&metric=time_ms`],
    ["Analysis without energy", `analysis?run=${dark}`],
    ["History", `history?runs=${deep}`],
    ["History by prompt", "history?group=prompt"],
    ["History with nothing in it", "history?search=nothing+like+that"],
    ["Compare", `compare?runs=${deep}&runs=${other}`],
    ["Compare without anything", "compare"],
    ["a run that is not there", "analysis?run=nobody"],
  );
});

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly string[];
}

async function violations(page: Page): Promise<Violation[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const found = await (window as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html.slice(0, 300)) }));
  });
}

for (const theme of ["light", "dark"] as const) {
  test(`no violation in any view, ${theme}`, async () => {
    for (const [name, fragment] of views) {
      const tab = await Tab.open(server, fragment, { theme, expected: [/Failed to load resource/] });
      assert.deepEqual(await violations(tab.page), [], name);
      await tab.close();
    }
  });

  test(`no violation in dialogs and tables, ${theme}`, async () => {
    const tab = await Tab.open(server, "history", { theme });
    const { page } = tab;
    for (const key of ["?", "Control+k"]) {
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await violations(page), [], key);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    for (const name of [/^Export /, /^Tags and experiment of /, /^Delete /]) {
      await page.getByRole("button", { name }).first().click();
      await page.getByRole("dialog").waitFor();
      await tab.settle();
      assert.deepEqual(await violations(page), [], String(name));
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    for (const fragment of [views[1]![1], views[7]![1]]) {
      await tab.go(fragment);
      const twins = page.getByRole("button", { name: "Table", exact: true });
      for (let i = 0; i < (await twins.count()); i++) await twins.nth(i).click();
      assert.deepEqual(await violations(page), [], `tables of ${fragment}`);
    }
    await tab.close();
  });
}
