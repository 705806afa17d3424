// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { palettes, themeProperties } from "../../testing/palettes";
import {
  contrast,
  diverging,
  inkOn,
  luminance,
  mix,
  pack,
  parseHex,
  sequential,
  withAlpha,
  type Rgb,
} from "./color";
import { componentColors } from "./palette";
import { ATTENTION, MLP } from "./components";

// From matplotlib's _cm_listed.py, at 0, 32, 128, 200 and 255 of 255.
const REFERENCE = {
  viridis: ["#440154", "#472d7b", "#21918c", "#6ccd5a", "#fde725"],
  cividis: ["#00224e", "#1a386f", "#7d7c78", "#c4b56c", "#fee838"],
};

const distance = (a: Rgb, b: Rgb) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe("sequential tables", () => {
  it.each(["viridis", "cividis"] as const)("%s is matplotlib's", (name) => {
    const table = sequential(name, true);
    [0, 32, 128, 200, 255].forEach((index, i) => {
      const found = parseHex(table.css(index / 255));
      expect(
        distance(found, parseHex(REFERENCE[name][i]!)),
        `${name} ${index}`,
      ).toBeLessThanOrEqual(4);
    });
  });

  it.each(["viridis", "cividis"] as const)(
    "%s: more is darker on light, brighter on dark",
    (name) => {
      for (const dark of [false, true]) {
        const table = sequential(name, dark);
        for (let i = 1; i < 256; i++) {
          const step =
            luminance(parseHex(table.css(i / 255))) - luminance(parseHex(table.css((i - 1) / 255)));
          expect(dark ? step : -step).toBeGreaterThanOrEqual(-1e-3);
        }
      }
    },
  );

  it("clamp, and pack as image data has it", () => {
    const table = sequential("viridis", true);
    expect(table.css(-1)).toBe("#440154");
    expect(table.css(2)).toBe("#fde725");
    expect(table.pixels[255]).toBe(pack(parseHex("#fde725")));
    expect([...new Uint8Array(Uint32Array.of(pack([1, 2, 3])).buffer)]).toEqual([1, 2, 3, 255]);
  });
});

describe("the diverging table", () => {
  it.each([false, true])(
    "goes from its middle to more contrast on both sides (dark: %s)",
    (dark) => {
      const table = diverging(dark);
      const middle = parseHex(table.css(0.5));
      const surface = parseHex(palettes[dark ? "dark" : "light"].surface);
      expect(contrast(middle, surface)).toBeLessThan(1.35);
      for (const side of [-1, 1]) {
        let before = 0;
        for (let i = 0; i <= 6; i++) {
          const now = contrast(parseHex(table.css(0.5 + (side * i) / 12)), surface);
          expect(now).toBeGreaterThanOrEqual(before - 0.02);
          before = now;
        }
        expect(before).toBeGreaterThan(3);
      }
    },
  );
});

it("colours are read and made translucent", () => {
  expect(parseHex("#fff")).toEqual([255, 255, 255]);
  expect(parseHex("#0a1b2c")).toEqual([10, 27, 44]);
  expect(parseHex("nonsense")).toEqual([0, 0, 0]);
  expect(withAlpha("#fff", 0.5)).toBe("#ffffff80");
  expect(mix([0, 0, 0], [100, 200, 50], 0.5)).toEqual([50, 100, 25]);
});

it("contrast is that of WCAG", () => {
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 6);
  expect(contrast(parseHex("#777777"), [255, 255, 255])).toBeCloseTo(4.48, 2);
});

it("ink reads on every colour of every table", () => {
  for (const dark of [false, true]) {
    const tables = [sequential("viridis", dark), sequential("cividis", dark), diverging(dark)];
    for (const table of tables) {
      for (let i = 0; i <= 255; i++) {
        const ground = table.css(i / 255);
        expect(contrast(parseHex(inkOn(ground)), parseHex(ground)), ground).toBeGreaterThanOrEqual(
          4.5,
        );
      }
    }
  }
});

// Machado, Oliveira, Fernandes 2009, severity 1, on linear values.
const VISION: Record<string, readonly number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
};

function lab(color: Rgb, matrix: readonly number[]): number[] {
  const linear = color.map((value) => {
    const s = value / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  const row = (m: readonly number[], i: number) =>
    m[i]! * linear[0]! + m[i + 1]! * linear[1]! + m[i + 2]! * linear[2]!;
  const [r, g, b] = [row(matrix, 0), row(matrix, 3), row(matrix, 6)].map((v) =>
    Math.min(1, Math.max(0, v)),
  ) as [number, number, number];
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const difference = (a: string, b: string, matrix: readonly number[]) =>
  Math.hypot(...lab(parseHex(a), matrix).map((value, i) => value - lab(parseHex(b), matrix)[i]!));

describe.each(["light", "dark"] as const)("the %s theme", (theme) => {
  const palette = palettes[theme];
  const surface = parseHex(palette.surface);

  it("draws graphics with 3:1 against their ground", () => {
    const graphics = {
      ...palette.domain,
      ...palette.group,
      ...Object.fromEntries(Object.entries(palette.groupEnd).map(([k, v]) => [`${k}-end`, v])),
      ...Object.fromEntries(palette.run.map((color, i) => [`run-${i + 1}`, color])),
      accent: palette.accent,
      focus: palette.focus,
      lineStrong: palette.lineStrong,
    };
    for (const [name, color] of Object.entries<string>(graphics)) {
      expect(contrast(parseHex(color), surface), name).toBeGreaterThanOrEqual(3);
    }
    for (const band of Object.values(palette.phase)) {
      for (const [name, color] of Object.entries(palette.domain)) {
        expect(
          contrast(parseHex(color), parseHex(band)),
          `${name} on ${band}`,
        ).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it("draws components with 3:1, however many there are", () => {
    for (const color of componentColors(palette, [
      ...ATTENTION,
      ...MLP,
      "lm_head",
      "unattributed",
    ]).values()) {
      expect(contrast(parseHex(color), surface), color).toBeGreaterThanOrEqual(3);
    }
  });

  it("writes text with 4.5:1", () => {
    const grounds = [palette.surface, palette.sunken, ...Object.values(palette.phase)];
    for (const ground of grounds) {
      for (const text of [palette.text, palette.muted]) {
        expect(
          contrast(parseHex(text), parseHex(ground)),
          `${text} on ${ground}`,
        ).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(contrast(parseHex(palette.text), parseHex(palette.line))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(Object.entries(VISION))(
    "keeps parts of the model and runs apart for %s vision",
    (_, matrix) => {
      for (const set of [Object.values(palette.group).slice(0, 3), palette.run]) {
        set.forEach((a, i) =>
          set
            .slice(i + 1)
            .forEach((b) => expect(difference(a, b, matrix), `${a} ${b}`).toBeGreaterThan(12)),
        );
      }
    },
  );

  it("defines every property a palette reads", () => {
    const known = themeProperties()[theme];
    for (const name of ["--panel", "--group-mlp-end", "--run-4", "--phase-post", "--total"]) {
      expect(known.get(name), name).toMatch(/^#[0-9a-f]{6}$/);
    }
  });
});
