// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCost,
  formatCount,
  formatEnergy,
  formatMass,
  formatPerToken,
  formatPlain,
  formatPower,
  formatRate,
  formatRatio,
  formatTime,
  orNotHere,
  quantities,
} from "./units";

const plainSpaces = (text: string) => text.replaceAll("\u00a0", " ");

const cases: [name: string, format: (value: number | null) => string, rows: [number | null, string][]][] = [
  ["energy, of mJ", formatEnergy, [
    [null, "—"], [Number.NaN, "—"], [0, "0 mJ"], [0.00001, "10.0 nJ"], [0.0005, "500 nJ"],
    [0.0123, "12.3 µJ"], [0.9994, "999 µJ"], [0.99951, "1.00 mJ"], [1.2345, "1.23 mJ"], [12.345, "12.3 mJ"],
    [123.45, "123 mJ"], [999.4, "999 mJ"], [999.6, "1.00 J"], [1234, "1.23 J"], [1_234_000, "1234 J"],
    [3_599_000, "3599 J"], [3_600_000, "1.00 Wh"], [36_000_000, "10.0 Wh"], [7.2e9, "2.00 kWh"],
    [-12.345, "−12.3 mJ"],
  ]],
  ["power, of mW", formatPower, [
    [null, "—"], [0, "0 mW"], [0.5, "500 µW"], [850, "850 mW"], [12_345, "12.3 W"], [1_500_000, "1.50 kW"],
  ]],
  ["time, of ms", formatTime, [
    [null, "—"], [0, "0 ms"], [0.0001, "100 ns"], [0.0123, "12.3 µs"], [4.56, "4.56 ms"], [1200, "1.20 s"],
    [599_000, "599 s"], [605_000, "10 min 05 s"], [3_725_000, "1 h 02 min"], [-4.56, "−4.56 ms"],
  ]],
  ["J/token", formatPerToken, [[null, "—"], [0.00167, "1.67 mJ/token"], [2.5, "2.50 J/token"], [0, "0 mJ/token"]]],
  ["rate", formatRate, [[null, "—"], [1999, "1999 tokens/s"], [12.34, "12.3 tokens/s"]]],
  ["ratio", formatRatio, [
    [null, "—"], [0, "0.0 %"], [0.1234, "12.3 %"], [1, "100 %"], [0.0001, "< 0.1 %"], [-0.0001, "> −0.1 %"], [-0.02, "−2.0 %"],
  ]],
  ["count", formatCount, [[null, "—"], [0, "0"], [1234, "1234"], [2_540_000, "2.54 M"], [7.2e9, "7.20 B"]]],
  ["bytes", formatBytes, [[0, "0 B"], [2048, "2.05 kB"], [2_800_000, "2.80 MB"]]],
  ["mass, of g", formatMass, [[0.0000123, "12.3 µg"], [2.5, "2.50 g"], [1500, "1.50 kg"]]],
  ["cost", formatCost, [[null, "—"], [0, "0 USD"], [0.0000123, "0.000012 USD"], [12.5, "12.50 USD"], [0.5, "0.50 USD"]]],
  ["plain", formatPlain, [[null, "—"], [0, "0"], [0.00012, "1.2e-4"], [0.5, "0.500"], [3.14159, "3.14"], [-0.00012, "−1.2e-4"]]],
];

describe.each(cases)("%s", (_, format, rows) => {
  it.each(rows)("%s is written %s", (value, text) => {
    expect(plainSpaces(format(value))).toBe(text);
  });
});

describe("steps", () => {
  it("never write four digits before the next unit begins", () => {
    for (let exponent = -6; exponent < 6; exponent += 0.01) {
      const text = plainSpaces(formatEnergy(10 ** exponent));
      const [number = "", unit] = text.split(" ");
      const digits = number.replace(".", "").replace(/^0+/, "");
      expect(digits.length, text).toBeLessThanOrEqual(unit === "J" ? 4 : 3);
      expect(Number(number), text).toBeGreaterThanOrEqual(1);
    }
  });

  it("keep a value within half a percent", () => {
    const factor = { nJ: 1e-6, "µJ": 1e-3, mJ: 1, J: 1e3, Wh: 3.6e6 } as Record<string, number>;
    for (let exponent = -5; exponent < 8; exponent += 0.013) {
      const value = 10 ** exponent;
      const [number = "", unit = ""] = plainSpaces(formatEnergy(value)).split(" ");
      expect(Math.abs(Number(number) * factor[unit]! - value) / value).toBeLessThan(0.00505);
    }
  });
});

describe("a missing sensor", () => {
  it("is said, never 0", () => {
    expect(orNotHere(formatPower(null))).toBe("not on this machine");
    expect(orNotHere(formatPower(0))).toBe("0\u00a0mW");
  });
});

describe("axes", () => {
  it("write all ticks in the unit of the largest", () => {
    expect(quantities.power.axis([0, 500, 1000, 1500])).toEqual({ unit: "W", labels: ["0.0", "0.5", "1.0", "1.5"] });
    expect(quantities.time.axis([0, 250, 500])).toEqual({ unit: "ms", labels: ["0", "250", "500"] });
    expect(quantities.energy.axis([0.01, 0.011, 0.012])).toEqual({ unit: "µJ", labels: ["10", "11", "12"] });
    expect(quantities.energy.axis([])).toEqual({ unit: "mJ", labels: [] });
  });

  it("tell neighbouring ticks apart", () => {
    const { labels } = quantities.plain("x").axis([1, 1.001, 1.002]);
    expect(new Set(labels).size).toBe(3);
  });
});
