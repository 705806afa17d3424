// SPDX-License-Identifier: MIT
// What charts draw with. One painter per chart serves the screen, PNG and SVG, so that they cannot
// differ.

import type { Size } from "./geometry";

export interface Stroke {
  readonly color: string;
  readonly width?: number;
  /** Lengths of dashes and gaps; empty or absent is solid. */
  readonly dash?: readonly number[];
}

export interface TextStyle {
  readonly color: string;
  readonly size?: number;
  readonly bold?: boolean;
  readonly align?: "left" | "center" | "right";
  readonly base?: "top" | "middle" | "bottom";
  /** Degrees clockwise, about the anchor. */
  readonly turn?: number;
}

/** Pixels as image data holds them: red, green, blue, alpha. */
export interface Pixels extends Size {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** CSS pixels, origin at the top left. Points are x0, y0, x1, y1, …; a NaN lifts the pen. */
export interface Pen {
  rect(x: number, y: number, w: number, h: number, color: string): void;
  frame(x: number, y: number, w: number, h: number, stroke: Stroke): void;
  line(points: ArrayLike<number>, stroke: Stroke): void;
  area(points: ArrayLike<number>, color: string): void;
  dot(x: number, y: number, radius: number, color: string, ring?: string): void;
  text(text: string, x: number, y: number, style: TextStyle): void;
  /** Diagonal lines: "not measured". */
  hatch(x: number, y: number, w: number, h: number, color: string): void;
  /** Scaled without smoothing. */
  image(pixels: Pixels, x: number, y: number, w: number, h: number): void;
  clip(x: number, y: number, w: number, h: number, draw: () => void): void;
  measure(text: string, size?: number, bold?: boolean): number;
}

export const FONT = 11;

/** The text, or as much of it as fits with an ellipsis; empty when that would say nothing. */
export function fitText(pen: Pen, text: string, width: number, size = FONT, bold = false): string {
  if (pen.measure(text, size, bold) <= width) return text;
  const characters = Array.from(text);
  let low = 0;
  let high = characters.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measure(`${characters.slice(0, middle).join("")}…`, size, bold) <= width) low = middle;
    else high = middle - 1;
  }
  return low < 4 ? "" : `${characters.slice(0, low).join("").trimEnd()}…`;
}
