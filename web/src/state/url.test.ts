// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bindUrl, parseFragment, printFragment } from "./url";
import { initialView, METRICS, setView, SORTS, useView, VIEWS, type ViewState } from "./view";

// mulberry32: the same cases in each run
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const AWKWARD = ["a", "", " ", "&", "=", "?", "#", "%", "+", "/", ",", "..", "é", "\u202e", "</script>", "日本", "\n"];

function someState(random: () => number): ViewState {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const word = () => `x${Array.from({ length: 4 }, () => pick(AWKWARD)).join("")}`;
  const words = () => Array.from({ length: Math.floor(random() * 4) }, word);
  const maybe = <T>(make: () => T): T | null => (random() < 0.5 ? null : make());
  const index = () => Math.floor(random() * 1e6);
  const range = (one: () => number): readonly [number, number] => {
    const from = one();
    return [from, from + Math.abs(one())];
  };
  return {
    view: pick(VIEWS),
    energy: pick(["gross", "net"] as const),
    run: maybe(word),
    runs: words(),
    token: maybe(index),
    tokens: maybe(() => range(index)),
    time: maybe(() => range(() => Math.round(random() * 1e6 - 5e5) / 8)),
    layers: maybe(() => range(index)),
    components: words(),
    metric: pick(METRICS),
    axis: pick(["time", "energy"] as const),
    lanes: pick(["sections", "tokens"] as const),
    zoom: maybe(() => range(() => Math.round(random() * 1e6 - 5e5) / 8)),
    colors: pick(["linear", "log"] as const),
    tree: words(),
    heads: pick(["attention_entropy", "attention_sparsity"] as const),
    search: maybe(word) ?? "",
    model: maybe(word),
    tag: maybe(word),
    experiment: maybe(word),
    status: pick(["any", "failed"] as const),
    mode: pick(["any", "deep"] as const),
    from: maybe(word),
    to: maybe(word),
    alike: maybe(word),
    sort: pick(SORTS),
    group: pick(["none", "prompt"] as const),
    page: index(),
    normalize: pick(["normalized", "none"] as const),
    average: pick(["mean", "median"] as const),
    align: pick(["start", "decode"] as const),
    phase: pick(["decode", "prefill"] as const),
    part: pick(["all", "mlp"] as const),
    against: pick(["B", "C", "D"] as const),
    relative: pick(["no", "yes"] as const),
    standing: words(),
    region: maybe(word),
  };
}

describe("a fragment", () => {
  it("gives back the state it was made of", () => {
    const random = randomFrom(7);
    for (let i = 0; i < 2000; i++) {
      const state = someState(random);
      expect(parseFragment(printFragment(state))).toEqual(state);
    }
  });

  it("says nothing of what is as usual", () => {
    expect(printFragment(initialView)).toBe("#1/live");
    expect(printFragment({ ...initialView, view: "analysis", run: "20261120-1914", token: 3 })).toBe(
      "#1/analysis?run=20261120-1914&token=3",
    );
  });

  it.each([
    ["", initialView],
    ["#", initialView],
    ["#2/analysis?run=a", initialView],
    ["#1/nowhere?token=4", { ...initialView, token: 4 }],
    ["#1/live?token=-1&tokens=5..3&time=x..y&layers=1e3..2e3&page=99999999999", initialView],
    ["#1/live?metric=constructor&energy=__proto__&unknown=1", initialView],
    ["#1/live?time=-1500.25..12", { ...initialView, time: [-1500.25, 12] }],
    [`#1/live?run=${"x".repeat(5000)}`, initialView],
  ])("%s is read as far as it makes sense", (fragment, state) => {
    expect(parseFragment(fragment)).toEqual(state);
  });

  it("may be anything", () => {
    const random = randomFrom(3);
    const alphabet = "#1/live?&=%..-0123456789abc\u0000\u202e";
    for (let i = 0; i < 5000; i++) {
      const text = Array.from({ length: 40 }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
      const state = parseFragment(random() < 0.5 ? `#1/live?${text}` : text);
      expect(parseFragment(printFragment(state))).toEqual(state);
    }
  });
});

// As much of a window as bindUrl() uses.
class FakeWindow extends EventTarget {
  readonly entries: string[];
  at = 0;
  constructor(hash: string) {
    super();
    this.entries = [hash];
  }
  location = { get hash() { return ""; } };
  history = {
    pushState: (_: unknown, __: string, url: string) => {
      this.entries.splice(++this.at, Infinity, url);
    },
    replaceState: (_: unknown, __: string, url: string) => {
      this.entries[this.at] = url;
    },
  };
  setTimeout = (run: () => void, ms: number) => setTimeout(run, ms) as unknown as number;
  clearTimeout = (timer: number | undefined) => clearTimeout(timer);
  back() {
    this.at--;
    this.dispatchEvent(new Event("popstate"));
  }
}

function fakeWindow(hash: string) {
  const window = new FakeWindow(hash);
  Object.defineProperty(window.location, "hash", { get: () => window.entries[window.at] });
  return window;
}

describe("the address", () => {
  let stop: () => void;
  let window: FakeWindow;
  beforeEach(() => {
    vi.useFakeTimers();
    useView.setState(initialView);
    window = fakeWindow("#1/analysis?run=abc");
    stop = bindUrl(window as unknown as Window);
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it("is read at the start", () => {
    expect(useView.getState()).toEqual({ ...initialView, view: "analysis", run: "abc" });
  });

  it("gets a step for going somewhere, which Back undoes", () => {
    setView({ view: "history" }, "push");
    expect(window.entries).toEqual(["#1/analysis?run=abc", "#1/history?run=abc"]);
    window.back();
    expect(useView.getState().view).toBe("analysis");
  });

  it("follows a slider without a step, and not at each move", () => {
    const writes = vi.spyOn(window.history, "replaceState");
    for (let token = 1; token <= 500; token++) {
      setView({ token });
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(1000);
    expect(window.entries).toEqual(["#1/analysis?run=abc&token=500"]);
    expect(writes.mock.calls.length).toBeLessThan(25);
  });

  it("keeps where the slider was when somebody goes on", () => {
    setView({ token: 5 });
    setView({ view: "live" }, "push");
    expect(window.entries).toEqual(["#1/analysis?run=abc&token=5", "#1/live?run=abc&token=5"]);
  });
});
