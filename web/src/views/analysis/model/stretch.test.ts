// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { sampleRun } from "../../../testing/sampleRun";
import { chosenPasses, EVERYTHING, type Selection } from "./selection";
import { keptStretch, passesTitle, stretchParams, stretchTitle } from "./stretch";

const run = sampleRun({ promptTokens: 3, outputTokens: 4 });
const { tokens } = run;
const { passes } = run.stacks.time.head;
const choose = (part: Partial<Selection>): Selection => ({ ...EVERYTHING, ...part });

it.each([
  [{}, "the whole run", {}],
  [{ token: 4 }, "token 4", { token: 4 }],
  [{ tokens: [3, 5] }, "tokens 3–5", { from: 3, to: 5 }],
  [{ time: [tokens[3]!.start_ms, tokens[5]!.start_ms] }, "tokens 3–4", { from: 3, to: 4 }],
  [{ time: [-9, -8] }, "a stretch without tokens", null],
] as [Partial<Selection>, string, object | null][])("%j is %s", (part, title, params) => {
  expect(stretchTitle(choose(part), tokens)).toBe(title);
  expect(stretchParams(choose(part), tokens)).toEqual(params);
});

it("says which tokens a pass evaluated with the selected one", () => {
  const title = (part: Partial<Selection>) =>
    passesTitle(choose(part), tokens, chosenPasses(choose(part), passes, tokens), passes);
  expect(title({ token: 1 })).toBe("tokens 0–2, which were evaluated together");
  expect(title({ tokens: [0, 2] })).toBe("tokens 0–2");
  expect(title({ tokens: [2, 4] })).toBe("tokens 0–4, which were evaluated together");
  expect(title({ token: 5 })).toBe("token 5");
  expect(title({})).toBe("the whole run");
});

it("is the whole run where a report has no other", () => {
  const some = choose({ token: 4, layers: [1, 1] });
  expect(keptStretch(some, true)).toEqual(choose({ layers: [1, 1] }));
  expect(keptStretch(some, false)).toBe(some);
});
