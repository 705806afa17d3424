// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { keyName, keyReader, type Action } from "./actions";

const action = (id: string, ...keys: string[]): Action => ({
  id,
  title: id,
  keys,
  group: "",
  run: () => undefined,
});
const actions = [
  action("live", "g l"),
  action("help", "?"),
  action("low", "l"),
  action("outer", "Escape"),
  action("inner", "Escape"),
];

function typed(...keys: [string, number][]): string[] {
  const read = keyReader(1000);
  return keys.flatMap(([key, at]) => read(key, at, actions).map((found) => found.id));
}

describe("keys", () => {
  it("one after the other are one command, when they come soon", () => {
    expect(typed(["g", 0], ["l", 900])).toEqual(["live"]);
    expect(typed(["g", 0], ["l", 1100])).toEqual(["low"]);
  });

  it("that lead nowhere are forgotten", () => {
    expect(typed(["g", 0], ["x", 10], ["l", 20])).toEqual(["low"]);
    expect(typed(["g", 0], ["?", 10])).toEqual(["help"]);
    expect(typed(["g", 0], ["l", 10], ["l", 20])).toEqual(["live", "low"]);
    expect(typed(["g", 0], ["g", 10], ["l", 20])).toEqual(["live"]);
  });

  it("go to the innermost first", () => {
    expect(typed(["Escape", 0])).toEqual(["inner", "outer"]);
  });

  it("are named the same on every system", () => {
    const event = { key: "k", ctrlKey: false, metaKey: false, altKey: false };
    expect(keyName({ ...event, metaKey: true })).toBe("Ctrl+k");
    expect(keyName({ ...event, ctrlKey: true, key: "K" })).toBe("Ctrl+k");
    expect(keyName({ ...event, key: " " })).toBe("Space");
    expect(keyName({ ...event, key: "?" })).toBe("?");
    expect(keyName({ ...event, key: "ArrowLeft" })).toBe("ArrowLeft");
  });
});
