// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderGuide, slugOf } from "./guide";

describe("the guide as a page", () => {
  const html = renderGuide(readFileSync(join(import.meta.dirname, "../../docs/guide.md"), "utf8"));

  it("has a heading for each link to one", () => {
    const links = [...html.matchAll(/href="#([^"]*)"/g)].map((found) => found[1]!);
    const ids = new Set([...html.matchAll(/ id="([^"]*)"/g)].map((found) => found[1]!));
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(ids).toContain(link);
  });

  it("leads nowhere else, and has neither script nor style in it", () => {
    expect(html).not.toMatch(/href="(?!#)/);
    expect(html).not.toMatch(/<script|<style| style=| on\w+=/);
  });

  it("names headings as code hosts do", () => {
    expect(slugOf("Of a run (<code>ergon run</code>, <code>--json</code>)")).toBe(
      "of-a-run-ergon-run---json",
    );
    expect(slugOf("A report")).toBe("a-report");
  });
});
