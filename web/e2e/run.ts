// SPDX-License-Identifier: MIT
// Runs the browser tests of this folder, or those that are named; 77 where there is no browser to run them in.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { CHROMIUM, hasChromium } from "./browser.ts";

if (!hasChromium()) {
  console.log(`skipped: no ${CHROMIUM} (tools/setup test installs it)`);
  process.exit(77);
}
const here = import.meta.dirname;
const named = process.argv.slice(2);
const files = readdirSync(here)
  .filter(
    (name) =>
      name.endsWith(".test.ts") &&
      (named.length === 0 || named.some((one) => name.startsWith(one))),
  )
  .map((name) => join(here, name));
const tests = run({ files, concurrency: 1, timeout: 840_000 });
tests.on("test:fail", () => (process.exitCode = 1));
tests.on("test:summary", ({ counts }) => {
  if (counts.tests === 0) process.exitCode = 1;
});
tests.compose(new spec()).pipe(process.stdout);
