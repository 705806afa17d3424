// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { Ring } from "./ring";

describe("a ring", () => {
  it("holds the newest rows, oldest first, however often it turned", () => {
    for (const capacity of [1, 2, 3, 7]) {
      const ring = new Ring(["a", "b"], capacity);
      const all: number[] = [];
      for (let i = 0; i < 5 * capacity + 1; i++) {
        ring.push({ a: i, b: -i });
        all.push(i);
        expect([...ring.column("a")]).toEqual(all.slice(-capacity));
        expect([...ring.column("b")]).toEqual(all.slice(-capacity).map((value) => -value));
        expect(ring.length).toBe(Math.min(i + 1, capacity));
      }
      expect(ring.pushed).toBe(5 * capacity + 1);
    }
  });

  it("knows what is not known", () => {
    const ring = new Ring(["a", "b"], 4);
    ring.push({ a: 0 });
    ring.push({ a: null, b: null });
    expect([...ring.column("a")]).toEqual([0, Number.NaN]);
    expect(ring.has("a")).toBe(true);
    expect(ring.has("b")).toBe(false);
  });

  it("is empty again after clear()", () => {
    const ring = new Ring(["a"], 2);
    ring.push({ a: 1 });
    ring.clear();
    expect(ring.column("a").length).toBe(0);
    ring.push({ a: 5 });
    expect([...ring.column("a")]).toEqual([5]);
  });
});
