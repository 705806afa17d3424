// SPDX-License-Identifier: MIT
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, apiUrl, getJson, getPage, request, runPath, whenUnauthorized } from "./client";
import { openSession, takeToken } from "./session";

function answer(body: string, init: ResponseInit) {
  const calls: [string, RequestInit][] = [];
  vi.stubGlobal("fetch", (url: string, options: RequestInit) => {
    calls.push([url, options]);
    return Promise.resolve(new Response(init.status === 204 ? null : body, init));
  });
  return calls;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as ApiError,
  );

afterEach(() => vi.unstubAllGlobals());

describe("a request", () => {
  it("leaves out what is not set and escapes the rest", () => {
    expect(
      apiUrl("/runs", { model: "a&b", tag: null, limit: 0, search: "", offset: undefined }),
    ).toBe("/api/profiling/runs?model=a%26b&limit=0");
    expect(runPath("../x", "/tokens")).toBe("/run/..%2Fx/tokens");
  });

  it("with a body is JSON", async () => {
    const calls = answer('{"run_id":"r"}', { status: 202 });
    await getJson("/generate", { body: { prompt: "x" } });
    const [url, options] = calls[0]!;
    expect(url).toBe("/api/profiling/generate");
    expect(options.method).toBe("POST");
    expect(new Headers(options.headers).get("content-type")).toBe("application/json");
    expect(options.body).toBe('{"prompt":"x"}');
  });

  it("that fails says why", async () => {
    const body = JSON.stringify({
      title: "Not Found",
      status: 404,
      code: "not_found",
      detail: "no run 'x'",
      hint: "list them",
    });
    answer(body, { status: 404, headers: { "content-type": "application/problem+json" } });
    const error = await failure(getJson("/run/x"));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 404,
      code: "not_found",
      message: "no run 'x'",
      hint: "list them",
    });
  });

  it("answered by something that is no problem document still has a status", async () => {
    answer("<html>", { status: 502, statusText: "Bad Gateway" });
    expect(await failure(getJson("/runs"))).toMatchObject({
      status: 502,
      message: "the server answered 502 Bad Gateway",
    });
  });

  it("without an answer says so, but an aborted one is an abort", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed to fetch")));
    expect(await failure(request("/runs"))).toMatchObject({ status: 0, code: "unreachable" });
    const abort = new AbortController();
    abort.abort();
    expect(await failure(request("/runs", { signal: abort.signal }))).toBeInstanceOf(TypeError);
  });

  it("cut off in the middle is a failure with words", async () => {
    answer('{"a":', { status: 200 });
    expect(await failure(getJson("/store"))).toMatchObject({ code: "cut_off" });
  });

  it("tells who asked to be told of a missing token", async () => {
    const tell = vi.fn();
    whenUnauthorized(tell);
    answer("{}", { status: 401 });
    await failure(getJson("/runs"));
    expect(tell).toHaveBeenCalledOnce();
  });

  it("for a page knows how many there are in all", async () => {
    answer("[1,2]", { status: 200, headers: { "x-total-count": "77" } });
    expect(await getPage("/runs")).toEqual({ items: [1, 2], total: 77 });
  });
});

describe("a token", () => {
  const windowAt = (hash: string) => {
    const replaced: string[] = [];
    const window = {
      location: { hash, pathname: "/" },
      history: { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) },
    } as unknown as Window;
    return { window, replaced };
  };

  it("is taken out of the address", () => {
    const { window, replaced } = windowAt("#t=s3cr%2Fet");
    expect(takeToken(window)).toBe("s3cr/et");
    expect(replaced).toEqual(["/"]);
    expect(takeToken(windowAt("#1/live").window)).toBeNull();
  });

  it("goes into a header, never into an address", async () => {
    const calls = answer("", { status: 204 });
    await openSession("secret");
    expect(calls[0]![0]).toBe("/session");
    expect(new Headers(calls[0]![1].headers).get("authorization")).toBe("Bearer secret");
  });

  it("that is wrong is an error; a server that wants none is not", async () => {
    answer("{}", { status: 401 });
    expect(await failure(openSession("x"))).toMatchObject({ status: 401 });
    answer("{}", { status: 404 });
    expect(await failure(openSession("x"))).toBeNull();
  });
});
