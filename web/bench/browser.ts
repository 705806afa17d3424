// SPDX-License-Identifier: MIT
// Builds the gallery, serves it on loopback and opens it in Debian's chromium.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { build, preview } from "vite";

export interface Gallery {
  readonly browser: Browser;
  page(query: string, width?: number): Promise<Page>;
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
  return {
    browser,
    page: async (query, width = 1280) => {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      page.on("pageerror", (error) => {
        throw error;
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
