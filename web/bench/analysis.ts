// SPDX-License-Identifier: MIT
// Part of npm run bench: what it costs to open a deep run of 1 000 tokens × 32 layers and to move through its tokens,
// from a server and from its report, against the budgets. Makes the run first (a minute).

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launch } from "../e2e/browser.ts";
import { Server } from "../e2e/server.ts";

const TOP = join(import.meta.dirname, "../..");
const PROGRAM = process.env["ERGON"] ?? join(TOP, "build/bin/ergon");
const OPENED = 7; // times
const FRAMES = 240;

function ergon(folder: string, ...args: string[]): string {
  const store = ["--db", join(folder, "ergon.db"), "--quiet"];
  return execFileSync(PROGRAM, [...args, ...store], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** A small model with as many layers as a large one, and a run of it. */
function makeRun(folder: string): string {
  const model = join(folder, "deep32.gguf");
  const shape = ["--layers", "32", "--embedding", "256", "--heads", "8", "--feed-forward", "512"];
  ergon(folder, "synth", "-o", model, "--arch", "llama", ...shape, "--vocab", "2000");
  const what = ["--prompt-tokens", "64", "-n", "1000", "--ignore-eos", "-t", "1"];
  const power = ["--power", "synthetic:cpu=square(15W,25W,400ms),dram=3W"];
  const made = ergon(folder, "run", "--json", "-m", model, ...what, "--mode", "deep", ...power);
  return (JSON.parse(made) as { id: string }).id;
}

interface Row {
  readonly name: string;
  readonly values: readonly number[];
  readonly unit: string;
  readonly most: number;
}

const quantile = (values: readonly number[], p: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!;
};

/** From the navigation until nothing loads any more and the slider moves. */
async function open(page: Page, address: string): Promise<{ open: number; paint: number }> {
  await page.goto("about:blank");
  await page.goto(address, { waitUntil: "commit" });
  return page.evaluate(
    () =>
      new Promise<{ open: number; paint: number }>((resolve) => {
        const look = () => {
          const slider = document.querySelector('input[type="range"]');
          const charts = document.querySelectorAll("[aria-roledescription] canvas").length;
          const busy = document.querySelector('[data-state="loading"], [aria-busy="true"]');
          if (!slider || charts < 8 || busy) return requestAnimationFrame(look);
          const [paint] = performance.getEntriesByName("first-contentful-paint");
          return resolve({ open: performance.now(), paint: paint?.startTime ?? Number.NaN });
        };
        look();
      }),
  );
}

/** Moves the slider by a token a frame, and answers how long each frame took. */
function scrub(page: Page): Promise<number[]> {
  return page.evaluate((frames) => {
    const slider = document.querySelector<HTMLInputElement>('input[type="range"]')!;
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!;
    const first = Number(slider.min) + 100;
    return new Promise<number[]>((resolve) => {
      const times: number[] = [];
      let before: number | null = null;
      const step = (now: number) => {
        if (before !== null) times.push(now - before);
        before = now;
        if (times.length === frames) return resolve(times);
        set.call(slider, String(first + times.length));
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        return requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    });
  }, FRAMES);
}

async function measure(browser: Browser, name: string, address: string): Promise<Row[]> {
  const opened: number[] = [];
  const painted: number[] = [];
  let frames: number[] = [];
  for (let i = 0; i < OPENED; i++) {
    // a profile of its own: nothing is in a cache
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    const times = await open(page, address);
    opened.push(times.open);
    painted.push(times.paint);
    if (i === OPENED - 1) frames = await scrub(page);
    await context.close();
  }
  return [
    { name: `${name}: first contentful paint`, values: painted, unit: "ms", most: 1000 },
    { name: `${name}: until it can be used`, values: opened, unit: "ms", most: 1000 },
    { name: `${name}: frames while the slider moves`, values: frames, unit: "ms", most: 33 },
  ];
}

function print(rows: readonly Row[]): void {
  const columns = ["best", "median", "p95", "budget"].map((title) => title.padStart(9)).join("");
  console.log(`${"".padEnd(44)}${columns}`);
  for (const { name, values, unit, most } of rows) {
    const numbers = [Math.min(...values), quantile(values, 0.5), quantile(values, 0.95)];
    const cells = numbers.map((value) => value.toFixed(value < 100 ? 1 : 0).padStart(9)).join("");
    console.log(`${`${name}, ${unit}`.padEnd(44)}${cells}${String(most).padStart(9)}`);
  }
}

const folder = mkdtempSync(join(tmpdir(), "ergon-bench-"));
const server = new Server({ args: ["--db", join(folder, "ergon.db")] });
let browser: Browser | null = null;
try {
  const run = makeRun(folder);
  const report = join(folder, "report.html");
  ergon(folder, "export", run, "--format", "html", "-o", report);
  await server.start();
  browser = await launch();
  const fragment = `#1/analysis?run=${run}`;
  const rows = [
    ...(await measure(browser, "server", `${server.origin}/${fragment}`)),
    ...(await measure(browser, "report", `${pathToFileURL(report).href}${fragment}`)),
  ];
  console.log(
    `deep run, 1000 tokens × 32 layers; chromium ${browser.version()}, headless; load ${loadavg()[0]!.toFixed(1)}`,
  );
  console.log(`report: ${(statSync(report).size / 1e6).toFixed(2)} MB\n`);
  print(rows);
} finally {
  await browser?.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
