// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CUSTOM, emptyDraft, parseField, PROFILE, requestOf, type Draft } from "./draft";

const draft = (change: Partial<Draft>): Draft => ({
  ...emptyDraft,
  model: "tales",
  prompt: "Once",
  ...change,
});

describe("a draft", () => {
  it("asks for what was typed and nothing else", () => {
    expect(requestOf(draft({}))).toEqual({
      request: { model_name: "tales", prompt: "Once", profiling_depth: "module", max_length: 128 },
    });
    const custom = {
      temperature: "0.7",
      seed: " 42 ",
      layers: "0, 8 16",
      capture_activations: "off",
      power: "",
      sample_every: "4",
    };
    expect(requestOf(draft({ tags: "a, b,a,, c ", length: "", depth: "deep", custom }))).toEqual({
      request: {
        model_name: "tales",
        prompt: "Once",
        profiling_depth: "deep",
        tags: ["a", "b", "c"],
        temperature: 0.7,
        seed: 42,
        profile: { layers: [0, 8, 16], capture_activations: false, sample_every: 4 },
      },
    });
  });

  it("says of each field what is wrong with it", () => {
    const custom = {
      temperature: "warm",
      top_k: "1.5",
      top_p: "2",
      layers: "0,x",
      instrument: "hammer",
      bare_every: "-1",
    };
    expect(
      requestOf({
        ...emptyDraft,
        length: "0",
        custom,
        tags: Array(40)
          .fill(0)
          .map((_, i) => `t${i}`)
          .join(),
      }),
    ).toEqual({
      wrong: {
        model_name: "choose a model",
        prompt: "write a prompt",
        tags: "at most 32",
        max_length: "from 1 to 1000000",
        temperature: "a number",
        top_k: "a whole number",
        top_p: "from 0 to 1",
        layers: "numbers of layers, such as 0,8,16",
        instrument: "auto, trace, observe, none",
        bare_every: "from 0 to 1000000",
      },
    });
  });

  it("takes layers or every n-th layer, not both", () => {
    expect(requestOf(draft({ custom: { layers: "1", layer_stride: "2" } }))).toHaveProperty(
      "wrong.layers",
    );
  });

  it.each(["", "0x10", "1e", "--1", "Infinity", "NaN", "1,5", "１"])(
    "does not take %j for a number",
    (text) => {
      const field = CUSTOM.find(({ name }) => name === "temperature")!;
      expect(parseField(field, text)).toSatisfy(
        (parsed) => parsed === null || "wrong" in (parsed as object),
      );
    },
  );
});

interface Schema {
  readonly properties: Record<string, Schema>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly enum?: string[];
}

describe("the fields", () => {
  const api = JSON.parse(
    readFileSync(`${import.meta.dirname}/../../../../src/server/openapi.json`, "utf8"),
  ) as {
    components: { schemas: { GenerateRequest: Schema } };
  };
  const { properties } = api.components.schemas.GenerateRequest;
  const profile = properties["profile"]!.properties;

  it("are every key of a profile that the server knows", () => {
    expect(PROFILE.map(({ name }) => name).sort()).toEqual(Object.keys(profile).sort());
  });

  it.each(CUSTOM.map((field) => [field.name, field] as const))(
    "%s has the server's bounds",
    (name, field) => {
      const schema = (field.into === "profile" ? profile : properties)[name]!;
      if (field.kind === "whole" || field.kind === "number") {
        expect(field.min).toBe(schema.minimum ?? 0);
        expect(field.max).toBe(schema.maximum ?? 1e9);
      }
      if (field.kind === "choice")
        expect([...field.choices].sort()).toEqual([...schema.enum!].sort());
      if (field.kind === "text") expect(field.most).toBe(schema.maxLength);
    },
  );
});
