// SPDX-License-Identifier: MIT
import { visibleText } from "../../format/names";
import { FONT, type Pen, type Pixels, type Stroke, type TextStyle } from "./pen";

type Context = CanvasRenderingContext2D;

const BASELINE = { top: "top", middle: "middle", bottom: "alphabetic" } as const;

function hatchPattern(context: Context, color: string): CanvasPattern | null {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 12;
  const drawing = tile.getContext("2d");
  if (!drawing) return null;
  drawing.strokeStyle = color;
  drawing.lineWidth = 1.5;
  for (const shift of [-12, -6, 0, 6, 12]) {
    drawing.moveTo(shift - 1, 13);
    drawing.lineTo(shift + 13, -1);
  }
  drawing.stroke();
  return context.createPattern(tile, "repeat");
}

function imageOf(pixels: Pixels): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas
    .getContext("2d")
    ?.putImageData(new ImageData(pixels.data, pixels.width, pixels.height), 0, 0);
  return canvas;
}

/**
 * Draws on a context whose transformation already maps CSS pixels. `family` is a CSS font family.
 */
export class CanvasPen implements Pen {
  /** Whether anything was. */
  drew = false;
  #context: Context;
  #family: string;
  #font = "";
  #hatches = new Map<string, CanvasPattern | null>();

  constructor(context: Context, family: string) {
    this.#context = context;
    this.#family = family;
  }

  rect(x: number, y: number, w: number, h: number, color: string): void {
    this.drew = true;
    this.#context.fillStyle = color;
    this.#context.fillRect(x, y, w, h);
  }

  frame(x: number, y: number, w: number, h: number, stroke: Stroke): void {
    this.drew = true;
    this.#stroke(stroke);
    this.#context.strokeRect(x, y, w, h);
  }

  line(points: ArrayLike<number>, stroke: Stroke): void {
    this.drew = true;
    this.#stroke(stroke);
    this.#trace(points);
    this.#context.stroke();
  }

  area(points: ArrayLike<number>, color: string): void {
    this.drew = true;
    this.#context.fillStyle = color;
    this.#trace(points);
    this.#context.fill();
  }

  dot(x: number, y: number, radius: number, color: string, ring?: string): void {
    this.drew = true;
    this.#context.beginPath();
    this.#context.arc(x, y, radius, 0, 2 * Math.PI);
    this.#context.fillStyle = color;
    this.#context.fill();
    if (!ring) return;
    this.#stroke({ color: ring, width: 1.5 });
    this.#context.stroke();
  }

  text(text: string, x: number, y: number, style: TextStyle): void {
    this.drew = true;
    const context = this.#context;
    const shown = visibleText(text);
    this.#setFont(style.size ?? FONT, style.bold ?? false);
    context.fillStyle = style.color;
    context.textAlign = style.align ?? "left";
    context.textBaseline = BASELINE[style.base ?? "middle"];
    if (!style.turn) {
      context.fillText(shown, x, y);
      return;
    }
    context.save();
    context.translate(x, y);
    context.rotate((style.turn * Math.PI) / 180);
    context.fillText(shown, 0, 0);
    context.restore();
  }

  hatch(x: number, y: number, w: number, h: number, color: string): void {
    this.drew = true;
    if (!this.#hatches.has(color)) this.#hatches.set(color, hatchPattern(this.#context, color));
    this.#context.fillStyle = this.#hatches.get(color) ?? color;
    this.#context.fillRect(x, y, w, h);
  }

  image(pixels: Pixels, x: number, y: number, w: number, h: number): void {
    this.drew = true;
    if (pixels.width === 0 || pixels.height === 0) return;
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(imageOf(pixels), x, y, w, h);
  }

  clip(x: number, y: number, w: number, h: number, draw: () => void): void {
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(x, y, w, h);
    this.#context.clip();
    draw();
    this.#context.restore();
    this.#font = "";
  }

  measure(text: string, size = FONT, bold = false): number {
    this.#setFont(size, bold);
    return this.#context.measureText(visibleText(text)).width;
  }

  // Setting a font costs more than comparing it.
  #setFont(size: number, bold: boolean): void {
    const font = `${bold ? 600 : 400} ${size}px ${this.#family}`;
    if (font === this.#font) return;
    this.#context.font = font;
    this.#font = font;
  }

  #stroke({ color, width = 1, dash }: Stroke): void {
    this.#context.strokeStyle = color;
    this.#context.lineWidth = width;
    this.#context.lineJoin = "round";
    this.#context.setLineDash(dash ? [...dash] : []);
  }

  #trace(points: ArrayLike<number>): void {
    const context = this.#context;
    let down = false;
    context.beginPath();
    for (let i = 0; i + 1 < points.length; i += 2) {
      const x = points[i]!;
      const y = points[i + 1]!;
      if (Number.isNaN(x) || Number.isNaN(y)) down = false;
      else if (down) context.lineTo(x, y);
      else context.moveTo(x, y);
      down = !Number.isNaN(x) && !Number.isNaN(y);
    }
  }
}
