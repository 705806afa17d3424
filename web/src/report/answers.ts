// SPDX-License-Identifier: MIT
// Answers a report's requests from the data inside it. Each answer of the server that it has is a script
// element of data: `data-answer` is the request, `data-form` how it is written.

import type { Transport } from "../api/client";
import { F32 } from "../api/f32";
import type { MatrixPass, Operations, Problem } from "../api/schema";
import { fromBase64, gunzip, openStack, ticksOf, valuesOf, type PackedStack } from "./numbers";

export interface Part {
  /** "json", "gzip" (base64 of it in a JSON string) or "stack". */
  readonly form: string;
  /** A JSON text. */
  readonly text: string;
}

export type Parts = ReadonlyMap<string, Part>;

// Requests have none; URL wants one.
const ORIGIN = "http://report.invalid";
// Parameters which do not change what is in the report.
const IGNORED = new Set(["format", "max_points", "from_ms", "to_ms"]);

/** What a comparison is asked for; its groups are those of the report. */
interface Asked {
  readonly metrics?: readonly string[];
  readonly normalize?: string;
}

/** "/run/x/matrix?metric=time_ms&stack=true": what stands in `data-answer`. */
export function requestKey(url: string, body?: unknown): string {
  const { pathname, searchParams } = new URL(url, ORIGIN);
  if (typeof body === "string") {
    const { metrics, normalize = "normalized" } = JSON.parse(body) as Asked;
    searchParams.set(metrics ? "metrics" : "normalize", metrics?.join(",") ?? normalize);
  }
  const params = [...searchParams]
    .filter(([name, value]) => !IGNORED.has(name) && !(name === "attribution" && value === "auto"))
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  const path = decodeURIComponent(pathname.replace("/api/profiling", ""));
  return params.length ? `${path}?${params.join("&")}` : path;
}

export function partsOf(document: Document): Parts {
  const parts = new Map<string, Part>();
  for (const element of document.querySelectorAll<HTMLScriptElement>("script[data-answer]")) {
    const { answer = "", form = "json" } = element.dataset;
    parts.set(answer, { form, text: element.textContent ?? "" });
  }
  return parts;
}

function json(text: string, status = 200): Response {
  return new Response(text, {
    status,
    headers: { "content-type": status === 200 ? "application/json" : "application/problem+json" },
  });
}

function missing(key: string): Response {
  const problem: Problem = {
    title: "Not Found",
    status: 404,
    code: "not_in_report",
    detail: `a report does not hold '${key}'`,
    hint: "Import the run's recording and open it with 'ergon serve'.",
  };
  return json(JSON.stringify(problem), 404);
}

/** The ERG32 form that the server would send. */
function f32(head: unknown, values: Float32Array): Response {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(16 + padded + values.byteLength).fill(32, 0, 16 + padded);
  bytes.set(new TextEncoder().encode("ERG32\n\0\0"));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, padded, true);
  view.setUint32(12, 0, true);
  bytes.set(text, 16);
  // decodeF32 reads them in the order of this machine's bytes, or turns them
  values.forEach((value, i) => view.setFloat32(16 + padded + 4 * i, value, true));
  return new Response(bytes, { headers: { "content-type": F32 } });
}

interface MatrixJson {
  readonly values: readonly (readonly (number | null)[])[];
}

/** A matrix that the report has as JSON, as the server would send its floats. */
function floatsOf(text: string): Response {
  const { values, ...head } = JSON.parse(text) as MatrixJson & Record<string, unknown>;
  return f32(head, Float32Array.from(values.flat(), (value) => value ?? NaN));
}

async function textOf({ form, text }: Part): Promise<string> {
  if (form !== "gzip") return text;
  return new TextDecoder().decode(await gunzip(fromBase64(JSON.parse(text) as string)));
}

interface Times {
  readonly passes: readonly MatrixPass[];
  readonly ticks: Float64Array;
}

export function reportTransport(parts: Parts): Transport {
  const known = new Map<string, Promise<Times>>();
  const timesOf = async (path: string): Promise<Times> => {
    const part = parts.get(`${path}?metric=time_ms&stack=true`);
    if (!part) throw new Error("the report is damaged: it has no matrix of times");
    const opened = await openStack(JSON.parse(part.text) as PackedStack, () => Promise.resolve([]));
    return { passes: opened.passes, ticks: ticksOf(opened) };
  };
  const times = (path: string) => {
    const promise = known.get(path) ?? timesOf(path);
    known.set(path, promise);
    return promise;
  };
  return async (url, { body }) => {
    const key = requestKey(url, body);
    const path = key.split("?")[0]!;
    if (path.endsWith("/operations")) {
      return operations(parts, path, new URL(url, ORIGIN).searchParams);
    }
    const part = parts.get(key);
    if (!part) return missing(key);
    if (part.form !== "stack") {
      const text = await textOf(part);
      return path.endsWith("/matrix") ? floatsOf(text) : json(text);
    }
    const opened = await openStack(
      JSON.parse(part.text) as PackedStack,
      async () => (await times(path)).passes,
    );
    return f32(opened.head, await valuesOf(opened, async () => (await times(path)).ticks));
  };
}

/** A report has all operations, summed over the run; here are those of a layer and component. */
async function operations(parts: Parts, path: string, params: URLSearchParams): Promise<Response> {
  const part = parts.get(path);
  if (!part || params.has("token") || params.has("from")) return missing(path);
  const all = JSON.parse(await textOf(part)) as Operations;
  const layer = params.get("layer");
  const component = params.get("component");
  const some = all.operations.filter(
    (each) =>
      (layer === null || each.layer === Number(layer)) &&
      (component === null || each.component === component),
  );
  return json(JSON.stringify({ ...all, operations: some }));
}
