// SPDX-License-Identifier: MIT
// Pages in Debian's chromium that remember what went wrong in them.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type Page } from "playwright-core";
import type { Server } from "./server.ts";

export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
export const hasChromium = (): boolean => existsSync(CHROMIUM);

/** Loopback in a container of tests: no sandbox for root, no shared memory. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

export interface Watched {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, and requests to any other place. */
  readonly problems: string[];
}

export interface PageOptions {
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

export async function openPage(
  browser: Browser,
  server: Server,
  { theme = "light", width = 1440, height = 1000, reducedMotion = false }: PageOptions = {},
  address = server.address,
): Promise<Watched> {
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: reducedMotion ? "reduce" : "no-preference",
  });
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    const isOurs = origin === server.origin || protocol === "data:" || protocol === "blob:";
    if (!isOurs) problems.push(`a request left the origin: ${request.url()}`);
  });
  await page.goto(address);
  return { page, problems };
}

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

/** What axe-core finds wrong, one line each. The policy of the page stays as it is: axe is no script of it. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
  });
}
