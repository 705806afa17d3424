// SPDX-License-Identifier: MIT
// What part of the model a component belongs to, as src/stream/taxonomy.h has it (a test compares).

export const GROUPS = ["attention", "mlp", "other", "unattributed"] as const;
export type Group = (typeof GROUPS)[number];

export const GROUP_LABEL: Record<Group, string> = {
  attention: "attention",
  mlp: "MLP",
  other: "other",
  unattributed: "unattributed",
};

/** In the order of a forward pass. */
export const ATTENTION = [
  "input_layernorm",
  "q_proj",
  "k_proj",
  "v_proj",
  "qkv_proj",
  "qk_norm",
  "rope",
  "kv_append",
  "attention",
  "attn_gate",
  "o_proj",
  "post_attention_norm",
  "attn_residual",
  "recurrent",
] as const;

export const MLP = [
  "post_attention_layernorm",
  "gate_proj",
  "up_proj",
  "gate_up_proj",
  "activation",
  "down_proj",
  "router",
  "experts",
  "shared_expert",
  "post_ffw_norm",
  "mlp_residual",
] as const;

const groups = new Map<string, Group>([
  ...ATTENTION.map((name) => [name, "attention"] as const),
  ...MLP.map((name) => [name, "mlp"] as const),
  ["mlp", "mlp"],
  ["unattributed", "unattributed"],
  ["not profiled", "unattributed"],
  ["not_profiled", "unattributed"],
]);

export function componentGroup(name: string): Group {
  return groups.get(name) ?? "other";
}
