// SPDX-License-Identifier: MIT
// The whole way once: an empty store, the first run with one click, every live panel fills, the run is in the store.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { RunSummary, Tokens } from "../src/api/schema.ts";
import { accessibilityProblems, launch, openPage } from "./browser.ts";
import { startServer, type Server } from "./server.ts";

const PATIENCE = { timeout: 60_000 };

const panel = (page: Page, title: string) =>
  page.locator("section", {
    has: page.getByRole("heading", { level: 2, name: title, exact: true }),
  });

describe("a first run", () => {
  let server: Server;
  let browser: Browser;
  before(async () => {
    server = await startServer();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it("is one click away and fills every panel", async () => {
    const { page, problems } = await openPage(browser, server);
    await panel(page, "Your first run")
      .getByRole("button", { name: /^Profile/ })
      .click();

    await panel(page, "Run").getByText("complete", { exact: true }).waitFor(PATIENCE);
    const [run] = await server.get<RunSummary[]>("/runs?limit=1");
    assert.equal(run?.status, "complete");
    assert.ok(run.output_tokens > 0 && run.output_tokens <= 128);

    await tokensAreThoseOfTheStore(page, await server.get<Tokens>(`/run/${run.id}/tokens`));
    await powerIsWhatWasDrawn(page);
    await panel(page, "Energy by layer and component").getByRole("application").waitFor(PATIENCE);
    await page.getByRole("link", { name: "Open its analysis" }).waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("is the last run for who comes next, by keyboard too, in the dark", async () => {
    const { page, problems } = await openPage(browser, server, { theme: "dark" });
    await panel(page, "No run is going on").getByText("The last run").waitFor(PATIENCE);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("Once there was");
    assert.equal(await page.getByRole("textbox", { name: "Prompt" }).inputValue(), "Once there was");
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);
    await page.close();
  });
});

describe("a server with a token", () => {
  const TOKEN = "a-token-of-22-letters/=";
  let server: Server;
  let browser: Browser;
  before(async () => {
    server = await startServer({ args: ["--token", TOKEN] });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it("is opened by the address it printed, which then holds no token any more", async () => {
    const { page, problems } = await openPage(browser, server);
    await panel(page, "Profile a prompt").getByRole("button", { name: "Start" }).waitFor(PATIENCE);
    await page.getByText(/ connected$/).waitFor(PATIENCE);
    assert.ok(!page.url().includes("t="), page.url());
    await page.reload();
    await panel(page, "Profile a prompt").getByRole("button", { name: "Start" }).waitFor(PATIENCE);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("asks for it, and takes no other", async () => {
    const { page } = await openPage(browser, server, {}, server.origin);
    const field = page.getByLabel("Token");
    await field.waitFor(PATIENCE);
    assert.deepEqual(await accessibilityProblems(page), []);
    await field.fill("another-token-of-many-letters");
    await field.press("Enter");
    await page.getByText("this is not the server's token").waitFor(PATIENCE);
    await field.fill(TOKEN);
    await field.press("Enter");
    await panel(page, "Profile a prompt").getByRole("button", { name: "Start" }).waitFor(PATIENCE);
    await page.getByText(/ connected$/).waitFor(PATIENCE);
    await page.context().close();
  });
});

/** The table twin of the tokens says what the store says. */
async function tokensAreThoseOfTheStore(page: Page, stored: Tokens): Promise<void> {
  const tokens = panel(page, "Tokens");
  await tokens.getByRole("button", { name: "Table" }).click();
  const rows = await tokens.locator("tbody tr").all();
  assert.equal(rows.length, 50);
  for (const i of [0, 1, 20, 49]) {
    const cells = await rows[i]!.locator("th, td").allInnerTexts();
    const token = stored.tokens[i]!;
    const numbers = [token.index, token.duration_ms, token.energy_mj, token.power_mw];
    assert.deepEqual(
      [0, 3, 4, 5].map((column) => Number(cells[column])),
      numbers,
    );
  }
  await tokens.getByText(`of ${stored.total}`).waitFor();
}

/** The power is known: 20 W and 5 W. */
async function powerIsWhatWasDrawn(page: Page): Promise<void> {
  const power = panel(page, "Power");
  await power.getByRole("button", { name: "Table" }).click();
  const header = await power.locator("thead th").allInnerTexts();
  const last = await power.locator("tbody tr").first().locator("th, td").allInnerTexts();
  const cell = (name: RegExp) => Number(last[header.findIndex((title) => name.test(title))]);
  assert.equal(cell(/CPU/), 20_000);
  assert.equal(cell(/GPU/), 5000);
  assert.equal(cell(/total/), 25_000);
}
