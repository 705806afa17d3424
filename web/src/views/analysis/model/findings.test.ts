// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { sampleRun, type SampleOptions } from "../../../testing/sampleRun";
import { findings, nameLayers, percent, standingOut, worseGrade } from "./findings";

const of = (options: SampleOptions) => findings(sampleRun(options).report);
const named = (options: SampleOptions, id: string) =>
  of(options).find((finding) => finding.id === id);

describe("standing out", () => {
  it.each([
    [[1, 1, 1, 1], { first: 0, last: 0 }],
    [[1, 1, 5, 6, 1, 1], { first: 2, last: 3 }],
    [[5, 1, 1, 1], { first: 0, last: 0 }],
    [[1, 1, 1, 9], { first: 3, last: 3 }],
    [[3, 3, 0, 3, 3, 3], { first: 3, last: 5 }],
    [[7], { first: 0, last: 0 }],
  ])("in %j is %j", (values, expected) => {
    expect(standingOut(values)).toEqual(expected);
  });

  it("is what trying every window finds", () => {
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let round = 0; round < 50; round++) {
      const values = Array.from({ length: 1 + Math.floor(random() * 12) }, random);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      let best = -Infinity;
      for (let i = 0; i < values.length; i++) {
        let sum = 0;
        for (let j = i; j < values.length; j++) best = Math.max(best, (sum += values[j]! - mean));
      }
      const { first, last } = standingOut(values)!;
      const found = values.slice(first, last + 1).reduce((sum, value) => sum + value - mean, 0);
      expect(found).toBeCloseTo(best, 12);
    }
  });

  it("in nothing is nothing", () => expect(standingOut([])).toBeNull());
});

