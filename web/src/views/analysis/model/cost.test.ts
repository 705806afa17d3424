// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { footprint, perThousandTokens } from "./cost";

const us = { g_per_kwh: 400, usd_per_kwh: 0.12 };

it("is the region's figures times the energy", () => {
  expect(footprint(3_600_000_000, us)).toEqual({ usd: 0.12, co2_g: 400 });
  expect(footprint(0, us)).toEqual({ usd: 0, co2_g: 0 });
  expect(footprint(null, us)).toBeNull();
});

it("is scaled to a thousand generated tokens", () => {
  const run = footprint(7200, us)!;
  const thousand = perThousandTokens(7200, 50, us)!;
  expect(thousand.usd / run.usd).toBeCloseTo(20, 9);
  expect(thousand.co2_g / run.co2_g).toBeCloseTo(20, 9);
  expect(perThousandTokens(7200, 0, us)).toBeNull();
  expect(perThousandTokens(null, 5, us)).toBeNull();
});
