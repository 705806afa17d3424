// SPDX-License-Identifier: MIT
// Texts that would like to be more than text: in prompts, models, tags, tokens, failures. They are shown, and do nothing.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { FAKE_ENGINE, Place } from "./place.ts";
import { type Server } from "./server.ts";
import { Tab } from "./tab.ts";

const SCRIPT = '</script><img src=x onerror="window.pwned=1">';
const TURN = "abc\u202egnp.exe\u202c\u2066x\u2069";
const place = new Place();
let server: Server;
let run: string;
let failed: string;

before(async () => {
  place.addModel("tales-q8_0", "x'<img src=x onerror=pwned=2>");
  const model = "x'<img src=x onerror=pwned=2>";
  const script = place.file(
    "hostile.txt",
    Buffer.concat([
      Buffer.from(
        [
          'run_begin {"layers":1}',
          "section pre_inference tokenization 1ms",
          "pass prefill tokens=1 layers=1 stats",
          `token 0 "${SCRIPT.replaceAll('"', '\\"')}"`,
          "pass decode layers=1 stats",
          `token 1 "${"A".repeat(60_000)}"`,
          "pass decode layers=1 stats",
          'token 2 "\\xff\\xfe\\xc3(\\xed\\xa0\\x80"',
          "pass decode layers=1 stats",
          `token 3 "${TURN}"`,
          "pass decode layers=1 stats",
          'token 4 "\\x00\\x1b[31m"',
        ].join("\n"),
      ),
      Buffer.from("\nrun_end\n"),
    ]),
  );
  const fake = ["--engine", FAKE_ENGINE, "--power", "synthetic:cpu=10W"];
  const labels = ["--tag", SCRIPT, "--tag", TURN, "--experiment", `${SCRIPT}${TURN}`];
  run = place.run(["-m", model, "-p", `${SCRIPT}${TURN}\u0007`, "-n", "4", ...fake, ...labels], { ERGON_FAKE_SCRIPT: script });
  const failing = place.file(
    "failing.txt",
    `run_begin {"layers":1}\nsection pre_inference tokenization 1ms\npass decode layers=1\ntoken 1 "a"\nrun_end failed ${SCRIPT}${TURN}\n`,
  );
  failed = place.brokenRun(["-m", model, "-p", SCRIPT, "-n", "4", ...fake], { ERGON_FAKE_SCRIPT: failing });
  server = await place.serve({
    power: "synthetic:cpu=10W",
    args: ["--engine", FAKE_ENGINE],
    environment: { ERGON_FAKE_SCRIPT: script },
  });
});

/** Nothing of the texts has become an element, run, or turned the text around it. */
async function harmless(tab: Tab, where: string): Promise<void> {
  const found = await tab.page.evaluate(() => ({
    pwned: (window as { pwned?: unknown }).pwned ?? null,
    images: [...document.querySelectorAll("img")].filter((image) => !image.src.endsWith("/favicon.svg")).length,
    scripts: [...document.querySelectorAll("script")].filter((script) => !script.src).length,
    turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
  }));
  assert.deepEqual(found, { pwned: null, images: 0, scripts: 0, turned: false }, where);
}

test("in every view they are text", async () => {
  const views = [
    "live",
    `analysis?run=${run}`,
    `analysis?run=${run}&token=1`,
    `analysis?run=${run}&token=2`,
    `analysis?run=${failed}`,
    "history",
    `history?tag=${encodeURIComponent(SCRIPT)}`,
    `history?search=${encodeURIComponent(SCRIPT)}`,
    "history?group=prompt",
    "history?group=model",
    "history?group=experiment",
    "history?group=tag",
    `compare?runs=${run}&runs=tag:${encodeURIComponent(SCRIPT)}`,
    `compare?runs=${encodeURIComponent(SCRIPT)}&runs=${encodeURIComponent(`tag:${SCRIPT}`)}`,
    `analysis?run=${encodeURIComponent(SCRIPT)}`,
  ];
  for (const view of views) {
    const tab = await Tab.open(server, view, { expected: [/Failed to load resource/] });
    await harmless(tab, view);
    const twins = tab.page.getByRole("button", { name: "Table", exact: true });
    for (let i = 0; i < (await twins.count()); i++) await twins.nth(i).click();
    await harmless(tab, `tables of ${view}`);
    await tab.close();
  }
});

test("in dialogs they are text", async () => {
  const tab = await Tab.open(server, "history");
  const { page } = tab;
  const row = page.locator(`tr[data-run="${run}"]`);
  await row.getByText(SCRIPT).first().waitFor();
  for (const name of [/^Export /, /^Tags and experiment of /, /^Delete /]) {
    await row.getByRole("button", { name }).click();
    await page.getByRole("dialog").waitFor();
    await harmless(tab, String(name));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
  await tab.close();
});

test("live they are text", async () => {
  const tab = await Tab.open(server, "live");
  const { page } = tab;
  await page.getByLabel("Model", { exact: true }).selectOption({ index: 2 });
  await page.getByLabel("Prompt", { exact: true }).fill(SCRIPT + TURN);
  await page.getByLabel("Tags", { exact: true }).fill(SCRIPT);
  await page.getByLabel("New tokens").fill("4");
  await page.getByRole("button", { name: /^Start/ }).click();
  await tab.panel("Run").getByText("complete").waitFor();
  await harmless(tab, "live");
  await tab.close();
});