describe("findings", () => {
  // 8 layers of 4 attention and 2 MLP parts; in layers 5–6 an MLP part weighs 6 in decode.
  const heavy: SampleOptions = {
    layers: 8,
    outputTokens: 10,
    weight: (phase, layer, component) =>
      phase === "decode" &&
      (layer === 5 || layer === 6) &&
      component.endsWith("_proj") &&
      component !== "q_proj" &&
      component !== "o_proj"
        ? 6
        : 1,
  };

  it("name the layers that stand out, and how much is in them", () => {
    const finding = named(heavy, "layers-decode")!;
    // per token: 8 × 4 in attention, 6 × 2 + 2 × 12 in MLPs, 2 outside: 70, which is nine tenths of the pass
    const share = 24 / (70 / 0.9);
    expect(finding.text).toBe(`${percent(share)} of decode energy is in the MLP of layers 5–6.`);
    expect(finding.target).toEqual({
      phase: "decode",
      layers: [5, 6],
      components: ["gate_proj", "down_proj"],
    });
    expect(finding.grade).toBe("attributed");
    expect(finding.detail).toContain("split by time");
    expect(finding.share).toBeGreaterThan(0);
    expect(finding.share).toBeLessThanOrEqual(share);
  });

  it("say that no layers stand out where none do", () => {
    const even: SampleOptions = { layers: 8, outputTokens: 10 };
    expect(named(even, "layers-decode")).toBeUndefined();
    const finding = named(even, "group-decode")!;
    expect(finding.text).toContain("of decode energy is in attention, over all 8 layers.");
    expect(finding.detail).toContain("No layers stand out");
    expect(finding.target!.layers).toBeNull();
  });

  it("speak of time where there is no energy", () => {
    const all = of({ ...heavy, withoutPower: true });
    expect(all.length).toBeGreaterThan(2);
    for (const finding of all) {
      expect(finding.text + finding.detail).not.toMatch(/energy|J\b|W\b/);
      expect(finding.grade).toBe("measured");
    }
    expect(all.find((finding) => finding.id === "layers-decode")!.text).toContain(
      "of decode time is in the MLP of layers 5–6",
    );
  });

  it("say so when only a part of the passes was taken apart, and are shares of that part", () => {
    const bare = { ...heavy, bare: [0, 1, 2, 3, 4] };
    const finding = named(bare, "layers-decode")!;
    expect(finding.text).toContain("of profiled decode energy");
    expect(finding.text.split(" of ")[0]).toBe(
      named(heavy, "layers-decode")!.text.split(" of ")[0],
    );
  });

  it("never claim a better grade than the energies have", () => {
    for (const finding of of({ ...heavy, grade: "estimated" }))
      expect(finding.grade).toBe("estimated");
    for (const finding of of({ ...heavy, grade: "interpolated" }))
      expect(finding.grade).not.toBe("measured");
  });

  it("put the phase first, then the larger shares", () => {
    const [first, ...others] = of(heavy);
    expect(first!.id).toBe("phase");
    expect(first!.text).toMatch(
      /^\d+ % of the energy went into decode: .* per token \(10 tokens\)\.$/,
    );
    const shares = others.map((finding) => finding.share ?? -1);
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
  });

  it("compare lm_head with layers where it is large", () => {
    const large: SampleOptions = {
      layers: 4,
      weight: (_, layer, name) => (layer < 0 && name === "lm_head" ? 18 : 1),
    };
    const costliest = named(large, "component-decode")!;
    expect(costliest.text).toContain("lm_head is the costliest component");
    expect(costliest.detail).toContain("It costs as much as 3.0 layers");
    const second: SampleOptions = {
      layers: 4,
      weight: (_, layer, name) =>
        name === "lm_head" ? 12.5 : name === "down_proj" ? 5 : layer >= 0 ? 0.25 : 1,
    };
    expect(named(second, "component-decode")!.text).toContain("down_proj");
    expect(named(second, "lm_head-decode")!.text).toContain(
      "of decode energy is in lm_head, as much as in 2.0 layers",
    );
  });

  it("compare generating with reading", () => {
    const run: SampleOptions = {
      promptTokens: 6,
      weight: (phase) => (phase === "prefill" ? 0.25 : 1),
    };
    expect(named(run, "output-input")!.text).toBe(
      "Generating a token costs 4.0 × what reading one does.",
    );
    expect(named({ promptTokens: 6 }, "output-input")!.text).toContain("cost the same");
    expect(named({ promptTokens: 0 }, "output-input")).toBeUndefined();
    const heavyPrompt: SampleOptions = {
      promptTokens: 6,
      weight: (phase) => (phase === "prefill" ? 2 : 1),
    };
    expect(named(heavyPrompt, "output-input")!.text).toBe(
      "Reading a token costs 2.0 × what generating one does.",
    );
  });

  it("tell idle energy where it is a good part", () => {
    expect(named({ idle_mw: 8000 }, "idle")!.text).toBe(
      "40 % of the energy is what the machine draws when it is idle.",
    );
    expect(named({ idle_mw: 1000 }, "idle")).toBeUndefined();
    expect(named({ idle_mw: null }, "idle")).toBeUndefined();
  });

  it("tell sparsity only of activations that were looked at", () => {
    const { report } = sampleRun({});
    const row = report.component_averages.find(
      (each) => each.phase === "decode" && each.component === "gate_proj",
    )!;
    const sparse = { ...row, component: "activation", activation_sparsity: 0.62 };
    const found = findings({
      ...report,
      component_averages: [...report.component_averages, sparse],
    });
    expect(found.find((finding) => finding.id === "sparsity")!.text).toContain(
      "62 % of the MLP's activations",
    );
    expect(named({}, "sparsity")).toBeUndefined();
  });

  it("of a run that ended before anything was evaluated are none", () => {
    const { report } = sampleRun({});
    const empty = {
      ...report,
      phases: [],
      layer_averages: [],
      component_averages: [],
      total_energy_mj: 0,
      idle_power_mw: null,
      joules_per_input_token: null,
      joules_per_output_token: null,
      unattributed_energy_mj: 0,
    };
    expect(findings(empty)).toEqual([]);
  });
});

describe("words", () => {
  it.each([
    [0, "0 %"],
    [0.004, "< 1 %"],
    [0.423, "42 %"],
    [0.996, "> 99 %"],
    [1, "100 %"],
  ])("%d is %s", (ratio, text) => {
    expect(percent(ratio)).toBe(text);
  });
  it("name ranges", () => {
    expect(nameLayers(2, 2)).toBe("layer 2");
    expect(nameLayers(20, 31)).toBe("layers 20–31");
  });
  it("keep the worse grade", () => {
    expect(worseGrade("measured", "estimated")).toBe("estimated");
    expect(worseGrade("attributed", "interpolated")).toBe("attributed");
  });
});
