// SPDX-License-Identifier: MIT
// docs/guide.md as the text of guide.html, so that the page has its guide with it and needs no network.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Marked } from "marked";
import type { Plugin } from "vite";

const SOURCE = join(import.meta.dirname, "../../docs/guide.md");
const PLACE = "<!-- docs/guide.md -->";

/** The name of a heading in links to it, as code hosts make it. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/<[^>]*>|&\w+;|[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

export function renderGuide(markdown: string): string {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const text = this.parser.parseInline(tokens);
        return `<h${depth} id="${slugOf(text)}">${text}</h${depth}>\n`;
      },
      // other pages of the documentation are files beside the program, which this page cannot open
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return href.startsWith("#") ? `<a href="${href}">${text}</a>` : `<cite>${text}</cite>`;
      },
    },
  });
  const html = marked.parse(markdown, { async: false });
  // a wide table scrolls by itself
  return html
    .replaceAll("<pre>", '<pre tabindex="0">')
    .replaceAll("<table>", '<div class="wide" tabindex="0"><table>')
    .replaceAll("</table>", "</table></div>");
}

export function guide(): Plugin {
  return {
    name: "ergon-guide",
    // unless somebody builds other pages with this configuration
    config: ({ build }) =>
      build?.rollupOptions?.input ? undefined : { build: { rollupOptions: { input: ["index.html", "guide.html"] } } },
    transformIndexHtml: {
      order: "pre",
      handler: (html) =>
        html.includes(PLACE)
          ? html.replace(PLACE, () => renderGuide(readFileSync(SOURCE, "utf8")))
          : html,
    },
  };
}
