// SPDX-License-Identifier: MIT
// Colour tables. Magnitude reads the same way in both themes: more is further from the background,
// darker on light and brighter on dark.

export type Rgb = readonly [red: number, green: number, blue: number];

/** 256 colours for 0..1. */
export interface ColorTable {
  /** Packed for image data. */
  readonly pixels: Uint32Array;
  css(fraction: number): string;
}

export type SequentialName = "viridis" | "cividis";

// 33 samples of matplotlib's tables, dark to bright; linear in between they differ from the
// originals by at most 2 (viridis) and 6 (cividis) of 255.
const SEQUENTIAL: Record<SequentialName, string> = {
  viridis:
    "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e" +
    "26828e23898e21918c1f978b1f9f8821a68527ad8131b57b3dbc744cc26c5cc8636ece5881d34d95d840" +
    "aadc32c0df25d5e21aeae51afde725",
  cividis:
    "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a71" +
    "6f70737676767d7c788381798b8778928d789a9376a29975aaa073b3a670bbad6dc3b369ccba64d4c15f" +
    "ddc858e6d051efd748f8df3cfee838",
};

// Less (blue), equal (the background), more (orange to red): apart for every kind of colour vision.
const DIVERGING = {
  light: "08407e2b7bba8fc1e3f4f5f7f5b583cf5f209a2d06",
  dark: "8ecbff4a92d32b5273262c35744a2bc97538ffb380",
};

function samples(hex: string): Rgb[] {
  return Array.from({ length: hex.length / 6 }, (_, i) => parseHex(hex.slice(i * 6, i * 6 + 6)));
}

/** `rrggbb` or `#rrggbb` or, as minifiers write it, `#rgb`; anything else is black. */
export function parseHex(hex: string): Rgb {
  const digits = hex.replace("#", "");
  const long = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  const value = Number.parseInt(long, 16) || 0;
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The colour, made translucent: 0 is not seen, 1 opaque. */
export function withAlpha(color: string, alpha: number): string {
  return (
    cssColor(parseHex(color)) +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, "0")
  );
}

export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export function cssColor([red, green, blue]: Rgb): string {
  const part = (value: number) => Math.round(value).toString(16).padStart(2, "0");
  return `#${part(red)}${part(green)}${part(blue)}`;
}

function table(anchors: readonly Rgb[]): ColorTable {
  const at = (fraction: number): Rgb => {
    const position = Math.min(1, Math.max(0, fraction)) * (anchors.length - 1);
    const i = Math.min(anchors.length - 2, Math.floor(position));
    return mix(anchors[i]!, anchors[i + 1]!, position - i);
  };
  const colors = Array.from({ length: 256 }, (_, i) => at(i / 255));
  const css = colors.map(cssColor);
  return {
    pixels: Uint32Array.from(colors, pack),
    css: (fraction) => css[Math.round(Math.min(1, Math.max(0, fraction)) * 255)]!,
  };
}

/** As a Uint32Array over the bytes of image data sees it (little-endian, as every browser is). */
export function pack([red, green, blue]: Rgb): number {
  return (
    ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0
  );
}

export function sequential(name: SequentialName, dark: boolean): ColorTable {
  const anchors = samples(SEQUENTIAL[name]);
  return table(dark ? anchors : anchors.reverse());
}

/** 0.5 is "no difference". */
export function diverging(dark: boolean): ColorTable {
  return table(samples(dark ? DIVERGING.dark : DIVERGING.light));
}

/** Relative luminance as WCAG 2 defines it. */
export function luminance(color: Rgb): number {
  const linear = color.map((value) => {
    const s = value / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
}

/** WCAG 2 contrast ratio, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white text, whichever reads better on the colour. */
export function inkOn(background: string): string {
  return luminance(parseHex(background)) > 0.179 ? "#000000" : "#ffffff";
}
