// SPDX-License-Identifier: MIT
// A page of the dashboard as somebody has it before them: it goes to views, waits until they are there, and notices
// everything that should not happen.

import assert from "node:assert/strict";
import { after } from "node:test";
import type { Browser, ConsoleMessage, Locator, Page } from "playwright-core";
import { launch } from "./browser.ts";
import type { Server } from "./server.ts";

/** Long enough for a machine that does other things too; reached only when something is wrong. */
const PATIENCE_MS = 60_000;

let browser: Promise<Browser> | null = null;
after(async () => (await browser)?.close());

/** One browser for a file of tests. */
export function theBrowser(): Promise<Browser> {
  browser ??= launch();
  return browser;
}

export interface TabOptions {
  /** Where the page comes from, when not from the server itself. */
  readonly origin?: string;
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** What the browser may say by itself, e.g. of a server that was killed on purpose. */
  readonly expected?: readonly RegExp[];
}

/** A page, and all that went wrong in it. */
export class Tab {
  readonly page: Page;
  readonly problems: string[] = [];
  readonly #origin: string;

  private constructor(page: Page, origin: string, expected: readonly RegExp[]) {
    this.page = page;
    this.#origin = origin;
    page.setDefaultTimeout(PATIENCE_MS);
    const note = (problem: string) => {
      if (!expected.some((pattern) => pattern.test(problem))) this.problems.push(problem);
    };
    page.on("console", (message: ConsoleMessage) => note(`console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => note(`error: ${error.message}`));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url)) note(`request to another origin: ${url}`);
    });
    page.on("dialog", (dialog) => {
      note(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async open(server: Server, fragment: string, options: TabOptions = {}): Promise<Tab> {
    const context = await (
      await theBrowser()
    ).newContext({
      viewport: { width: options.width ?? 1400, height: options.height ?? 900 },
      colorScheme: options.theme ?? "light",
      acceptDownloads: true,
    });
    const tab = new Tab(await context.newPage(), options.origin ?? server.origin, options.expected ?? []);
    await tab.go(fragment);
    return tab;
  }

  /** Goes to a view as a link does. */
  async go(fragment: string): Promise<void> {
    await this.page.goto(`${this.#origin}/#1/${fragment}`);
    await this.settle();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.settle();
  }

  /** Waits until nothing is loading. */
  async settle(): Promise<void> {
    await this.page.locator("main h2 >> visible=true").first().waitFor();
    await this.page.waitForFunction(
      () => document.querySelector('[data-state="loading"], [aria-busy="true"]') === null,
    );
  }

  panel(title: string): Locator {
    return this.page.getByRole("region", { name: title, exact: true });
  }

  get fragment(): string {
    return new URL(this.page.url()).hash;
  }

  /** Ends the page; nothing may have gone wrong in it. */
  async close(): Promise<void> {
    await this.page.context().close();
    assert.deepEqual(this.problems, []);
  }
}

export interface Twin {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The table twin of a panel's chart, all pages of it. The panel shows its chart again afterwards. */
export async function twinOf(panel: Locator): Promise<Twin> {
  const button = panel.getByRole("button", { name: "Table", exact: true });
  await button.click();
  const columns = await panel.locator("thead th").allTextContents();
  const rows: string[][] = [];
  const next = panel.getByRole("button", { name: "Next", exact: true });
  for (;;) {
    rows.push(...(await panel.locator("tbody tr").evaluateAll((all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
    )));
    if ((await next.count()) === 0 || (await next.isDisabled())) break;
    await next.click();
  }
  await button.click();
  return { columns, rows };
}

/** The component of a heatmap's column, which says the quantity too. */
export const componentOf = (column: string): string => column.split(", ")[0]!;

/** A cell of a twin as a number; null is what is not known. */
export function numberIn(cell: string | undefined): number | null {
  return cell === undefined || cell === "—" ? null : Number(cell);
}
