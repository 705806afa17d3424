// SPDX-License-Identifier: MIT
// The colours of a chart in the current theme, read from the custom properties of theme.css.

import type { Phase } from "../../api/schema";
import { DOMAINS as PARTS, PHASES } from "../../format/names";
import { cssColor, diverging, mix, parseHex, sequential, type ColorTable } from "./color";
import { componentGroup, GROUPS, type Group } from "./components";
import type { Stroke } from "./pen";

export const DOMAINS = [...PARTS, "total"] as const;
export type Domain = (typeof DOMAINS)[number];

/** So that lines can be told apart without colour. */
export const DASHES: Record<Domain, readonly number[]> = {
  cpu: [],
  gpu: [8, 3],
  ane: [2, 2],
  dram: [8, 3, 2, 3],
  soc: [4, 4],
  other: [1, 3],
  total: [],
};

/** Of the runs of a comparison, in their order. */
export const RUN_DASHES: readonly (readonly number[])[] = [[], [8, 3], [2, 2], [8, 3, 2, 3]];

const PHASE_PROPERTY: Record<Phase, string> = {
  pre_inference: "--phase-pre",
  prefill: "--phase-prefill",
  decode: "--phase-decode",
  post_inference: "--phase-post",
};

export interface Palette {
  readonly dark: boolean;
  readonly font: string;
  readonly surface: string;
  readonly sunken: string;
  readonly line: string;
  readonly lineStrong: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly focus: string;
  readonly domain: Readonly<Record<Domain, string>>;
  readonly phase: Readonly<Record<Phase, string>>;
  readonly group: Readonly<Record<Group, string>>;
  /** Where the hues of a group's components end. */
  readonly groupEnd: Readonly<Record<Group, string>>;
  readonly run: readonly string[];
  /** Energy and power. */
  readonly energy: ColorTable;
  /** Every other magnitude. */
  readonly other: ColorTable;
  readonly difference: ColorTable;
}

/** `read` gives a custom property's value. */
export function paletteFrom(read: (property: string) => string, dark: boolean): Palette {
  const record = <K extends string>(keys: readonly K[], property: (key: K) => string) =>
    Object.fromEntries(keys.map((key) => [key, read(property(key))])) as Record<K, string>;
  return {
    dark,
    font: read("--font"),
    surface: read("--panel"),
    sunken: read("--sunken"),
    line: read("--line"),
    lineStrong: read("--line-strong"),
    text: read("--text"),
    muted: read("--muted"),
    accent: read("--accent"),
    focus: read("--focus"),
    domain: record(DOMAINS, (domain) => `--${domain}`),
    phase: record(PHASES, (phase) => PHASE_PROPERTY[phase]),
    group: record(GROUPS, (group) => `--group-${group}`),
    groupEnd: record(GROUPS, (group) => `--group-${group}-end`),
    run: [1, 2, 3, 4].map((i) => read(`--run-${i}`)),
    energy: sequential("viridis", dark),
    other: sequential("cividis", dark),
    difference: diverging(dark),
  };
}

export function domainStroke(palette: Palette, name: string): Stroke {
  const domain = (DOMAINS as readonly string[]).includes(name) ? (name as Domain) : "other";
  const width = domain === "total" ? 2.25 : 1.75;
  return { color: palette.domain[domain], width, dash: DASHES[domain] };
}

/** Colours for components: between the two hues of their group, in the order given. */
export function componentColors(palette: Palette, names: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const group of GROUPS) {
    const members = names.filter((name) => componentGroup(name) === group);
    const [from, to] = [parseHex(palette.group[group]), parseHex(palette.groupEnd[group])];
    members.forEach((name, i) =>
      out.set(name, cssColor(mix(from, to, i / Math.max(1, members.length - 1)))),
    );
  }
  return out;
}
