// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openInPerfetto, PERFETTO, type PerfettoTab, type PerfettoWindow } from "./perfetto";

type Listener = Parameters<PerfettoWindow["addEventListener"]>[1];

class Fake implements PerfettoWindow {
  readonly listeners = new Set<Listener>();
  readonly opened: string[] = [];
  readonly posted: [unknown, string][] = [];
  tab: (PerfettoTab & { closed: boolean }) | null = {
    closed: false,
    postMessage: (message, origin) => this.posted.push([message, origin]),
  };

  open(url: string) {
    this.opened.push(url);
    return this.tab;
  }

  addEventListener(_: "message", listener: Listener) {
    this.listeners.add(listener);
  }

  removeEventListener(_: "message", listener: Listener) {
    this.listeners.delete(listener);
  }

  say(data: unknown, origin = PERFETTO, source: unknown = this.tab) {
    for (const listener of [...this.listeners]) listener({ data, origin, source });
  }
}

const trace = new Uint8Array([1, 2, 3]).buffer;
const load = () => Promise.resolve(trace);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("opens the page, waits for its answer, and posts the trace to it alone", async () => {
  const fake = new Fake();
  const done = openInPerfetto(load, "a run", fake);
  expect(fake.opened).toEqual([PERFETTO]);
  await vi.advanceTimersByTimeAsync(200);
  expect(fake.posted.length).toBeGreaterThan(1);
  expect(fake.posted.every(([message, origin]) => message === "PING" && origin === PERFETTO)).toBe(
    true,
  );
  fake.say("PONG", "https://elsewhere.example");
  fake.say("PONG", PERFETTO, {});
  fake.say("PING");
  expect(fake.listeners.size).toBe(1);
  fake.say("PONG");
  await done;
  const pings = fake.posted.length - 1;
  expect(fake.posted[pings]).toEqual([
    { perfetto: { buffer: trace, title: "a run", fileName: "a run.pftrace" } },
    PERFETTO,
  ]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(fake.posted.length).toBe(pings + 1);
  expect(fake.listeners.size).toBe(0);
});

it("says why when the browser opens no tab, the tab is closed, or nobody answers", async () => {
  const blocked = new Fake();
  blocked.tab = null;
  await expect(openInPerfetto(load, "a run", blocked)).rejects.toThrow("did not open a tab");

  const closed = new Fake();
  const gone = expect(openInPerfetto(load, "a run", closed)).rejects.toThrow("was closed");
  closed.tab!.closed = true;
  await vi.advanceTimersByTimeAsync(100);
  await gone;

  const silent = new Fake();
  const late = expect(openInPerfetto(load, "a run", silent)).rejects.toThrow("does not answer");
  await vi.advanceTimersByTimeAsync(61_000);
  await late;
  expect(silent.listeners.size).toBe(0);
});
