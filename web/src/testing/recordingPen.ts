// SPDX-License-Identifier: MIT
// A pen that remembers what it drew.

import type { Box } from "../charts/base/geometry";
import type { Pen, Pixels, TextStyle } from "../charts/base/pen";

export interface Drawn extends Box {
  readonly kind: "rect" | "frame" | "line" | "area" | "dot" | "text" | "hatch" | "image";
  readonly color?: string | undefined;
  readonly text?: string;
  readonly points?: readonly number[];
  readonly pixels?: Pixels;
}

export class RecordingPen implements Pen {
  readonly drawn: Drawn[] = [];

  rect(x: number, y: number, w: number, h: number, color: string): void {
    this.drawn.push({ kind: "rect", x, y, w, h, color });
  }

  frame(x: number, y: number, w: number, h: number): void {
    this.drawn.push({ kind: "frame", x, y, w, h });
  }

  line(points: ArrayLike<number>): void {
    this.#path("line", points);
  }

  area(points: ArrayLike<number>, color: string): void {
    this.#path("area", points, color);
  }

  dot(x: number, y: number, radius: number, color: string): void {
    this.drawn.push({
      kind: "dot",
      x: x - radius,
      y: y - radius,
      w: 2 * radius,
      h: 2 * radius,
      color,
    });
  }

  text(text: string, x: number, y: number, { align, turn, size = 11, color }: TextStyle): void {
    const w = this.measure(text, size);
    const left = align === "right" ? x - w : align === "center" ? x - w / 2 : x;
    const box = turn ? { x, y, w: 0, h: 0 } : { x: left, y: y - size / 2, w, h: size };
    this.drawn.push({ kind: "text", ...box, text, color });
  }

  hatch(x: number, y: number, w: number, h: number, color: string): void {
    this.drawn.push({ kind: "hatch", x, y, w, h, color });
  }

  image(pixels: Pixels, x: number, y: number, w: number, h: number): void {
    this.drawn.push({ kind: "image", x, y, w, h, pixels });
  }

  clip(_x: number, _y: number, _w: number, _h: number, draw: () => void): void {
    draw();
  }

  measure(text: string, size = 11): number {
    return text.length * size * 0.56;
  }

  texts(): string[] {
    return this.drawn.flatMap(({ text }) => (text === undefined ? [] : [text]));
  }

  #path(kind: "line" | "area", points: ArrayLike<number>, color?: string): void {
    const all = Array.from(points);
    const xs = all.filter((value, i) => i % 2 === 0 && !Number.isNaN(value));
    const ys = all.filter((value, i) => i % 2 === 1 && !Number.isNaN(value));
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    this.drawn.push({
      kind,
      x,
      y,
      w: Math.max(...xs) - x,
      h: Math.max(...ys) - y,
      color,
      points: all,
    });
  }
}
