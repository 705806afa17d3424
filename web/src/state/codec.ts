// SPDX-License-Identifier: MIT
// How one field of the view's state is written into the URL and read back. A URL is outside data: `parse` answers
// undefined for what it does not understand, and the field keeps its initial value.

export interface Codec<T> {
  readonly initial: T;
  /** All values the URL has for the field, at least one. */
  parse(values: readonly string[]): T | undefined;
  print(value: T): readonly string[];
}

const MOST_CHARS = 4096;
const MOST_ITEMS = 1024;

export function oneOf<const T extends string>(initial: T, ...others: T[]): Codec<T> {
  const all: readonly T[] = [initial, ...others];
  return {
    initial,
    parse: ([text]) => all.find((value) => value === text),
    print: (value) => [value],
  };
}

/** Some text, or null. */
export const optionalText: Codec<string | null> = {
  initial: null,
  parse: ([text]) => (text && text.length <= MOST_CHARS ? text : undefined),
  print: (value) => (value ? [value] : []),
};

export function text(initial = ""): Codec<string> {
  return {
    initial,
    parse: ([value]) => (value !== undefined && value.length <= MOST_CHARS ? value : undefined),
    print: (value) => [value],
  };
}

export const texts: Codec<readonly string[]> = {
  initial: [],
  parse: (values) =>
    values.length <= MOST_ITEMS && values.every((value) => value && value.length <= MOST_CHARS) ? values : undefined,
  print: (values) => values,
};

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** A whole number from 0 on, or null. */
export const optionalCount: Codec<number | null> = {
  initial: null,
  parse: ([value]) => wholeNumber(value),
  print: (value) => (value === null ? [] : [String(value)]),
};

export function count(initial: number): Codec<number> {
  return { initial, parse: ([value]) => wholeNumber(value), print: (value) => [String(value)] };
}

export type Span = readonly [from: number, to: number];

function span(pattern: RegExp): Codec<Span | null> {
  return {
    initial: null,
    parse: ([value]) => {
      const match = pattern.exec(value ?? "");
      if (!match) return undefined;
      const [from, to] = [Number(match[1]), Number(match[2])];
      return Number.isFinite(from) && Number.isFinite(to) && from <= to ? [from, to] : undefined;
    },
    print: (value) => (value ? [`${value[0]}..${value[1]}`] : []),
  };
}

/** First and last of a range of whole numbers. */
export const indexSpan = span(/^(\d{1,9})\.\.(\d{1,9})$/);
/** A range of times, ms. */
export const timeSpan = span(/^(-?\d{1,12}(?:\.\d{1,6})?)\.\.(-?\d{1,12}(?:\.\d{1,6})?)$/);
