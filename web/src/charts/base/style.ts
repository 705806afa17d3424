// SPDX-License-Identifier: MIT
// How a view says what a line or bar stands for; colours and dashes follow from it.

import type { Group } from "./components";
import { domainStroke, RUN_DASHES, type Domain, type Palette } from "./palette";
import type { Stroke } from "./pen";

export type Style =
  | { readonly domain: Domain }
  | { readonly group: Group }
  /** Of a comparison, from 0. */
  | { readonly run: number }
  | "accent";

export function styleStroke(palette: Palette, style: Style): Stroke {
  if (style === "accent") return { color: palette.accent, width: 1.75 };
  if ("domain" in style) return domainStroke(palette, style.domain);
  if ("group" in style) return { color: palette.group[style.group], width: 1.75 };
  const i = style.run % palette.run.length;
  return { color: palette.run[i]!, width: 1.75, dash: RUN_DASHES[i]! };
}

export function styleColor(palette: Palette, style: Style): string {
  return styleStroke(palette, style).color;
}
