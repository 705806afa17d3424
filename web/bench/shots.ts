// SPDX-License-Identifier: MIT
// npm run gallery -- FOLDER: pictures of every chart, light and dark, wide and narrow, to look at.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { openGallery } from "./browser.ts";

const folder = process.argv[2];
if (!folder) throw new Error("usage: npm run gallery -- FOLDER");
mkdirSync(folder, { recursive: true });
const gallery = await openGallery();
try {
  for (const theme of ["light", "dark"]) {
    for (const width of [1280, 480]) {
      const page = await gallery.page(`theme=${theme}`, width);
      for (const section of await page.locator("section").all()) {
        const name = await section.getAttribute("id");
        await section.screenshot({ path: join(folder, `${name}-${theme}-${width}.png`) });
      }
      await page.screenshot({ path: join(folder, `all-${theme}-${width}.png`), fullPage: true });
      await page.close();
    }
  }
} finally {
  await gallery.close();
}
