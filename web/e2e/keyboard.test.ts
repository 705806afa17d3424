// SPDX-License-Identifier: MIT
// Everything can be done with the keyboard alone, and everything that can be clicked can be reached with it.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Place } from "./place.ts";
import { type Server, until } from "./server.ts";
import { Tab } from "./tab.ts";

const place = new Place(["tales-q8_0", "tales-f16"]);
let server: Server;
let deep: string;
let other: string;

before(async () => {
  const power = ["--power", "synthetic:cpu=ramp(10W,4W/s),gpu=3W"];
  deep = place.run(["-m", "tales-q8_0", "-p", "Once", "-n", "12", "--mode", "deep", ...power, "--tag", "a tag"]);
  other = place.run(["-m", "tales-f16", "-p", "Once", "-n", "12", ...power]);
  server = await place.serve();
});

/** What can be clicked or typed into and is not switched off. */
const INTERACTIVE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [role="application"], [tabindex="0"]';

async function reachable(tab: Tab): Promise<void> {
  const { page } = tab;
  await page.evaluate((selector) => {
    // one of a group of radio buttons stands for all
    const radios = new Set<string>();
    let count = 0;
    for (const element of document.querySelectorAll<HTMLElement>(selector)) {
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      if (element instanceof HTMLInputElement && element.type === "radio") {
        if (radios.has(element.name)) continue;
        radios.add(element.name);
        element.dataset["reach"] = `radio:${element.name}`;
      } else element.dataset["reach"] = String(count++);
    }
  }, INTERACTIVE);
  const wanted = new Set(
    await page.evaluate(() => [...document.querySelectorAll<HTMLElement>("[data-reach]")].map((e) => e.dataset["reach"]!)),
  );
  assert.ok(wanted.size > 5);
  const reached = new Set<string>();
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  for (let i = 0; i < wanted.size * 2 + 50 && reached.size < wanted.size; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return null;
      if (element instanceof HTMLInputElement && element.type === "radio") return `radio:${element.name}`;
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.height > 0 ? (element.dataset["reach"] ?? null) : null;
    });
    if (at !== null) reached.add(at);
  }
  const missed = await page.evaluate(
    (names) => names.map((name) => document.querySelector(`[data-reach="${name}"]`)?.outerHTML.slice(0, 160)),
    [...wanted].filter((name) => !reached.has(name)),
  );
  assert.deepEqual(missed, [], `not reached with Tab in ${tab.fragment}`);
}

test("Tab reaches everything that can be clicked, in every view", async () => {
  for (const fragment of ["live", `analysis?run=${deep}`, `history?runs=${deep}`, "history?group=model", `compare?runs=${deep}&runs=${other}`]) {
    const tab = await Tab.open(server, fragment);
    await reachable(tab);
    await tab.close();
  }
});

test("from the history to a comparison and back, without a pointer", async () => {
  const tab = await Tab.open(server, "live");
  const { page } = tab;
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press("g", "h");
  await page.waitForURL(/#1\/history/);
  await tab.settle();
  await press("/");
  await page.keyboard.type("tales");
  await page.waitForURL(/search=tales/);
  await press("Tab");
  for (const id of [deep, other]) {
    await page.locator(`tr[data-run="${id}"] input[type=checkbox]`).focus();
    await press("Space");
  }
  await page.locator("main").focus();
  await press("c");
  await page.waitForURL(/#1\/compare/);
  await tab.settle();
  await press("2");
  await page.waitForURL(/metric=/);
  await page.goBack(); // a headless browser has no keys of its own
  await page.waitForURL(/#1\/history/);
  await press("g", "a");
  await page.waitForURL(/#1\/analysis/);
  await tab.close();
});

test("help and palette: every key does what the help says it does", async () => {
  const tab = await Tab.open(server, `analysis?run=${deep}`);
  const { page } = tab;
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  for (const text of ["Go to Live", "Go to Analysis", "Go to History", "Play or stop", "Token after"]) {
    await help.getByText(text, { exact: true }).first().waitFor();
  }
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  await page.keyboard.type("gth");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#1\/history/);
  await tab.close();
});

test("a chart: cursor, table twin, zoom", async () => {
  const tab = await Tab.open(server, `analysis?run=${deep}`);
  const { page } = tab;
  const panel = tab.panel("Power");
  await panel.getByRole("application").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await until("the live region says the value", async () =>
    /W/.test((await panel.locator('[aria-live="polite"]').first().textContent()) ?? ""),
  );
  await page.keyboard.press("w");
  await page.waitForURL(/zoom=/);
  await page.keyboard.press("0");
  await page.waitForURL((url) => !url.hash.includes("zoom="));
  await page.keyboard.press("t");
  await panel.getByRole("table").waitFor();
  await page.keyboard.press("t");
  await panel.getByRole("application").waitFor();
  await tab.close();
});

test("a run is deleted and kept again without a pointer", async () => {
  const victim = place.run(["-m", "tales-q8_0", "-p", "By keys", "-n", "4", "--power", "none"]);
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  const row = page.locator(`tr[data-run="${victim}"]`);
  await row.getByRole("button", { name: /^Delete / }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await row.waitFor({ state: "detached" });
  await page.keyboard.press("u");
  await row.waitFor();
  await tab.close();
});
