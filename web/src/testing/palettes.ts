// SPDX-License-Identifier: MIT
// The palettes of both themes, read from theme.css as a browser would.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { paletteFrom, type Palette } from "../charts/base/palette";

function properties(css: string): Map<string, string> {
  const found = css.matchAll(/(--[\w-]+):\s*([^;]+);/g);
  return new Map(Array.from(found, ([, name, value]) => [name!, value!.trim()]));
}

export function themeProperties(): Record<"light" | "dark", Map<string, string>> {
  const css = readFileSync(join(import.meta.dirname, "../theme.css"), "utf8");
  const start = css.indexOf('[data-theme="dark"]');
  const light = properties(css.slice(0, start));
  return { light, dark: new Map([...light, ...properties(css.slice(start))]) };
}

function palette(theme: "light" | "dark"): Palette {
  const all = themeProperties()[theme];
  const read = (name: string) => {
    const value = all.get(name);
    if (value === undefined) throw new Error(`theme.css has no ${name}`);
    return value;
  };
  return paletteFrom(read, theme === "dark");
}

export const palettes = { light: palette("light"), dark: palette("dark") };
