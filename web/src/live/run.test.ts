// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import type { Power, Token } from "../api/schema";
import { mergePower, mergeTokens } from "./catchUp";
import { components, RUN, samples, started, summaryOf, token } from "./frames.fixture";
import { heatOf, LiveRun } from "./run";

function runWith(...frames: Parameters<LiveRun["apply"]>[0][]): LiveRun {
  const run = new LiveRun(RUN);
  for (const frame of frames) run.apply(frame);
  return run;
}

describe("tokens", () => {
  it("are kept by index, whatever their order, and once", () => {
    const run = runWith(started(), token(2), token(0), token(1), token(1, 0, { text: "again" }));
    expect(run.tokens.map((one) => one?.text)).toEqual([" t0", "again", " t2"]);
    expect(run.missingTokens).toBe(0);
    expect(run.tokens[2]).toEqual({
      index: 2,
      text: " t2",
      phase: "decode",
      endMs: 120,
      durationMs: 10,
      energyMj: 4,
      powerMw: 400,
      grade: "interpolated",
    });
  });

  it("that did not come are holes", () => {
    const run = runWith(started(), token(1), token(4), token(8));
    expect(run.holes()).toEqual([
      [0, 0],
      [2, 3],
      [5, 7],
    ]);
    expect(run.missingTokens).toBe(6);
    expect(run.hasMissing()).toBe(true);
  });

  it("with an index out of this world are left out", () => {
    const run = runWith(token(-1), token(5_000_000));
    expect(run.tokens.length).toBe(0);
  });

  it("extend the band of their phase", () => {
    const run = runWith(token(0), token(1), token(2), token(5));
    expect(run.bands).toEqual([
      { phase: "prefill", startMs: 90, endMs: 110 },
      { phase: "decode", startMs: 110, endMs: 150 },
    ]);
  });
});

describe("power samples", () => {
  it("are rows; what is null is not known, what is absent neither", () => {
    const run = runWith(
      samples([
        [-5, 900, 900],
        [0, 5, 6],
        [1, null, 8],
      ]),
    );
    expect([...run.power.column("t")]).toEqual([-5, 0, 1]);
    expect([...run.power.column("cpu")]).toEqual([900, 5, Number.NaN]);
    expect([...run.power.column("phase")]).toEqual([Number.NaN, 2, 2]);
    expect(run.power.has("gpu")).toBe(false);
  });

  it("have their peak inside the run, not while the model is loaded", () => {
    expect(
      runWith(
        samples([
          [-5, 900, 900],
          [0, 5, 6],
          [1, 7, 8],
        ]),
      ).peakMw,
    ).toBe(8);
    expect(runWith(samples([[0, null, null]])).peakMw).toBeNull();
  });
});

describe("components of a pass", () => {
  it("are a matrix of layers and what is outside of them", () => {
    const heat = heatOf(
      components([
        [-1, "embedding", 1, 10],
        [0, "q_proj", 2, 20],
        [0, "mlp", 3, 30],
        [1, "q_proj", 4, 40],
        [-1, "lm_head", 5, null],
      ]),
    );
    expect(heat.layers).toEqual([0, 1]);
    expect(heat.components).toEqual(["q_proj", "mlp"]);
    expect([...heat.energyMj]).toEqual([20, 30, 40, Number.NaN]);
    expect([...heat.timeMs]).toEqual([2, 3, 4, Number.NaN]);
    expect(heat.outside).toEqual([
      { name: "embedding", timeMs: 1, energyMj: 10 },
      { name: "lm_head", timeMs: 5, energyMj: null },
    ]);
  });

  it("lose nothing: cells and the outside add up to the frame", () => {
    const cells = Array.from(
      { length: 60 },
      (_, i) => [(i % 5) - 1, `c${Math.floor(i / 5)}`, i, i * 2] as const,
    );
    const heat = heatOf(components(cells));
    const inside = heat.energyMj.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);
    const outside = heat.outside.reduce((sum, { energyMj }) => sum + (energyMj ?? 0), 0);
    expect(inside + outside).toBe(cells.reduce((sum, [, , , energy]) => sum + energy, 0));
  });
});

describe("the end", () => {
  it("is what the frame says, with the summary's own phases", () => {
    const run = runWith(started(), token(2));
    run.apply({ type: "inference_complete", run_id: RUN, seq: 9, t_ms: 500, summary: summaryOf() });
    expect(run.status).toBe("complete");
    expect(run.bands).toEqual([
      { phase: "prefill", startMs: 10, endMs: 100 },
      { phase: "decode", startMs: 100, endMs: 480 },
    ]);
  });

  it.each([
    [{ type: "run_cancelled" as const }, "cancelled", null],
    [{ type: "run_failed" as const, failure: "the engine died" }, "failed", "the engine died"],
  ])("may be another: %j", (frame, status, failure) => {
    const run = runWith(started(), { run_id: RUN, seq: 2, t_ms: 1, ...frame });
    expect([run.status, run.failure]).toEqual([status, failure]);
  });
});

describe("what the store knows", () => {
  const stored = (index: number): Token => ({
    index,
    pass: index,
    position: index,
    token: 1,
    text: "stored",
    phase: "decode",
    start_ms: 100 + 10 * index,
    duration_ms: 10,
    energy_mj: 7,
    energy_by_domain_mj: {},
    power_mw: null,
    grade: "measured",
    profiled: true,
  });

  it("fills holes and changes nothing else", () => {
    const run = runWith(started(), token(0), token(3));
    mergeTokens(run, [0, 1, 2, 3].map(stored));
    expect(run.tokens.map((one) => one?.text)).toEqual([" t0", "stored", "stored", " t3"]);
    expect(run.missingTokens).toBe(0);
  });

  it("comes before newer samples of the stream, none twice", () => {
    const run = runWith(
      samples([
        [3, 30, 30],
        [4, 40, 40],
        [5, 50, 50],
      ]),
    );
    const power: Power = {
      run_id: RUN,
      count: 4,
      returned: 4,
      decimation: "none",
      intervals: 0,
      phases: [{ phase: "decode", start_ms: 0, end_ms: 9 }],
      average_power_mw: null,
      peak_power_mw: null,
      idle_power_mw: null,
      samples: {
        timestamp_ms: [1, 2, 3, 4],
        phase: [null, 0, 0, 0],
        cpu_power_mw: [1, null, 3, 4],
        total_power_mw: [10, 20, 30, 40],
      },
    };
    mergePower(run, power);
    expect([...run.power.column("t")]).toEqual([1, 2, 3, 4, 5]);
    expect([...run.power.column("cpu")]).toEqual([1, Number.NaN, 3, 4, 50]);
    expect([...run.power.column("phase")]).toEqual([Number.NaN, 2, 2, 2, 2]);
  });

  it("may be nothing yet", () => {
    const run = runWith(samples([[3, 30, 30]]));
    mergePower(run, {
      run_id: RUN,
      count: 0,
      returned: 0,
      decimation: "none",
      intervals: 0,
      phases: [],
      average_power_mw: null,
      peak_power_mw: null,
      idle_power_mw: null,
      samples: { timestamp_ms: [], phase: [], total_power_mw: [] },
    });
    expect([...run.power.column("total")]).toEqual([30]);
  });
});
