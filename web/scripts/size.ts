// SPDX-License-Identifier: MIT
// Fails when a view needs more bytes, gzipped, than a page that is loaded in a moment should. Views are loaded when
// they are first shown, with what they share.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST = 200_000;
const dist = join(import.meta.dirname, "../dist");
const page = readFileSync(join(dist, "index.html"), "utf8");

const text = (name: string) => readFileSync(join(dist, "assets", name), "utf8");
const found = (source: string, pattern: RegExp) => [...source.matchAll(pattern)].map((match) => match[1]!);
const zipped = (bytes: string | Buffer) => gzipSync(bytes, { level: 9 }).length;

/** A chunk and all that it imports, not counting what it imports later. */
function withImports(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  if (name.endsWith(".js")) {
    for (const other of found(text(name), /(?:from|import)\s*["'`]\.\/([^"'`]+)/g)) withImports(other, seen);
  }
  return seen;
}

const first = found(page, /(?:src|href)="\/assets\/([^"]+)"/g).flatMap((name) => [...withImports(name)]);
const entry = first.find((name) => /^index-.*\.js$/.test(name));
const later = entry ? found(text(entry), /import\(\s*["'`]\.\/([^"'`]+)/g) : [];
const head = zipped(page) + zipped(readFileSync(join(dist, "favicon.svg")));
const views = [["first view", first] as const, ...later.map((name) => [name, [...first, ...withImports(name)]] as const)];

let most = 0;
for (const [name, files] of views) {
  const bytes = [...new Set(files)].reduce((sum, file) => sum + zipped(readFileSync(join(dist, "assets", file))), head);
  most = Math.max(most, bytes);
  console.log(`${String(bytes).padStart(8)}  ${basename(name)}`);
}
console.log(`${String(MOST).padStart(8)}  bytes gzipped at most`);
if (!entry || later.length === 0 || most > MOST) process.exit(1);
