// SPDX-License-Identifier: MIT
// What the numbers of a chart are: their name, how one is written, and how an axis writes several.

export interface Quantity {
  readonly name: string;
  /** One value with its unit; what is not known is a dash. */
  format(value: number | null): string;
  /** All ticks of an axis in one unit, with as many decimals as tell them apart. */
  axis(ticks: readonly number[]): { readonly unit: string; readonly labels: readonly string[] };
}

type Steps = readonly (readonly [unit: string, size: number])[];

const ENERGY: Steps = [["nJ", 1e-6], ["µJ", 1e-3], ["mJ", 1], ["J", 1e3], ["kJ", 1e6], ["MJ", 1e9]];
const POWER: Steps = [["µW", 1e-3], ["mW", 1], ["W", 1e3], ["kW", 1e6]];
const TIME: Steps = [["ns", 1e-6], ["µs", 1e-3], ["ms", 1], ["s", 1e3], ["min", 6e4], ["h", 3.6e6]];

function unitFor(steps: Steps, value: number): Steps[number] {
  const size = Math.abs(value) * (1 + 1e-9);
  return steps.findLast(([, each]) => size >= each) ?? (size > 0 ? steps[0]! : baseOf(steps));
}

const baseOf = (steps: Steps): Steps[number] => steps.find(([, size]) => size === 1) ?? steps[0]!;

/** Three significant digits, no exponent between 1e-4 and 1e15. */
export function threeDigits(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  if (size >= 999.5) return Math.round(value).toString();
  return value.toPrecision(3);
}

function decimalsFor(ticks: readonly number[]): number {
  const sorted = [...ticks].sort((a, b) => a - b);
  let step = Infinity;
  for (let i = 1; i < sorted.length; i++) {
    const gap = sorted[i]! - sorted[i - 1]!;
    if (gap > 0) step = Math.min(step, gap);
  }
  if (!Number.isFinite(step)) step = Math.abs(sorted[0] ?? 1) || 1;
  return Math.min(9, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

// On a logarithmic axis no one unit suits all ticks.
function spansDecades(ticks: readonly number[]): boolean {
  return ticks.length > 1 && ticks.every((tick) => tick > 0) && Math.max(...ticks) / Math.min(...ticks) >= 999;
}

function short(steps: Steps, tick: number): string {
  const [unit, size] = unitFor(steps, tick);
  return `${Number((tick / size).toPrecision(2))} ${unit}`;
}

function stepped(name: string, steps: Steps): Quantity {
  return {
    name,
    format: (value) => {
      if (value === null || !Number.isFinite(value)) return "–";
      const [unit, size] = unitFor(steps, value);
      return `${threeDigits(value / size)} ${unit}`;
    },
    axis: (ticks) => {
      if (spansDecades(ticks)) return { unit: "", labels: ticks.map((tick) => short(steps, tick)) };
      const [unit, size] = unitFor(steps, Math.max(0, ...ticks.map(Math.abs)));
      const scaled = ticks.map((tick) => tick / size);
      return { unit, labels: scaled.map((tick) => tick.toFixed(decimalsFor(scaled))) };
    },
  };
}

/** Values in mJ. */
export const energyQuantity = (name = "energy"): Quantity => stepped(name, ENERGY);
/** Values in mW. */
export const powerQuantity = (name = "power"): Quantity => stepped(name, POWER);
/** Values in ms. */
export const timeQuantity = (name = "time"): Quantity => stepped(name, TIME);

/** Any other number, with a unit that does not step. */
export function plainQuantity(name: string, unit = ""): Quantity {
  return {
    name,
    format: (value) =>
      value === null || !Number.isFinite(value) ? "–" : `${threeDigits(value)}${unit ? ` ${unit}` : ""}`,
    axis: (ticks) => {
      if (spansDecades(ticks)) return { unit, labels: ticks.map((tick) => threeDigits(tick)) };
      const decimals = decimalsFor(ticks);
      return { unit, labels: ticks.map((tick) => (Math.abs(tick) >= 1e6 ? threeDigits(tick) : tick.toFixed(decimals))) };
    },
  };
}
