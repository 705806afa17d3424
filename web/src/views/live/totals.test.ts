// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { RUN, started, summaryOf, token } from "../../live/frames.fixture";
import { LiveRun } from "../../live/run";
import { totalsOf } from "./totals";

describe("running totals", () => {
  const going = () => {
    const run = new LiveRun(RUN);
    run.apply(started());
    run.apply({
      type: "progress",
      run_id: RUN,
      seq: 2,
      t_ms: 400,
      stage: "running",
      phase: "decode",
      layer: 1,
      tokens_done: 2,
      tokens_total: 8,
      total_energy_mj: 5000,
      output_tokens: 2,
      joules_per_token: 2.5,
      tokens_per_second: 10,
      power_mw: 9000,
    });
    return run;
  };

  it("are those of the stream while a run goes on, and not net: idle is not known", () => {
    expect(totalsOf(going(), "gross")).toMatchObject({
      energyMj: 5000,
      joulesPerToken: 2.5,
      powerMw: 9000,
      elapsedMs: 400,
      noNet: null,
    });
    const net = totalsOf(going(), "net");
    expect(net).toMatchObject({ energyMj: null, joulesPerToken: null });
    expect(net.noNet).not.toBeNull();
  });

  it("are those of the summary at the end, gross or net", () => {
    const run = going();
    run.finish("complete", summaryOf(), null);
    expect(totalsOf(run, "gross")).toMatchObject({
      energyMj: 8000,
      joulesPerToken: 2,
      powerMw: 16_000,
      peakMw: 20_000,
      grade: "measured",
    });
    expect(totalsOf(run, "net")).toMatchObject({
      energyMj: 5000,
      joulesPerToken: 1.25,
      powerMw: 10_000,
      peakMw: 14_000,
      noNet: null,
    });
  });

  it("are never 0 for what is not known", () => {
    const run = going();
    run.finish(
      "complete",
      summaryOf(RUN, {
        total_energy_mj: null,
        net_energy_mj: null,
        joules_per_token: null,
        idle_power_mw: null,
      }),
      null,
    );
    expect(totalsOf(run, "gross")).toMatchObject({ energyMj: null, joulesPerToken: null });
    expect(totalsOf(run, "net")).toMatchObject({
      energyMj: null,
      joulesPerToken: null,
      powerMw: null,
      noNet: "idle power was not measured",
    });
  });

  it("are called estimates as soon as that is known", () => {
    const run = going();
    run.apply(token(0, 3, { grade: "estimated" }));
    expect(totalsOf(run, "gross").grade).toBe("estimated");
    run.apply(token(1, 4, { grade: "interpolated" }));
    expect(totalsOf(run, "gross").grade).toBeNull();
  });
});
