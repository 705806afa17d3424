// SPDX-License-Identifier: MIT
// Builds the gallery, serves it on loopback and opens it in Debian's chromium.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { build, preview } from "vite";

export interface Gallery {
  readonly browser: Browser;
  /** What pages wrote to their consoles as errors or warnings, or threw. */
  readonly problems: readonly string[];
  page(query: string, width?: number, pixelRatio?: number): Promise<Page>;
  close(): Promise<void>;
}

export async function openGallery(): Promise<Gallery> {
  const outDir = mkdtempSync(join(tmpdir(), "ergon-gallery-"));
  const root = import.meta.dirname;
  const config = { root, logLevel: "warn" as const, configFile: join(root, "../vite.config.ts") };
  await build({
    ...config,
    build: { outDir, emptyOutDir: true, rollupOptions: { input: join(root, "gallery.html") } },
  });
  const server = await preview({
    ...config,
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1" },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("the gallery has no port");
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  const problems: string[] = [];
  return {
    browser,
    problems,
    page: async (query, width = 1280, deviceScaleFactor = 1) => {
      const page = await browser.newPage({ viewport: { width, height: 900 }, deviceScaleFactor });
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => {
        if (!["error", "warning"].includes(message.type())) return;
        // what tests do to look at canvases
        if (!message.text().includes("willReadFrequently")) problems.push(message.text());
      });
      await page.goto(`http://127.0.0.1:${address.port}/gallery.html?${query}`, {
        waitUntil: "networkidle",
      });
      return page;
    },
    close: async () => {
      await browser.close();
      await server.close();
      rmSync(outDir, { recursive: true });
    },
  };
}
