// SPDX-License-Identifier: MIT
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { ApiError } from "../api/client";
import { DataTable } from "./DataTable";
import { Panel, stateOf, type PanelState } from "./Panel";

const shown = (state: PanelState) =>
  renderToStaticMarkup(
    <Panel title="Power" state={state} source="rapl" table={() => ({ columns: [], rows: [] })}>
      <p>drawing</p>
    </Panel>,
  );

describe("a panel", () => {
  it("shows its content, its source and its table when it is ready", () => {
    const html = shown({ kind: "ready" });
    expect(html).toContain("drawing");
    expect(html).toContain("rapl");
    expect(html).toContain("Table");
  });

  it.each<[string, PanelState, string[]]>([
    ["partial", { kind: "ready", partial: "3 of 9" }, ["drawing", "partial: 3 of 9"]],
    ["stale", { kind: "ready", stale: "5 s" }, ["drawing", "stale: 5 s"]],
  ])("keeps its content when it is %s, and says so", (_, state, words) => {
    for (const word of words) expect(shown(state)).toContain(word);
  });

  it.each<[string, PanelState, string[]]>([
    ["loading", { kind: "loading" }, ["Loading", 'aria-busy="true"']],
    ["empty", { kind: "empty", says: "no samples" }, ["no samples"]],
    [
      "unavailable",
      { kind: "unavailable", reason: "no sensor", remedy: "ergon doctor" },
      ["no sensor", "ergon doctor"],
    ],
    [
      "failed",
      {
        kind: "error",
        error: new ApiError({ status: 0, code: "unreachable", detail: "gone", hint: "is it on?" }),
        retry: () => undefined,
      },
      ["gone", "is it on?", "Try again", 'role="alert"'],
    ],
  ])("shows what is the matter when it is %s, and no content", (_, state, words) => {
    const html = shown(state);
    for (const word of words) expect(html).toContain(word);
    expect(html).not.toContain("drawing");
    expect(html).not.toContain("Table");
  });
});

describe("the state of a panel that asks", () => {
  const asked = {
    isPending: false,
    isError: false,
    error: null,
    data: 1,
    refetch: () => undefined,
  };
  const failed = { ...asked, isError: true, error: new Error("no") };

  it("is that of the worst answer", () => {
    expect(stateOf(asked, asked)).toEqual({ kind: "ready" });
    expect(stateOf(asked, { ...asked, isPending: true, data: undefined })).toEqual({
      kind: "loading",
    });
    expect(stateOf(asked, { ...failed, data: undefined })).toMatchObject({
      kind: "error",
      error: failed.error,
    });
  });

  it("is stale when an answer could not be renewed", () => {
    expect(stateOf(asked, failed)).toMatchObject({
      kind: "ready",
      stale: expect.stringContaining("no") as string,
    });
  });

  it("asks again what failed, and nothing else", () => {
    let times = 0;
    const state = stateOf(
      { ...failed, data: undefined, refetch: () => times++ },
      { ...asked, refetch: () => (times += 10) },
    );
    if (state.kind === "error") state.retry?.();
    expect(times).toBe(1);
  });
});

describe("a table twin", () => {
  it("writes numbers as they are, shows 50 rows, and says how many there are", () => {
    const rows = Array.from({ length: 120 }, (_, i) => [
      i,
      i * 0.1 + 0.2,
      i === 3 ? null : `<b>${i}</b>`,
    ]);
    const columns = ["a", "b", "c"].map((label) => ({ label, numeric: label !== "c" }));
    const html = renderToStaticMarkup(<DataTable table={{ columns, rows }} caption="Twin" />);
    expect(html).toContain("0.30000000000000004");
    expect(html).toContain("—");
    expect(html).toContain("&lt;b&gt;0&lt;/b&gt;");
    expect(html.match(/<tr>/g)!.length).toBe(51);
    expect(html).toContain("rows 1–50 of 120");
  });
});
