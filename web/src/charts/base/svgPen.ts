// SPDX-License-Identifier: MIT
import { visibleText } from "../../format/names";
import { FONT, type Pen, type Pixels, type Stroke, type TextStyle } from "./pen";

const BASELINE = { top: "0.8em", middle: "0.35em", bottom: "0" } as const;
const ANCHOR = { left: "start", center: "middle", right: "end" } as const;

// Text may be anything a model writes: markup is escaped, what XML does not allow is shown as
// U+FFFD.
function escapeXml(text: string): string {
  return visibleText(text)
    .replace(/[\ud800-\udfff\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

// Six pixels apart along a row, as the canvas has it. Half of the line falls outside of its tile.
const HATCH = 6 / Math.SQRT2;

const number = (value: number): string => String(Math.round(value * 100) / 100);

function path(points: ArrayLike<number>): string {
  let out = "";
  let down = false;
  for (let i = 0; i + 1 < points.length; i += 2) {
    const x = points[i]!;
    const y = points[i + 1]!;
    const real = !Number.isNaN(x) && !Number.isNaN(y);
    if (real) out += `${down ? "L" : "M"}${number(x)} ${number(y)}`;
    down = real;
  }
  return out;
}

/** Collects SVG elements. `measureText` gives widths; `encodePng` turns pixels into a data URL. */
export class SvgPen implements Pen {
  #out: string[] = [];
  #hatches = new Map<string, number>();
  #clips = 0;
  #family: string;
  #measure: (text: string, size: number, bold: boolean) => number;
  #encode: (pixels: Pixels) => string;

  constructor(
    family: string,
    measureText: (text: string, size: number, bold: boolean) => number,
    encodePng: (pixels: Pixels) => string,
  ) {
    this.#family = family;
    this.#measure = measureText;
    this.#encode = encodePng;
  }

  rect(x: number, y: number, w: number, h: number, color: string): void {
    this.#out.push(`<rect ${this.#box(x, y, w, h)} fill="${color}"/>`);
  }

  frame(x: number, y: number, w: number, h: number, stroke: Stroke): void {
    this.#out.push(`<rect ${this.#box(x, y, w, h)} fill="none" ${this.#stroke(stroke)}/>`);
  }

  line(points: ArrayLike<number>, stroke: Stroke): void {
    const d = path(points);
    if (d) this.#out.push(`<path d="${d}" fill="none" ${this.#stroke(stroke)}/>`);
  }

  area(points: ArrayLike<number>, color: string): void {
    const d = path(points);
    if (d) this.#out.push(`<path d="${d}Z" fill="${color}"/>`);
  }

  dot(x: number, y: number, radius: number, color: string, ring?: string): void {
    const stroke = ring ? ` ${this.#stroke({ color: ring, width: 1.5 })}` : "";
    this.#out.push(
      `<circle cx="${number(x)}" cy="${number(y)}" r="${radius}" fill="${color}"${stroke}/>`,
    );
  }

  text(text: string, x: number, y: number, style: TextStyle): void {
    const turn = style.turn ? ` transform="rotate(${style.turn} ${number(x)} ${number(y)})"` : "";
    const weight = style.bold ? ' font-weight="600"' : "";
    this.#out.push(
      `<text x="${number(x)}" y="${number(y)}" dy="${BASELINE[style.base ?? "middle"]}" ` +
        `font-size="${style.size ?? FONT}" text-anchor="${ANCHOR[style.align ?? "left"]}" ` +
        `fill="${style.color}"${weight}${turn}>${escapeXml(text)}</text>`,
    );
  }

  hatch(x: number, y: number, w: number, h: number, color: string): void {
    if (!this.#hatches.has(color)) this.#hatches.set(color, this.#hatches.size);
    this.rect(x, y, w, h, `url(#hatch${this.#hatches.get(color)})`);
  }

  image(pixels: Pixels, x: number, y: number, w: number, h: number): void {
    if (pixels.width === 0 || pixels.height === 0) return;
    this.#out.push(
      `<image ${this.#box(x, y, w, h)} preserveAspectRatio="none" image-rendering="pixelated" ` +
        `href="${this.#encode(pixels)}"/>`,
    );
  }

  clip(x: number, y: number, w: number, h: number, draw: () => void): void {
    const id = `clip${this.#clips++}`;
    this.#out.push(`<clipPath id="${id}"><rect ${this.#box(x, y, w, h)}/></clipPath>`);
    this.#out.push(`<g clip-path="url(#${id})">`);
    draw();
    this.#out.push("</g>");
  }

  measure(text: string, size = FONT, bold = false): number {
    return this.#measure(text, size, bold);
  }

  shifted(x: number, y: number, draw: () => void): void {
    this.#out.push(`<g transform="translate(${number(x)} ${number(y)})">`);
    draw();
    this.#out.push("</g>");
  }

  /** The whole document. */
  document(width: number, height: number, title: string): string {
    const patterns = Array.from(
      this.#hatches,
      ([color, i]) =>
        `<pattern id="hatch${i}" width="${HATCH}" height="6" patternUnits="userSpaceOnUse" ` +
        `patternTransform="rotate(45)">` +
        `<path d="M0 0V6" stroke="${color}" stroke-width="3"/></pattern>`,
    );
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" font-family="${escapeXml(this.#family)}" role="img">` +
      `<title>${escapeXml(title)}</title><defs>${patterns.join("")}</defs>` +
      `${this.#out.join("\n")}</svg>\n`
    );
  }

  #box(x: number, y: number, w: number, h: number): string {
    const [width, height] = [number(Math.max(0, w)), number(Math.max(0, h))];
    return `x="${number(x)}" y="${number(y)}" width="${width}" height="${height}"`;
  }

  #stroke({ color, width = 1, dash }: Stroke): string {
    const dashes = dash?.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
    return `stroke="${color}" stroke-width="${width}" stroke-linejoin="round"${dashes}`;
  }
}
