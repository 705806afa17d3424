// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeDeletions, UNDO_MS } from "./deletions";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp(answer: () => Promise<void> = () => Promise.resolve()) {
  const send = vi.fn<(id: string, leaving: boolean) => Promise<void>>(answer);
  const settled = vi.fn();
  const deletions = makeDeletions(send, settled);
  const ids = () => deletions.use.getState().deletions.map(({ id }) => id);
  return { send, settled, deletions, ids };
}

describe("a deletion", () => {
  it("is sent when its time is over, once", async () => {
    const { send, settled, deletions, ids } = setUp();
    deletions.add("a", "run a");
    deletions.add("a", "run a");
    expect(ids()).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(UNDO_MS - 1);
    expect(send).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(send.mock.calls).toEqual([["a", false]]);
    expect(settled).toHaveBeenCalledTimes(1);
    expect(ids()).toEqual([]);
  });

  it("is never sent after it was undone", async () => {
    const { send, deletions, ids } = setUp();
    deletions.add("a", "run a");
    deletions.add("b", "run b");
    await vi.advanceTimersByTimeAsync(UNDO_MS / 2);
    expect(deletions.undo("a")).toBe(true);
    expect(deletions.undo("a")).toBe(false);
    expect(ids()).toEqual(["b"]);
    deletions.flush();
    await vi.runAllTimersAsync();
    expect(send.mock.calls).toEqual([["b", true]]);
  });

  it("cannot be undone while the server is at it, and stays off the table", async () => {
    let finish = () => {};
    const { deletions, ids } = setUp(() => new Promise<void>((resolve) => { finish = resolve; }));
    deletions.add("a", "run a");
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(deletions.undo("a")).toBe(false);
    expect(deletions.use.getState().deletions).toEqual([{ id: "a", label: "run a", sent: true }]);
    finish();
    await vi.runAllTimersAsync();
    expect(ids()).toEqual([]);
  });

  it("that the server refuses comes back, with the reason", async () => {
    const { settled, deletions, ids } = setUp(() => Promise.reject(new Error("the run goes on")));
    deletions.add("a", "run a");
    await vi.runAllTimersAsync();
    expect(ids()).toEqual([]);
    expect(settled).toHaveBeenCalledTimes(1);
    expect(deletions.use.getState().failure).toEqual({ label: "run a", reason: "the run goes on" });
    deletions.add("b", "run b");
    expect(deletions.use.getState().failure).toBeNull();
  });

  it("is sent when the page is left, each of them", async () => {
    const { send, deletions } = setUp();
    for (const id of ["a", "b", "c"]) deletions.add(id, id);
    deletions.flush();
    deletions.flush();
    await vi.runAllTimersAsync();
    expect(send.mock.calls).toEqual([["a", true], ["b", true], ["c", true]]);
  });
});
