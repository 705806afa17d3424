// SPDX-License-Identifier: MIT
// Requests to the server this page came from. Every failure is an ApiError with words for people.

import type { Problem } from "./schema";

const BASE = "/api/profiling";

export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Stable name of the problem; "unreachable" when there was no answer. */
  readonly code: string;
  readonly hint: string | null;
  /** The parameter that was wrong. */
  readonly parameter: string | null;

  constructor(problem: Partial<Problem> & { status: number; code: string }) {
    super(problem.detail ?? problem.title ?? `the server answered ${problem.status}`);
    this.name = "ApiError";
    this.status = problem.status;
    this.code = problem.code;
    this.hint = problem.hint ?? null;
    this.parameter = problem.parameter ?? null;
  }
}

export type Params = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Options {
  readonly params?: Params;
  readonly body?: unknown;
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Sent even if the page is gone before the answer. */
  readonly keepalive?: boolean;
}

/** The address of a request, e.g. for a link to an export. Parameters that are null are left out. */
export function apiUrl(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

export const runPath = (id: string, rest = ""): string => `/run/${encodeURIComponent(id)}${rest}`;

async function problemOf(response: Response): Promise<ApiError> {
  const unnamed = { status: response.status, code: "unexpected" };
  try {
    const problem = (await response.json()) as Partial<Problem>;
    return new ApiError({ ...unnamed, ...problem, status: response.status });
  } catch {
    return new ApiError({
      ...unnamed,
      detail: `the server answered ${response.status} ${response.statusText}`.trim(),
    });
  }
}

/** Who answers: the server, or a report the data inside it. */
export type Transport = (url: string, init: RequestInit) => Promise<Response>;

let transport: Transport | null = null;

/** All further requests are answered by `answer`, without a server. */
export function answerFrom(answer: Transport): void {
  transport = answer;
}

/** The page is a report: one file, no server. */
export const isReport = (): boolean => transport !== null;

let onUnauthorized: () => void = () => undefined;

/** Who is told that the server wants a token. */
export function whenUnauthorized(tell: () => void): void {
  onUnauthorized = tell;
}

export async function request(path: string, options: Options = {}): Promise<Response> {
  const headers = new Headers({
    accept: options.accept ?? "application/json, application/problem+json",
  });
  if (options.body !== undefined) headers.set("content-type", "application/json");
  let response: Response;
  try {
    response = await (transport ?? fetch)(apiUrl(path, options.params), {
      method: options.method ?? (options.body === undefined ? "GET" : "POST"),
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
      keepalive: options.keepalive ?? false,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError({
      status: 0,
      code: "unreachable",
      detail: "the server does not answer",
      hint: "Is 'ergon serve' still running?",
    });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401) onUnauthorized();
  throw problem;
}

export async function getJson<T>(path: string, options: Options = {}): Promise<T> {
  const response = await request(path, options);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError({
      status: response.status,
      code: "cut_off",
      detail: "the server's answer was cut off",
    });
  }
}

export interface Page<T> {
  readonly items: readonly T[];
  /** How many there are beside those of this page. */
  readonly total: number;
}

export async function getPage<T>(path: string, options: Options = {}): Promise<Page<T>> {
  const response = await request(path, options);
  const items = (await response.json()) as T[];
  const total = Number(response.headers.get("x-total-count") ?? items.length);
  return { items, total };
}
