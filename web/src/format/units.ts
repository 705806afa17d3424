// SPDX-License-Identifier: MIT
// Numbers for people: three significant digits (four before a decimal point) and the unit that fits, the same
// steps as the command line. What is not known is a dash, never 0.

export const UNKNOWN = "—";
const SPACE = "\u00a0"; // a number and its unit stay on one line

interface Step {
  /** Smallest magnitude written in this unit. */
  readonly least: number;
  readonly factor: number;
  readonly unit: string;
}

/** Largest unit first; the last has `least` 0. Values come in the first's comment's unit. */
type Scale = readonly [Step, ...Step[]];

const ENERGY: Scale = [
  // mJ
  { least: 3_600_000_000, factor: 1 / 3_600_000_000, unit: "kWh" },
  { least: 3_600_000, factor: 1 / 3_600_000, unit: "Wh" },
  { least: 999.5, factor: 1e-3, unit: "J" },
  { least: 0.9995, factor: 1, unit: "mJ" },
  { least: 0.9995e-3, factor: 1e3, unit: "µJ" },
  { least: 0, factor: 1e6, unit: "nJ" },
];

const POWER: Scale = [
  // mW
  { least: 999.5e3, factor: 1e-6, unit: "kW" },
  { least: 999.5, factor: 1e-3, unit: "W" },
  { least: 0.9995, factor: 1, unit: "mW" },
  { least: 0, factor: 1e3, unit: "µW" },
];

const TIME: Scale = [
  // ms
  { least: 999.5, factor: 1e-3, unit: "s" },
  { least: 0.9995, factor: 1, unit: "ms" },
  { least: 0.9995e-3, factor: 1e3, unit: "µs" },
  { least: 0, factor: 1e6, unit: "ns" },
];

const MASS: Scale = [
  // g
  { least: 999.5, factor: 1e-3, unit: "kg" },
  { least: 0.9995, factor: 1, unit: "g" },
  { least: 0.9995e-3, factor: 1e3, unit: "mg" },
  { least: 0, factor: 1e6, unit: "µg" },
];

const BYTES: Scale = [
  { least: 999.5e9, factor: 1e-12, unit: "TB" },
  { least: 999.5e6, factor: 1e-9, unit: "GB" },
  { least: 999.5e3, factor: 1e-6, unit: "MB" },
  { least: 999.5, factor: 1e-3, unit: "kB" },
  { least: 0, factor: 1, unit: "B" },
];

const COUNT: Scale = [
  { least: 999.5e9, factor: 1e-12, unit: "T" },
  { least: 999.5e6, factor: 1e-9, unit: "B" },
  { least: 999.5e3, factor: 1e-6, unit: "M" },
  { least: 99_950, factor: 1e-3, unit: "K" },
  { least: 0, factor: 1, unit: "" },
];

type Value = number | null | undefined;

function known(value: Value): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

// Writes -0.00 as 0.00 and a minus sign that is as wide as a digit.
function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  if (!text.startsWith("-")) return text;
  return Number(text) === 0 ? text.slice(1) : `−${text.slice(1)}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  return fixed(value, size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2);
}

function stepFor(size: number, scale: Scale): Step {
  return scale.find((step) => size >= step.least) ?? scale[0];
}

function scaled(value: Value, scale: Scale, suffix = ""): string {
  if (!known(value)) return UNKNOWN;
  if (value === 0) {
    const unit = scale.find((step) => step.factor === 1)?.unit ?? "";
    return `0${unit || suffix ? SPACE : ""}${unit}${suffix}`;
  }
  const step = stepFor(Math.abs(value), scale);
  const unit = step.unit + suffix;
  return `${digits(value * step.factor)}${unit ? SPACE : ""}${unit}`;
}

export const formatEnergy = (mj: Value): string => scaled(mj, ENERGY);
export const formatPower = (mw: Value): string => scaled(mw, POWER);
export const formatMass = (g: Value): string => scaled(g, MASS);
export const formatBytes = (bytes: Value): string => scaled(bytes, BYTES);
export const formatPerToken = (joules: Value): string =>
  scaled(known(joules) ? joules * 1e3 : null, ENERGY, "/token");

export function formatTime(ms: Value): string {
  if (!known(ms) || Math.abs(ms) < 600e3) return scaled(ms, TIME);
  const seconds = Math.round(Math.abs(ms) / 1e3);
  const sign = ms < 0 ? "−" : "";
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)}${SPACE}min${SPACE}${two(seconds % 60)}${SPACE}s`;
  return `${sign}${Math.floor(seconds / 3600)}${SPACE}h${SPACE}${two(Math.floor((seconds % 3600) / 60))}${SPACE}min`;
}

