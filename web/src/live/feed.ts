// SPDX-License-Identifier: MIT
// The live stream: one WebSocket that is opened again when it breaks, resumes behind the last frame that came, and
// fills what was missed from the store. Runs live outside React; components get what is new at most ten times a second.

import { useSyncExternalStore } from "react";
import { create } from "zustand";
import type { WsFrame } from "../api/schema";
import { usePreferences } from "../state/preferences";
import { fillFromStore, readOutcome } from "./catchUp";
import { makePacer } from "./pacer";
import { LiveRun } from "./run";

const GAP_MS = 100;
const LONGEST_GAP_MS = 500;
// Of the page's own thread; those that paint and compose take about twice as much again.
const SHARE_RATIO = 0.035;
const BACK_OFF_MS = [250, 500, 1000, 2000, 5000] as const;
const STALE_MS = 3000;
const REFILL_MS = 1500; // the store is committed about once a second
const MOST_REFILLS = 4; // once a run has ended

export type Connection = "connecting" | "open" | "lost";

interface FeedState {
  readonly state: Connection;
  /** Since when nothing came although a run goes on, as performance.now(); null: all is well. */
  readonly silentSince: number | null;
}

export const useFeed = create<FeedState>(() => ({ state: "connecting", silentSince: null }));

/** What components see: the run, and a number that is new with each drawing. */
export interface Shown {
  readonly run: LiveRun | null;
  readonly draw: number;
}

class Feed {
  run: LiveRun | null = null;
  #socket: WebSocket | null = null;
  #attempts = 0;
  #wasOpen = false;
  #lastSeq: number | null = null;
  #isFirst = true;
  #isChecking = false;
  #lastFrameAt = 0;
  #shown: Shown = { run: null, draw: 0 };
  #watchers = new Set<() => void>();
  #ended = new Set<(run: LiveRun) => void>();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #refill: ReturnType<typeof setTimeout> | undefined;

