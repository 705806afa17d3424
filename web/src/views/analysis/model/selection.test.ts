// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { sampleRun } from "../../../testing/sampleRun";
import {
  back,
  chosenPasses,
  chosenSum,
  chosenTime,
  chosenTokens,
  describeSelection,
  EVERYTHING,
  hasCells,
  hasStretch,
  includes,
  selectTime,
  selectTokens,
  timeOfPhase,
  timeOfTokens,
  toggleCell,
  toggleComponent,
  tokensOfPhase,
  tokensOfTime,
  type Selection,
} from "./selection";

const run = sampleRun({ promptTokens: 3, outputTokens: 5 });
const { tokens } = run;
const energy = run.stacks.energy!;
const passes = energy.head.passes;
const choose = (part: Partial<Selection>): Selection => ({ ...EVERYTHING, ...part });
const whole = (pass: { energy_mj: number | null }) => pass.energy_mj;

describe("a stretch", () => {
  it("is one of tokens or of time, whichever was chosen last", () => {
    const first = choose(selectTime(9, 4));
    expect(first.time).toEqual([4, 9]);
    const second = { ...first, ...selectTokens(6, 3) };
    expect(second).toMatchObject({ token: null, tokens: [3, 6], time: null });
    expect({ ...second, ...selectTokens(4, 4) }).toMatchObject({
      token: 4,
      tokens: null,
      time: null,
    });
  });

  it("of time has the tokens it overlaps, of tokens the time from first to last", () => {
    const [a, b] = [tokens[2]!, tokens[5]!];
    expect(tokensOfTime(tokens, [a.start_ms + 0.1, b.start_ms])).toEqual([2, 4]);
    expect(tokensOfTime(tokens, [a.start_ms, b.start_ms + 0.1])).toEqual([2, 5]);
    expect(tokensOfTime(tokens, [-20, 0.5])).toBeNull();
    expect(timeOfTokens(tokens, [2, 4])).toEqual([a.start_ms, expect.closeTo(b.start_ms, 9)]);
    expect(timeOfTokens(tokens, [70, 80])).toBeNull();
  });

  it("goes there and back", () => {
    for (const token of tokens) {
      const time = timeOfTokens(tokens, [token.index, token.index])!;
      const inside: [number, number] = [time[0] + 1e-6, time[1] - 1e-6];
      expect(tokensOfTime(tokens, inside)).toEqual([token.index, token.index]);
    }
  });

  it("without tokens has no passes, everything has all", () => {
    const before = choose({ time: [0, 1] });
    expect(chosenTokens(before, tokens)).toBe("none");
    expect(chosenPasses(before, passes, tokens)).toEqual([]);
    expect(chosenTime(before, tokens)).toEqual([0, 1]);
    expect(chosenPasses(EVERYTHING, passes, tokens)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(chosenTime(EVERYTHING, tokens)).toBeNull();
  });

  it("is a phase, by its tokens or by its time", () => {
    expect(tokensOfPhase(tokens, "decode")).toMatchObject({ tokens: [3, 7] });
    expect(tokensOfPhase(tokens, "post_inference")).toBeNull();
    const [prefill] = run.report.phases;
    expect(timeOfPhase(run.report.phases, "prefill").time).toEqual([
      prefill!.start_ms,
      expect.closeTo(prefill!.start_ms + prefill!.duration_ms, 3),
    ]);
    expect(timeOfPhase(run.report.phases, "post_inference")).toEqual({});
  });

  it("is the token looked at where there is one", () => {
    const looking = choose({ token: 4, tokens: [3, 6] });
    expect(chosenTokens(looking, tokens)).toEqual([4, 4]);
    expect(chosenPasses(looking, passes, tokens)).toEqual([2]);
  });
});

describe("cells", () => {
  it("are chosen alone, and everything again by the same choice", () => {
    const one = choose(toggleCell(EVERYTHING, 2, "down_proj"));
    expect(one).toMatchObject({ layers: [2, 2], components: ["down_proj"] });
    expect(hasCells({ ...one, ...toggleCell(one, 2, "down_proj") })).toBe(false);
    expect(choose(toggleCell(one, 1, "down_proj"))).toMatchObject({
      layers: [1, 1],
      components: ["down_proj"],
    });
  });

  it("outside the layers are told by their component", () => {
    const head = choose(toggleCell(choose({ layers: [0, 1] }), -1, "lm_head"));
    expect(head).toMatchObject({ layers: null, components: ["lm_head"] });
    expect(includes(head, -1, "lm_head")).toBe(true);
    expect(hasCells({ ...head, ...toggleCell(head, -1, "lm_head") })).toBe(false);
  });

  it("are those of every chosen layer and component", () => {
    const some = choose({ layers: [1, 2], components: ["q_proj", "o_proj"] });
    expect(includes(some, 1, "q_proj")).toBe(true);
    expect(includes(some, 3, "q_proj")).toBe(false);
    expect(includes(some, 1, "down_proj")).toBe(false);
    expect(includes(some, -1, "q_proj")).toBe(false);
    expect(includes(EVERYTHING, -1, "anything")).toBe(true);
  });

  it("come and go one component at a time", () => {
    const two = choose(toggleComponent(choose({ components: ["a"] }), "b"));
    expect(two.components).toEqual(["a", "b"]);
    expect(choose(toggleComponent(two, "a")).components).toEqual(["b"]);
  });
});

describe("the sum of a selection", () => {
  const all = chosenPasses(EVERYTHING, passes, tokens);

  it("without cells is that of the passes", () => {
    const expected = passes.reduce((sum, pass) => sum + pass.energy_mj!, 0);
    expect(chosenSum(EVERYTHING, energy, all, tokens, whole)).toBeCloseTo(expected, 6);
  });

  it("of disjoint parts is the sum of the parts", () => {
    const parts = [
      choose({ layers: [0, 1] }),
      choose({ layers: [2, 3] }),
      choose({ components: ["embedding", "lm_head"] }),
    ];
    const sum = parts.reduce(
      (total, part) => total + chosenSum(part, energy, all, tokens, whole)!,
      0,
    );
    const cells = energy.values.reduce(
      (total, value) => total + (Number.isNaN(value) ? 0 : value),
      0,
    );
    expect(sum).toBeCloseTo(cells, 3);
    expect(sum).toBeLessThan(chosenSum(EVERYTHING, energy, all, tokens, whole)!);
  });

  it("of a prompt token is its share of the pass that evaluated it with others", () => {
    const share = (selection: Selection) =>
      chosenSum(selection, energy, chosenPasses(selection, passes, tokens), tokens, whole)!;
    expect(share(choose({ token: 1 }))).toBeCloseTo(tokens[1]!.energy_mj!, 9);
    expect(share(choose({ tokens: [1, 2] }))).toBeCloseTo((2 * passes[0]!.energy_mj!) / 3, 9);
    const all = tokens.map((token) =>
      share(choose({ token: token.index, components: ["q_proj"] })),
    );
    const together = share(choose({ components: ["q_proj"] }));
    expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(together, 6);
  });

  it("is not known where nothing is", () => {
    expect(chosenSum(EVERYTHING, energy, all, tokens, () => null)).toBeNull();
    expect(chosenSum(choose({ layers: [70, 80] }), energy, all, tokens, whole)).toBeNull();
    expect(chosenSum(EVERYTHING, energy, [], tokens, whole)).toBeNull();
  });
});

describe("going back", () => {
  it("takes the last level first", () => {
    let at: Selection = {
      token: 4,
      tokens: [3, 6],
      time: null,
      layers: [1, 1],
      components: ["q_proj"],
    };
    const steps: Partial<Selection>[] = [];
    for (let step = back(at); step; step = back(at)) {
      steps.push(step);
      at = { ...at, ...step };
    }
    expect(steps).toHaveLength(3);
    expect(at).toEqual(EVERYTHING);
    expect(hasStretch(at)).toBe(false);
  });
});

describe("words", () => {
  it("name each part, and how to take it back", () => {
    const some: Selection = {
      token: null,
      tokens: [3, 6],
      time: null,
      layers: [2, 2],
      components: ["a", "b", "c", "d"],
    };
    const parts = describeSelection(some, String);
    expect(parts.map((part) => part.text)).toEqual(["tokens 3–6", "layer 2", "4 components"]);
    expect(parts.reduce<Selection>((at, part) => ({ ...at, ...part.clear }), some)).toEqual(
      EVERYTHING,
    );
    expect(describeSelection(choose({ time: [1, 2] }), (ms) => `${ms} ms`)[0]!.text).toBe(
      "1 ms to 2 ms",
    );
  });
});
