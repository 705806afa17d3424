// SPDX-License-Identifier: MIT
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { apiUrl, runPath } from "../api/client";
import { decodeF32 } from "../api/f32";
import type { MatrixHead, Operations, Problem } from "../api/schema";
import { sampleRun } from "../testing/sampleRun";
import { reportTransport, requestKey, type Part } from "./answers";

const run = sampleRun({ promptTokens: 2, outputTokens: 3 });
const { head } = run.stacks.time;
const base64 = (bytes: Uint8Array | string) => gzipSync(bytes).toString("base64");
const operation = (layer: number, component: string) => ({ layer, component, operation: "matmul" });

// all times 5 ticks, all energies their share by time
const count = head.passes.length * head.layers.length * head.components.length;
const ticks = new Uint8Array(count).fill(6);
const shares = new Uint8Array(count).fill(1);
const operations = {
  token: null,
  operations: [operation(0, "q_proj"), operation(1, "q_proj"), operation(-1, "lm_head")],
};

const parts = new Map<string, Part>([
  ["/run/a b/summary", { form: "json", text: JSON.stringify({ prompt: "</script>" }) }],
  ["/run/a b/tokens", { form: "gzip", text: JSON.stringify(base64('{"tokens":[]}')) }],
  [
    "/run/a b/operations",
    { form: "gzip", text: JSON.stringify(base64(JSON.stringify(operations))) },
  ],
  [
    "/run/a b/matrix?metric=time_ms&stack=true",
    {
      form: "stack",
      text: JSON.stringify({
        packing: "ticks",
        every: 1,
        head: base64(JSON.stringify(head)),
        values: base64(ticks),
      }),
    },
  ],
  [
    "/run/a b/matrix?metric=energy_mj&stack=true",
    {
      form: "stack",
      text: JSON.stringify({
        packing: "share",
        every: 1,
        head: base64(JSON.stringify({ ...head, metric: "energy_mj", passes: [] })),
        values: base64(shares),
      }),
    },
  ],
]);

const matrixJson = { ...head, values: [[1, null], [3, 4]] };
parts.set("/run/a b/matrix?metric=energy_mj&phase=decode", {
  form: "gzip",
  text: JSON.stringify(base64(JSON.stringify(matrixJson))),
});
parts.set("/compare?normalize=token", { form: "json", text: '{"set":"token"}' });
parts.set("/compare?normalize=normalized", { form: "json", text: '{"set":"normalized"}' });
parts.set("/compare?metrics=a,b", { form: "json", text: '{"set":"facts"}' });

const answer = reportTransport(parts);
const ask = (rest: string, params = {}) => answer(apiUrl(runPath("a b", rest), params), {});

describe("a request", () => {
  it("is told by its path and its parameters in order", () => {
    const url = apiUrl(runPath("a/b", "/matrix"), {
      stack: true,
      metric: "time_ms",
      format: "f32",
    });
    expect(requestKey(url)).toBe("/run/a/b/matrix?metric=time_ms&stack=true");
    expect(requestKey(apiUrl("/run/x/summary", { attribution: "auto" }))).toBe("/run/x/summary");
    expect(requestKey(apiUrl("/run/x/matrix", { attribution: "activity" }))).toContain("activity");
    expect(requestKey(apiUrl("/run/x/power", { max_points: 2000, from_ms: 3 }))).toBe(
      "/run/x/power",
    );
  });
});

describe("an answer", () => {
  it("is what is in the file", async () => {
    expect(await (await ask("/summary", { attribution: "auto" })).json()).toEqual({
      prompt: "</script>",
    });
    expect(await (await ask("/tokens")).json()).toEqual({ tokens: [] });
  });

  it("of a matrix is as the server would send it", async () => {
    const response = await ask("/matrix", { metric: "energy_mj", stack: true, format: "f32" });
    const block = decodeF32<MatrixHead>(await response.arrayBuffer());
    expect(block.head.metric).toBe("energy_mj");
    expect(block.values.length).toBe(count);
    const [pass] = head.passes;
    const share = Math.round((pass!.energy_mj! * 1e6 * 0.0005) / pass!.duration_ms) / 1e6;
    expect(block.values[0]).toBeCloseTo(share, 6);
  });

  it("of operations is those of a layer and component, over the run", async () => {
    const some = (await (
      await ask("/operations", { layer: 1, component: "q_proj" })
    ).json()) as Operations;
    expect(some.operations).toEqual([operation(1, "q_proj")]);
    const head = (await (await ask("/operations", { component: "lm_head" })).json()) as Operations;
    expect(head.operations).toHaveLength(1);
    expect((await ask("/operations", { token: 3 })).status).toBe(404);
  });

  it("that the file does not have says so", async () => {
    const response = await ask("/attention");
    expect(response.status).toBe(404);
    const problem = (await response.json()) as Problem;
    expect(problem.code).toBe("not_in_report");
    expect(problem.detail).toContain("/run/a b/attention");
  });
});

describe("a comparison", () => {
  const compare = async (body: object) =>
    (await answer(apiUrl("/compare"), { method: "POST", body: JSON.stringify(body) })).json() as Promise<unknown>;

  it("is found by its set of figures, whatever its groups", async () => {
    expect(await compare({ runs: ["x", "y"], normalize: "token" })).toEqual({ set: "token" });
    expect(await compare({ runs: [] })).toEqual({ set: "normalized" });
    expect(await compare({ runs: ["x"], metrics: ["a", "b"] })).toEqual({ set: "facts" });
  });

  it("has matrices as floats, with gaps", async () => {
    const response = await ask("/matrix", { metric: "energy_mj", phase: "decode", format: "f32" });
    const block = decodeF32<MatrixHead>(await response.arrayBuffer());
    expect([...block.values]).toEqual([1, NaN, 3, 4]);
    expect(block.head).not.toHaveProperty("values");
  });
});