export function formatCount(count: Value): string {
  if (known(count) && Number.isInteger(count) && Math.abs(count) < 99_950) return fixed(count, 0);
  return scaled(count, COUNT);
}

export function formatRate(perSecond: Value): string {
  return known(perSecond) ? `${digits(perSecond)}${SPACE}tokens/s` : UNKNOWN;
}

export function formatRatio(ratio: Value): string {
  if (!known(ratio)) return UNKNOWN;
  const percent = ratio * 100;
  if (percent !== 0 && Math.abs(percent) < 0.05) return `${percent < 0 ? ">" : "<"}${SPACE}${percent < 0 ? "−" : ""}0.1${SPACE}%`;
  return `${fixed(percent, Math.abs(percent) >= 99.95 ? 0 : 1)}${SPACE}%`;
}

/** A number without unit. */
export function formatPlain(value: Value): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size !== 0 && size < 0.00995) return value.toExponential(1).replace("-", "−").replace("e−", "e-");
  if (size !== 0 && size < 0.9995) return fixed(value, 3);
  return digits(value);
}

/** Cents of a run are far below one; written out, as people read prices. */
export function formatCost(usd: Value): string {
  if (!known(usd)) return UNKNOWN;
  const size = Math.abs(usd);
  if (size === 0) return `0${SPACE}USD`;
  const decimals = size >= 0.995 ? 2 : Math.min(12, 1 - Math.floor(Math.log10(size)));
  return `${fixed(usd, decimals)}${SPACE}USD`;
}

/** `null` where there is no sensor, as people should read it. */
export function orNotHere(text: string): string {
  return text === UNKNOWN ? "not on this machine" : text;
}

/** What charts need to know about their numbers. */
export interface Quantity {
  readonly name: string;
  format(value: number | null): string;
  axis(ticks: readonly number[]): { readonly unit: string; readonly labels: readonly string[] };
}

// All ticks in one unit, that of the largest, with as many decimals as tell neighbours apart.
function axisOf(scale: Scale, suffix: string) {
  return (ticks: readonly number[]) => {
    const largest = ticks.reduce((most, tick) => Math.max(most, Math.abs(tick)), 0);
    const step = largest === 0 ? (scale.find((s) => s.factor === 1) ?? scale[0]) : stepFor(largest, scale);
    const values = ticks.map((tick) => tick * step.factor);
    let gap = Infinity;
    for (let i = 1; i < values.length; i++) {
      const between = Math.abs(values[i]! - values[i - 1]!);
      if (between > 0) gap = Math.min(gap, between);
    }
    const decimals = Number.isFinite(gap) ? Math.min(6, Math.max(0, Math.ceil(-Math.log10(gap) - 1e-9))) : 0;
    return { unit: step.unit + suffix, labels: values.map((value) => fixed(value, decimals)) };
  };
}

function quantity(name: string, format: (value: Value) => string, scale: Scale, suffix = ""): Quantity {
  return { name, format, axis: axisOf(scale, suffix) };
}

const PLAIN: Scale = [{ least: 0, factor: 1, unit: "" }];

export const quantities = {
  energy: quantity("energy", formatEnergy, ENERGY),
  power: quantity("power", formatPower, POWER),
  time: quantity("time", formatTime, TIME),
  rate: quantity("speed", formatRate, PLAIN, "tokens/s"),
  count: quantity("count", formatCount, COUNT),
  plain: (name: string, unit = ""): Quantity =>
    quantity(name, (value) => (unit && known(value) ? `${formatPlain(value)}${SPACE}${unit}` : formatPlain(value)), PLAIN, unit),
  ratio: (name: string): Quantity =>
    quantity(name, formatRatio, [{ least: 0, factor: 100, unit: "%" }]),
  energyNamed: (name: string): Quantity => quantity(name, formatEnergy, ENERGY),
  powerNamed: (name: string): Quantity => quantity(name, formatPower, POWER),
};