  #pacer = makePacer({
    gapMs: GAP_MS,
    longestGapMs: LONGEST_GAP_MS,
    shareRatio: SHARE_RATIO,
    draw: () => this.#draw(),
    isHidden: () => document.hidden,
    isHeld: () => usePreferences.getState().quiet && this.run?.status === "running",
    now: () => performance.now(),
  });

  // What it takes: the script, and the frame from its beginning until all has been painted.
  #draw(): void {
    const start = performance.now();
    let script = 0;
    requestAnimationFrame(() => {
      const frame = performance.now();
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        this.#pacer.took(script + performance.now() - frame);
        port1.close();
      };
      port2.postMessage(null);
    });
    this.#shown = { run: this.run, draw: this.#shown.draw + 1 };
    for (const watcher of this.#watchers) watcher();
    script = performance.now() - start;
  }

  connect(): void {
    document.addEventListener("visibilitychange", () => this.#pacer.resume());
    usePreferences.subscribe(() => this.#pacer.resume());
    setInterval(() => this.#watchSilence(), 1000);
    this.#open();
  }

  reconnect(): void {
    clearTimeout(this.#retry);
    this.#attempts = 0;
    this.#socket?.close();
    this.#open();
  }

  /** Called when a run has ended, however. Answers how to stop. */
  onEnd(tell: (run: LiveRun) => void): () => void {
    this.#ended.add(tell);
    return () => void this.#ended.delete(tell);
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  };

  shown = (): Shown => this.#shown;

  /** The run was started here: show it before its first frame comes. */
  expect(id: string): void {
    if (this.run?.id === id) return;
    if (this.run?.status === "running") return;
    this.#begin(id);
    this.#pacer.flush();
  }

  #begin(id: string): LiveRun {
    this.run = new LiveRun(id);
    this.#pacer.mark();
    return this.run;
  }

  #open(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/profiling`);
    this.#socket = socket;
    this.#isFirst = true;
    socket.onopen = () => {
      this.#attempts = 0;
      this.#wasOpen = true;
      useFeed.setState({ state: "open" });
      if (this.#lastSeq !== null) socket.send(JSON.stringify({ since_seq: this.#lastSeq }));
      this.#lastFrameAt = performance.now();
      void this.#checkOutcome();
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (socket === this.#socket && typeof event.data === "string") this.#take(event.data);
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      useFeed.setState({
        state: this.#attempts > 0 || this.#wasOpen ? "lost" : "connecting",
      });
      const wait = BACK_OFF_MS[Math.min(this.#attempts++, BACK_OFF_MS.length - 1)]!;
      this.#retry = setTimeout(() => this.#open(), wait);
    };
  }

  #take(text: string): void {
    let frame: WsFrame;
    try {
      frame = JSON.parse(text) as WsFrame;
    } catch {
      return; // not a frame of ours; the next one may be
    }
    this.#lastFrameAt = performance.now();
    if (useFeed.getState().silentSince !== null) useFeed.setState({ silentSince: null });
    if (!this.#isNew(frame)) return;
    this.#apply(frame);
    this.#pacer.mark();
  }

  // Numbers rise. One that does not, right after the stream was opened, is that of a server that was started anew.
  #isNew(frame: WsFrame): boolean {
    const seq = frame.type === "gap" ? frame.to : frame.seq;
    const isRepeated = this.#lastSeq !== null && seq <= this.#lastSeq && !this.#isFirst;
    this.#isFirst = false;
    if (isRepeated) return false;
    this.#lastSeq = seq;
    return true;
  }

  #apply(frame: WsFrame): void {
    const run = this.#runOf(frame);
    if (!run) return;
    const before = run.status;
    run.apply(frame);
    if (before === "running" && run.status !== "running") this.#end(run);
    // a run that was met in the middle has no beginning yet
    else if (frame.type === "gap" || frame.type === "token_complete") this.#fill(run);
  }

  #runOf(frame: WsFrame): LiveRun | null {
    if (!frame.run_id || frame.run_id === this.run?.id) return this.run;
    return this.#begin(frame.run_id);
  }

  #end(run: LiveRun): void {
    this.#pacer.mark();
    this.#pacer.flush();
    for (const tell of this.#ended) tell(run);
    this.#fill(run);
  }

  // What was missed is in the store, a little later than it happened.
  #fill(run: LiveRun, attempts = 0): void {
    if (this.#refill !== undefined || !run.hasMissing()) return;
    const hadEnded = run.status !== "running";
    this.#refill = setTimeout(() => {
      void fillFromStore(run)
        .catch(() => false) // asked again
        .then((isWhole) => {
          this.#refill = undefined;
          this.#pacer.mark();
          if (!isWhole && this.run === run && attempts < MOST_REFILLS)
            this.#fill(run, hadEnded ? attempts + 1 : 0);
        });
    }, REFILL_MS);
  }

  // While the stream was broken the run may have ended, or the server with it.
  async #checkOutcome(): Promise<void> {
    const run = this.run;
    if (!run || run.status !== "running" || this.#isChecking) return;
    this.#isChecking = true;
    await new Promise((resolve) => setTimeout(resolve, REFILL_MS));
    const isAsked = run.status === "running" && this.run === run;
    const hasEnded = isAsked && (await readOutcome(run).catch(() => false));
    this.#isChecking = false;
    if (hasEnded) this.#end(run);
  }

  #watchSilence(): void {
    // while a model is loaded there is nothing to tell
    const isExpected = this.run?.status === "running" && this.run.progress?.phase != null;
    const isSilent = isExpected && performance.now() - this.#lastFrameAt > STALE_MS;
    const { silentSince } = useFeed.getState();
    // the frame that says it has ended may be one that was lost
    if (isSilent && this.#socket) void this.#checkOutcome();
    if (isSilent === (silentSince !== null)) return;
    useFeed.setState({ silentSince: isSilent ? this.#lastFrameAt : null });
  }
}

export const feed = new Feed();

/** Renders with each drawing of the live run, at most ten times a second. */
export function useLive(): Shown {
  return useSyncExternalStore(feed.subscribe, feed.shown);
}

/** Renders only when what `select` answers (a number, a text, the same object) has changed. */
export function useLiveValue<T extends string | number | boolean | object | null>(
  select: (run: LiveRun | null) => T,
): T {
  return useSyncExternalStore(feed.subscribe, () => select(feed.shown().run));
}
