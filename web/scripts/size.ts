// SPDX-License-Identifier: MIT
// Fails when the bundle is larger, gzipped, than a page that is loaded in a moment should be.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";

const MOST = 200_000;
const dist = join(import.meta.dirname, "../dist");
let total = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = gzipSync(readFileSync(path), { level: 9 }).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${relative(dist, path)}`);
}
console.log(`${String(total).padStart(8)}  bytes gzipped, at most ${MOST}`);
if (total === 0 || total > MOST) process.exit(1);
