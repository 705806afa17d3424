// SPDX-License-Identifier: MIT

/** In CSS pixels, origin at the top left. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export function contains(box: Box, x: number, y: number): boolean {
  return x >= box.x && x < box.x + box.w && y >= box.y && y < box.y + box.h;
}

export function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** What margins leave of a size, never less than a pixel. */
export function inset(size: Size, left: number, top: number, right: number, bottom: number): Box {
  return {
    x: left,
    y: top,
    w: Math.max(1, size.width - left - right),
    h: Math.max(1, size.height - top - bottom),
  };
}

/** Where a tip goes: beside its anchor, flipped at the edges, inside the bounds. */
export function placeTip(anchor: Box, tip: Size, bounds: Size, gap = 10): { x: number; y: number } {
  const right = anchor.x + anchor.w + gap;
  const left = anchor.x - gap - tip.width;
  let x = right + tip.width <= bounds.width ? right : left;
  let y = anchor.y;
  if (x < 0) {
    x = anchor.x + anchor.w / 2 - tip.width / 2;
    y = anchor.y - tip.height - gap >= 0 ? anchor.y - tip.height - gap : anchor.y + anchor.h + gap;
  }
  return {
    x: Math.max(0, Math.min(x, bounds.width - tip.width)),
    y: Math.max(0, Math.min(y, bounds.height - tip.height)),
  };
}
