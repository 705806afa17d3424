// SPDX-License-Identifier: MIT
// What the server knows, as TanStack queries. A run that has ended never changes, apart from its labels.

import { queryOptions, QueryClient } from "@tanstack/react-query";
import { ApiError, getJson, getPage, request, runPath, type Params } from "./client";
import { getF32, type Block } from "./f32";
import type {
  Accepted,
  Attention,
  Capabilities,
  CompareRequest,
  Comparison,
  Flow,
  GenerateRequest,
  GridTable,
  LabelRequest,
  MatrixHead,
  Model,
  Operations,
  Pipeline,
  Power,
  PowerStatus,
  Queue,
  Routing,
  RunFields,
  RunGroup,
  RunReport,
  RunSummary,
  Store,
  Tokens,
  Tree,
} from "./schema";

const FOREVER = Number.POSITIVE_INFINITY;

/** Asked again: what may pass. Not what the server has decided. */
function retry(failures: number, error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500) && failures < 2;
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { retry, staleTime: 10_000, refetchOnWindowFocus: false } },
  });
}

export const queries = {
  models: () =>
    queryOptions({ queryKey: ["models"], queryFn: ({ signal }) => getJson<Model[]>("/models", { signal }) }),
  capabilities: () =>
    queryOptions({
      queryKey: ["capabilities"],
      queryFn: ({ signal }) => getJson<Capabilities>("/capabilities", { signal }),
      staleTime: FOREVER,
    }),
  powerStatus: () =>
    queryOptions({
      queryKey: ["power", "status"],
      queryFn: ({ signal }) => getJson<PowerStatus>("/power/status", { signal }),
      staleTime: 60_000,
    }),
  store: () => queryOptions({ queryKey: ["store"], queryFn: ({ signal }) => getJson<Store>("/store", { signal }) }),
  grid: () =>
    queryOptions({
      queryKey: ["grid"],
      queryFn: ({ signal }) => getJson<GridTable>("/grid", { signal }),
      staleTime: FOREVER,
    }),
  queue: () => queryOptions({ queryKey: ["queue"], queryFn: ({ signal }) => getJson<Queue>("/queue", { signal }) }),
  runs: (params: Params) =>
    queryOptions({
      queryKey: ["runs", params],
      queryFn: ({ signal }) => getPage<RunSummary>("/runs", { params, signal }),
    }),
  /** Runs with `fields` only: for lists of many. */
  runFields: (fields: readonly (keyof RunFields)[], params: Params) =>
    queryOptions({
      queryKey: ["runs", "fields", fields, params],
      queryFn: ({ signal }) => getPage<RunFields>("/runs", { params: { ...params, fields: fields.join(",") }, signal }),
    }),
  groups: (by: "prompt" | "model" | "experiment" | "tag", params: Params = {}) =>
    queryOptions({
      queryKey: ["runs", "groups", by, params],
      queryFn: ({ signal }) => getPage<RunGroup>("/runs/groups", { params: { ...params, by }, signal }),
    }),
  comparison: (body: CompareRequest) =>
    queryOptions({
      queryKey: ["compare", body],
      queryFn: ({ signal }) => getJson<Comparison>("/compare", { body, signal }),
    }),
  report: (id: string, attribution: "auto" | "time" | "activity" = "auto") =>
    queryOptions({
      queryKey: ["run", id, "summary", attribution],
      queryFn: ({ signal }) => getJson<RunReport>(runPath(id, "/summary"), { params: { attribution }, signal }),
    }),
  pipeline: (id: string) =>
    queryOptions({
      queryKey: ["run", id, "pipeline"],
      queryFn: ({ signal }) => getJson<Pipeline>(runPath(id, "/pipeline"), { signal }),
    }),
  tokens: (id: string) =>
    queryOptions({
      queryKey: ["run", id, "tokens"],
      queryFn: ({ signal }) => getJson<Tokens>(runPath(id, "/tokens"), { signal }),
    }),
  /** How the generated tokens of one run spread, without the tokens. */
  spread: (id: string) =>
    queryOptions({
      queryKey: ["run", id, "spread"],
      queryFn: ({ signal }) => getJson<Tokens>(runPath(id, "/tokens"), { params: { from: 0, to: 0 }, signal }),
    }),
  power: (id: string, params: Params = {}) =>
    queryOptions({
      queryKey: ["run", id, "power", params],
      queryFn: ({ signal }) => getJson<Power>(runPath(id, "/power"), { params, signal }),
    }),
  tree: (id: string) =>
    queryOptions({
      queryKey: ["run", id, "tree"],
      queryFn: ({ signal }) => getJson<Tree>(runPath(id, "/tree"), { signal }),
    }),
  flow: (id: string) =>
    queryOptions({
      queryKey: ["run", id, "flow"],
      queryFn: ({ signal }) => getJson<Flow>(runPath(id, "/flow"), { signal }),
    }),
  operations: (id: string, params: Params) =>
    queryOptions({
      queryKey: ["run", id, "operations", params],
      queryFn: ({ signal }) => getJson<Operations>(runPath(id, "/operations"), { params, signal }),
    }),
  attention: (id: string, params: Params = {}) =>
    queryOptions({
      queryKey: ["run", id, "attention", params],
      queryFn: ({ signal }) => getJson<Attention>(runPath(id, "/attention"), { params, signal }),
    }),
  routing: (id: string, params: Params = {}) =>
    queryOptions({
      queryKey: ["run", id, "routing", params],
      queryFn: ({ signal }) => getJson<Routing>(runPath(id, "/routing"), { params, signal }),
    }),
  matrix: (id: string, params: Params) =>
    queryOptions({
      queryKey: ["run", id, "matrix", params],
      queryFn: ({ signal }): Promise<Block<MatrixHead>> => getF32<MatrixHead>(runPath(id, "/matrix"), params, signal),
    }),
};

export const actions = {
  generate: (body: GenerateRequest) => getJson<Accepted>("/generate", { body: { ...body, wait: false } }),
  cancel: (id: string) =>
    getJson<{ run_id: string; status: "cancelling" | "cancelled" }>(runPath(id, "/cancel"), { method: "POST" }),
  label: (id: string, body: LabelRequest) => getJson<RunSummary>(runPath(id), { method: "PATCH", body }),
  /** `leaving`: the page will not be there for the answer. */
  remove: async (id: string, leaving = false): Promise<void> => {
    await request(runPath(id), { method: "DELETE", keepalive: leaving });
  },
};
