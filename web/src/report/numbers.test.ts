// SPDX-License-Identifier: MIT
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sampleRun } from "../testing/sampleRun";
import {
  fromBase64,
  gunzip,
  joinPasses,
  openStack,
  shareOf,
  ticksOf,
  TICKS_PER_MS,
  unpackFloat24,
  unpackShare,
  unpackTicks,
  valuesOf,
  type PackedStack,
} from "./numbers";

/** As src/export/pack.c writes them; its test has the bytes of the same cases. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

const zigzag = (value: number): number => (value < 0 ? -2 * value : 2 * value + 1);

function byCell<T>(values: ArrayLike<T>, cells: number): T[] {
  const passes = values.length / cells;
  return Array.from(values, (_, i) => values[(i % passes) * cells + Math.floor(i / passes)]!);
}

function packTicks(values: ArrayLike<number>, cells: number): Uint8Array {
  const codes = byCell(values, cells).flatMap((value) =>
    Number.isNaN(value) ? [0] : varint(value + 1),
  );
  return Uint8Array.from(codes);
}

const none = Number.NaN;

describe("times", () => {
  it.each([
    [
      [5, 7, 5, 6],
      [6, 6, 8, 7],
    ],
    [
      [300, 0],
      [173, 2, 1],
    ],
    [
      [none, 2, 1, none, 3, 3],
      [0, 2, 4, 3, 0, 4],
    ],
  ])("%j in two cells are written as %j", (ticks, bytes) => {
    expect([...packTicks(ticks, 2)]).toEqual(bytes);
    expect([...unpackTicks(Uint8Array.from(bytes), ticks.length / 2, 2)]).toEqual(ticks);
  });

  it("that are cut off are an error", () => {
    expect(() => unpackTicks(Uint8Array.from([128]), 1, 1)).toThrow("cut off");
    expect(() => unpackTicks(Uint8Array.from([1]), 1, 2)).toThrow("cut off");
  });
});

describe("energies", () => {
  const { stacks } = sampleRun({ promptTokens: 3, outputTokens: 4, bare: [1] });
  const { head } = stacks.time;
  const cells = head.layers.length * head.components.length;
  const energy = stacks.energy!.values;
  const ticks = Float64Array.from(stacks.time.values, (ms) => Math.round(ms * TICKS_PER_MS));

  it("come back to the nanojoule from what they differ from shares by time", () => {
    const bytes = byCell(
      Array.from(energy, (mj, i) => {
        const share = shareOf(head.passes[Math.floor(i / cells)]!, ticks[i]!);
        return Number.isNaN(mj) ? [0] : varint(zigzag(Math.round(mj * 1e6) - share));
      }),
      cells,
    ).flat();
    const found = unpackShare(Uint8Array.from(bytes), head.passes, cells, ticks);
    found.forEach((mj, i) => {
      if (Number.isNaN(energy[i]!)) expect(mj).toBeNaN();
      else expect(mj).toBe(Math.fround(Math.round(energy[i]! * 1e6) / 1e6));
    });
  });

  it("differ by 0, −1, 1, −2, 2 as 1, 2, 3, 4, 5", () => {
    const pass = { ...head.passes[0]!, energy_mj: 0, duration_ms: 1 };
    const found = unpackShare(Uint8Array.from([1, 2, 3, 4, 5, 0]), [pass], 6, new Float64Array(6));
    expect([...found].map((mj) => Math.round(mj * 1e6))).toEqual([0, -1, 1, -2, 2, none]);
  });

  it("have shares of whole nanojoules", () => {
    const pass = { ...head.passes[0]!, energy_mj: 0.000007, duration_ms: 0.0002 };
    expect([0, 1, 2].map((each) => shareOf(pass, each))).toEqual([0, 4, 7]);
    expect(shareOf({ ...pass, energy_mj: null }, 1)).toBe(0);
    expect(shareOf({ ...pass, duration_ms: 0 }, 1)).toBe(0);
  });
});

describe("floats of three bytes", () => {
  it("are what is left of float32s without their last byte", () => {
    const values = Float32Array.from([1, -2.5, 0.001234, none, 0, 3e20]);
    const words = byCell(new Uint32Array(values.buffer), 2);
    const planes = [24, 16, 8].flatMap((shift) => words.map((word) => (word >>> shift) & 255));
    const found = unpackFloat24(Uint8Array.from(planes), 3, 2);
    values.forEach((value, i) => {
      if (Number.isNaN(value)) expect(found[i]).toBeNaN();
      else expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -15);
    });
    expect(() => unpackFloat24(Uint8Array.from([1, 2]), 1, 1)).toThrow("cut off");
  });
});

const base64 = (bytes: Uint8Array | string): string => gzipSync(bytes).toString("base64");
const nobody = () => Promise.reject(new Error("not needed"));

describe("a stack", () => {
  const { head } = sampleRun({ promptTokens: 2, outputTokens: 5, bare: [1] }).stacks.time;
  const cells = head.layers.length * head.components.length;
  const ticks = Float64Array.from({ length: head.passes.length * cells }, (_, i) => 1000 * i);
  const packed: PackedStack = {
    packing: "ticks",
    every: 1,
    head: base64(JSON.stringify(head)),
    values: base64(packTicks(ticks, cells)),
  };

  it("comes out of base64 and gzip", async () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);
    expect(await gunzip(fromBase64(base64(bytes)))).toEqual(bytes);
    const opened = await openStack(packed, nobody);
    expect(opened.head).toEqual(head);
    expect(ticksOf(opened)).toEqual(ticks);
    const times = await valuesOf(opened, () => Promise.resolve(ticks));
    expect(times[12]).toBe(Math.fround(1.2));
    expect(() => ticksOf({ ...opened, packing: "share" })).toThrow("damaged");
  });

  it("has the passes of the times where its head has none", async () => {
    const other = { ...packed, every: 2, head: base64(JSON.stringify({ ...head, passes: [] })) };
    const opened = await openStack(other, () => Promise.resolve(head.passes));
    expect(opened.head.passes).toEqual(joinPasses(head.passes, 2));
    expect(opened.passes).toEqual(head.passes);
  });

  it("of joined passes has what these have together, phase by phase", () => {
    const joined = joinPasses(head.passes, 2);
    expect(joined.map(({ phase, first_token, tokens }) => [phase, first_token, tokens])).toEqual([
      ["prefill", 0, 2],
      ["decode", 2, 2],
      ["decode", 4, 2],
      ["decode", 6, 1],
    ]);
    const sum = (passes: typeof joined) => passes.reduce((all, pass) => all + pass.energy_mj!, 0);
    expect(sum(joined)).toBeCloseTo(sum(head.passes), 9);
    expect(joined.every((pass) => pass.profiled)).toBe(true);
    expect(joinPasses(head.passes, 1)).toEqual(head.passes);
  });
});
