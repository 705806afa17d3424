// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { SvgPen } from "./svgPen";

const makePen = () =>
  new SvgPen(
    'a "b" & c',
    (text, size) => text.length * size * 0.5,
    ({ width, height }) => `data:${width}x${height}`,
  );

// Every tag closed in order, no bare & or < in text or attributes: what an XML parser asks for.
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, end, name, _attributes, self) => {
      if (end) expect(open.pop()).toBe(name);
      else if (!self) open.push(name as string);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toContain("<");
  expect(xml.replace(/&#\d+;/g, "")).not.toContain("&");
}

describe("an SVG picture", () => {
  it("is well-formed, whatever models write", () => {
    const pen = makePen();
    for (const text of [
      "</text><script>alert(1)</script>",
      "\" onload='x' <&>",
      "\ud800 lone",
      "\u202egnp.exe",
      "\u0000\u0007\ufffe",
      "]]>",
      "日本 🐎",
    ]) {
      pen.text(text, 1, 2, { color: "#123456" });
    }
    pen.rect(0, 0, -5, 3, "#fff");
    pen.hatch(1, 1, 5, 5, "#888");
    pen.hatch(1, 1, 5, 5, "#888");
    pen.image({ width: 2, height: 3, data: new Uint8ClampedArray(24) }, 0, 0, 20, 30);
    pen.clip(0, 0, 5, 5, () => pen.dot(1, 1, 3, "#000", "#fff"));
    pen.shifted(3, 4, () => pen.frame(0, 0, 4, 4, { color: "#000", dash: [2, 1] }));
    const xml = pen.document(100, 50, "<title> & \u0000");
    assertWellFormed(xml);
    expect(xml).not.toContain("<script");
    expect(xml).not.toMatch(/[\u0000-\u0008\u202e\ud800-\udbff](?![\udc00-\udfff])/);
    expect(xml).toContain("日本 🐎");
    expect(xml.match(/<pattern /g)).toHaveLength(1);
    expect(xml).not.toContain('="-');
  });

  it("lifts the pen at a gap", () => {
    const pen = makePen();
    pen.line([0, 0, 1, 1, Number.NaN, 0, 3, 3, 4, Number.NaN, 5, 5], { color: "#000" });
    expect(pen.document(10, 10, "")).toContain('d="M0 0L1 1M3 3M5 5"');
  });

  it("leaves out empty paths and images", () => {
    const pen = makePen();
    pen.line([], { color: "#000" });
    pen.area([Number.NaN, Number.NaN], "#000");
    pen.image({ width: 0, height: 0, data: new Uint8ClampedArray(0) }, 0, 0, 1, 1);
    expect(pen.document(10, 10, "")).not.toMatch(/<path|<image/);
  });
});
