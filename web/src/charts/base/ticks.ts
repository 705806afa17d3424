// SPDX-License-Identifier: MIT
// Scales and their ticks. Steps are 1, 2 or 5 times a power of ten.

export type Range = readonly [low: number, high: number];

/**
 * The smallest range that holds every finite value from `first` to `last` (exclusive); null when
 * there is none.
 */
export function extent(
  values: ArrayLike<number | null>,
  first = 0,
  last = values.length,
): Range | null {
  let low = Infinity;
  let high = -Infinity;
  for (let i = first; i < last; i++) {
    const value = values[i];
    if (value == null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** The smallest step of 1, 2, 5 × 10^k that needs at most `count` steps for `span`. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const factor of [1, 2, 5]) if (power * factor >= rough * (1 - 1e-9)) return power * factor;
  return power * 10;
}

// Multiples of the step, computed from integers so that 0.1 + 0.2 does not show.
function multiples(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const inverse = 1 / step;
  const exact = inverse > 1 && Number.isInteger(Math.round(inverse)) ? Math.round(inverse) : 0;
  const out: number[] = [];
  for (let i = first; i <= last && out.length < 1000; i++)
    out.push((exact ? i / exact : i * step) + 0);
  return out;
}

/** Ticks inside the range, at most about `count` of them. */
export function ticks([low, high]: Range, count: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [];
  if (low === high) return [low];
  return multiples(low, high, niceStep(high - low, count));
}

/** The range widened to whole steps; a single value gets room around it. */
export function niceRange([low, high]: Range, count = 5): Range {
  if (low === high) {
    const room = Math.abs(low) || 1;
    return low >= 0 ? [0, low + room * (low === 0 ? 1 : 0.25)] : [low - room * 0.25, 0];
  }
  const step = niceStep(high - low, count);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

/** Powers of ten inside the range; with few decades also their multiples by 2 and 5. */
export function logTicks([low, high]: Range, count: number): number[] {
  if (!(low > 0) || !(high > low)) return low > 0 ? [low] : [];
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / Math.max(1, count)));
  const factors = (last - first) * 3 <= count * 1.5 ? [1, 2, 5] : [1];
  const out: number[] = [];
  for (let k = first; k <= last; k += every) {
    for (const factor of factors) {
      const value = factor * 10 ** k;
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) out.push(value);
    }
  }
  return out.length > 1 ? out : ticks([low, high], count).filter((value) => value > 0);
}

export interface Scale {
  readonly domain: Range;
  readonly pixels: Range;
  /** Pixels of a value; not clamped. */
  at(value: number): number;
  /** The value at a pixel: the inverse of `at`. */
  invert(pixel: number): number;
  ticks(count: number): number[];
}

export function linearScale(domain: Range, pixels: Range): Scale {
  const [d0, d1] = domain;
  const [p0, p1] = pixels;
  const span = d1 - d0 || 1;
  const length = p1 - p0 || 1;
  return {
    domain,
    pixels,
    at: (value) => p0 + ((value - d0) / span) * (p1 - p0),
    invert: (pixel) => d0 + ((pixel - p0) / length) * (d1 - d0),
    ticks: (count) => ticks(domain, count),
  };
}

/** The domain has to be positive; values that are not lie at its lower end. */
export function logScale(domain: Range, pixels: Range): Scale {
  const inner = linearScale([Math.log10(domain[0]), Math.log10(domain[1])], pixels);
  return {
    domain,
    pixels,
    at: (value) => (value > 0 ? inner.at(Math.log10(value)) : pixels[0]),
    invert: (pixel) => 10 ** inner.invert(pixel),
    ticks: (count) => logTicks(domain, count),
  };
}
