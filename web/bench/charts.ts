// SPDX-License-Identifier: MIT
// npm run bench: what drawing the charts costs, as a table.

import { openGallery } from "./browser.ts";

const gallery = await openGallery();
try {
  const page = await gallery.page("only=none");
  const results = await page.evaluate(() => window.measureAll());
  console.log(`chromium ${gallery.browser.version()}, headless; ms until the pixels are there\n`);
  console.log(
    "chart".padEnd(36) +
      ["first", "best", "median", "p95", "budget"].map((t) => t.padStart(9)).join(""),
  );
  for (const { name, first_ms, best_ms, median_ms, p95_ms, most_ms } of results) {
    const times = [first_ms, best_ms, median_ms, p95_ms]
      .map((ms) => ms.toFixed(1).padStart(9))
      .join("");
    console.log(`${name.padEnd(36)}${times}${String(most_ms).padStart(9)}`);
  }
} finally {
  await gallery.close();
}
