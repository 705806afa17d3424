// SPDX-License-Identifier: MIT
// Makes dist-report/report.html: the page of a report, in one piece, without its data. `ergon export` puts them where
// the marker stands. What may run and what it may look like is told by hashes: nothing that is in the data can.

import react from "@vitejs/plugin-react";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { build, type Rolldown } from "vite";

const MARKER = "<!--ergon:data-->";
const web = join(import.meta.dirname, "..");

async function bundle(): Promise<{ script: string; style: string }> {
  const result = await build({
    root: web,
    configFile: false,
    logLevel: "warn",
    plugins: [react()],
    build: {
      write: false,
      target: "es2023",
      assetsInlineLimit: 0,
      modulePreload: false,
      cssCodeSplit: false,
      rolldownOptions: {
        input: join(web, "src/report/main.tsx"),
        output: { format: "iife", codeSplitting: false },
      },
    },
  });
  const { output } = (Array.isArray(result) ? result[0] : result) as Rolldown.RolldownOutput;
  const scripts = output.filter((file) => file.type === "chunk");
  const others = output.filter((file) => file.type === "asset");
  const styles = others.filter((file) => file.fileName.endsWith(".css"));
  if (scripts.length !== 1 || styles.length !== 1 || others.length !== 1) {
    throw new Error(
      `a report is one script and one style, not ${output.map((file) => file.fileName).join(", ")}`,
    );
  }
  // In strings, where alone these stand, the escaped form is the same text; elsewhere it is a syntax error.
  const script = scripts[0]!.code.replaceAll(/<(?=\/script|!--)/gi, "\\x3c");
  new Script(script);
  const style = String(styles[0]!.source);
  if (/<\//.test(style)) throw new Error("the style would end its element");
  return { script, style };
}

const hash = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

function page(script: string, style: string): string {
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Ergon report</title>
<style>${style}</style>
</head>
<body>
<div id="root"></div>
<noscript>This report draws its charts with JavaScript. Its figures: ergon show</noscript>
${MARKER}
<script>${script}</script>
</body>
</html>
`;
}

const { script, style } = await bundle();
mkdirSync(join(web, "dist-report"), { recursive: true });
writeFileSync(join(web, "dist-report/report.html"), page(script, style));
