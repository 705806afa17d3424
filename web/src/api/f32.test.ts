// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { decodeF32 } from "./f32";

function block(head: string, values: number[]): ArrayBuffer {
  const padded = head.padEnd(Math.ceil(head.length / 8) * 8);
  const buffer = new ArrayBuffer(16 + padded.length + 4 * values.length);
  const view = new DataView(buffer);
  new TextEncoder().encodeInto("ERG32\n\0\0", new Uint8Array(buffer, 0, 8));
  view.setUint32(8, padded.length, true);
  new TextEncoder().encodeInto(padded, new Uint8Array(buffer, 16));
  values.forEach((value, i) => view.setFloat32(16 + padded.length + 4 * i, value, true));
  return buffer;
}

describe("an f32 block", () => {
  it("is its description and its values", () => {
    const { head, values } = decodeF32<{ unit: string }>(
      block('{"unit":"mJ"}', [1.5, Number.NaN, -2]),
    );
    expect(head).toEqual({ unit: "mJ" });
    expect([...values]).toEqual([1.5, Number.NaN, -2]);
  });

  it("may be empty", () => {
    expect(decodeF32(block("{}", [])).values.length).toBe(0);
  });

  it("that is damaged is refused, wherever it was cut", () => {
    const whole = block('{"unit":"mJ"}', [1, 2, 3]);
    const seen = new Set<string>();
    for (let cut = 0; cut < whole.byteLength; cut++) {
      try {
        seen.add(`values ${decodeF32(whole.slice(0, cut)).values.length}`);
      } catch (error) {
        seen.add((error as { code: string }).code);
      }
    }
    // whole values may be missing at the end; the reader of the description knows how many there must be
    expect(seen).toEqual(new Set(["corrupt", "values 0", "values 1", "values 2"]));
    const lies = block("{}", []);
    new DataView(lies).setUint32(8, 0xfffffff8, true);
    expect(() => decodeF32(lies)).toThrow(/damaged/);
    expect(() => decodeF32(block("{]", []))).toThrow(/JSON/);
  });
});
