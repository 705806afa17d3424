// SPDX-License-Identifier: MIT
// The stream as a page goes through it: connections that break, servers that begin anew, frames that were missed.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WsFrame } from "../api/schema";
import { RUN, started, summaryOf, token } from "./frames.fixture";

class FakeSocket {
  static all: FakeSocket[] = [];
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  readonly url: string;
  constructor(url: string) {
    this.url = url;
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.onclose?.();
  }
  push(...frames: WsFrame[]) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

const newest = () => FakeSocket.all.at(-1)!;
const asked: string[] = [];
let answers: Record<string, unknown>;

async function load() {
  const { feed, useFeed } = await import("./feed");
  feed.connect();
  newest().onopen?.();
  return { feed, useFeed };
}

const settle = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  FakeSocket.all = [];
  asked.length = 0;
  answers = {
    tokens: { tokens: [] },
    power: {
      returned: 0,
      phases: [],
      samples: { timestamp_ms: [], phase: [], total_power_mw: [] },
    },
  };
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("requestAnimationFrame", () => 0);
  vi.stubGlobal("location", { protocol: "http:", host: "127.0.0.1:8000" });
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    const answer = answers[/\/(\w+)(?:\?|$)/.exec(url)![1]!];
    return Promise.resolve(
      answer === undefined ? new Response("{}", { status: 404 }) : Response.json(answer),
    );
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the stream", () => {
  it("is asked for at the page's own origin", async () => {
    await load();
    expect(newest().url).toBe("ws://127.0.0.1:8000/ws/profiling");
  });

  it("is opened again when it breaks, behind the last frame that came", async () => {
    const { feed, useFeed } = await load();
    newest().push(started(RUN, 10), token(0, 11));
    newest().close();
    expect(useFeed.getState().state).toBe("lost");
    await settle(300);
    expect(FakeSocket.all.length).toBe(2);
    newest().onopen?.();
    expect(newest().sent).toEqual(['{"since_seq":11}']);
    newest().push(token(1, 12));
    expect(feed.run!.tokens.length).toBe(2);
    expect(useFeed.getState().state).toBe("open");
  });

  it("is tried again and again, less and less often", async () => {
    await load();
    newest().close();
    for (let i = 0; i < 12; i++) {
      await settle(5000);
      newest().close();
    }
    const tries = FakeSocket.all.length;
    expect(tries).toBeGreaterThanOrEqual(12);
    expect(tries).toBeLessThanOrEqual(20);
  });

  it("says nothing twice", async () => {
    const { feed } = await load();
    newest().push(started(RUN, 10), token(0, 11), token(0, 11, { text: "again" }));
    expect(feed.run!.tokens[0]!.text).toBe(" t0");
  });

  it("of a server that was started anew begins with other numbers", async () => {
    const { feed } = await load();
    newest().push(started(RUN, 1000), token(0, 1001));
    newest().close();
    await settle(300);
    newest().onopen?.();
    newest().push(started("other", 5));
    expect(feed.run!.id).toBe("other");
  });

  it("may hold what is no frame", async () => {
    const { feed } = await load();
    newest().onmessage?.({ data: "{not json" });
    newest().onmessage?.({ data: new ArrayBuffer(3) });
    newest().push(started());
    expect(feed.run!.id).toBe(RUN);
  });
});

describe("what was missed", () => {
  it("is read from the store, and the page says so until it is there", async () => {
    const { feed } = await load();
    const stored = (index: number) => ({ ...token(index), start_ms: 0, text: "stored" });
    newest().push(
      started(RUN, 1),
      token(0, 2),
      { type: "gap", from: 3, to: 5, run_id: RUN, seq: 5, t_ms: 0 },
      token(3, 6),
    );
    expect(feed.run!.lost).toBe("reading");
    answers["tokens"] = { tokens: [stored(1)] }; // the store is a little behind
    await settle(1600);
    expect(feed.run!.lost).toBe("reading");
    answers["tokens"] = { tokens: [stored(1), stored(2)] };
    await settle(1600);
    expect(feed.run!.lost).toBe("filled");
    expect(feed.run!.tokens.map((one) => one!.text)).toEqual([" t0", "stored", "stored", " t3"]);
    const before = asked.length;
    await settle(10_000);
    expect(asked.length).toBe(before);
  });

  it("is the beginning, when the page comes in the middle of a run", async () => {
    const { feed } = await load();
    answers["summary"] = summaryOf(RUN, { status: "running" });
    answers["tokens"] = { tokens: [0, 1].map((index) => ({ ...token(index), start_ms: 0 })) };
    newest().push(token(2, 50));
    expect(feed.run!.facts).toBeNull();
    await settle(1600);
    expect(feed.run!.missingTokens).toBe(0);
    expect(feed.run!.facts!.model_name).toBe("tales-q8_0");
  });

  it("is not asked for for ever when the store does not have it", async () => {
    await load();
    newest().push(started(RUN, 1), token(3, 2), {
      type: "inference_complete",
      run_id: RUN,
      seq: 3,
      t_ms: 9,
      summary: summaryOf(),
    });
    delete answers["tokens"];
    await settle(60_000);
    expect(asked.length).toBeLessThanOrEqual(12);
  });

  it("may be the end of the run", async () => {
    const { feed } = await load();
    const ended: string[] = [];
    feed.onEnd((run) => ended.push(run.status));
    newest().push(started(RUN, 1), token(0, 2));
    newest().close();
    await settle(300);
    answers["summary"] = summaryOf(RUN, {
      status: "interrupted",
      failure: "the server was stopped",
    });
    newest().onopen?.();
    await settle(2000);
    expect(ended).toEqual(["interrupted"]);
    expect(feed.run!.failure).toBe("the server was stopped");
  });

  it("is nothing while the run goes on", async () => {
    const { feed } = await load();
    newest().push(started(RUN, 1), token(0, 2));
    newest().close();
    await settle(300);
    answers["summary"] = summaryOf(RUN, { status: "running" });
    newest().onopen?.();
    await settle(2000);
    expect(feed.run!.status).toBe("running");
  });
});

describe("silence", () => {
  const progress = (seq: number, phase: string | null): WsFrame => ({
    type: "progress",
    run_id: RUN,
    seq,
    t_ms: 0,
    stage: phase ? "running" : "loading model",
    phase,
    layer: null,
    tokens_done: 0,
    tokens_total: 8,
  });

  it("is noticed while a run computes, and over with the next frame", async () => {
    const { useFeed } = await load();
    newest().push(started(RUN, 1), progress(2, "decode"));
    await settle(2500);
    expect(useFeed.getState().silentSince).toBeNull();
    await settle(2500);
    expect(useFeed.getState().silentSince).not.toBeNull();
    newest().push(token(0, 3));
    expect(useFeed.getState().silentSince).toBeNull();
  });

  it("may mean that the end of the run was lost", async () => {
    const { feed } = await load();
    answers["summary"] = summaryOf(RUN, { status: "running" });
    newest().push(started(RUN, 1), progress(2, "decode"));
    await settle(20_000);
    expect(feed.run!.status).toBe("running");
    answers["summary"] = summaryOf(RUN);
    await settle(5000);
    expect(feed.run!.status).toBe("complete");
    // asked about as often as it takes, not each second
    const times = asked.filter((url) => url.includes("/summary")).length;
    expect(times).toBeGreaterThan(3);
    expect(times).toBeLessThan(15);
  });

  it("is no wonder while a model is loaded", async () => {
    const { useFeed } = await load();
    newest().push(started(RUN, 1), progress(2, null));
    await settle(20_000);
    expect(useFeed.getState().silentSince).toBeNull();
  });
});
