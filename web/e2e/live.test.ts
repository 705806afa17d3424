// SPDX-License-Identifier: MIT
// The Live view with real runs: started from the page, stopped, missed in part, and with the server gone and back.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { RunSummary } from "../src/api/schema.ts";
import { FAKE_ENGINE, Place } from "./place.ts";
import { Proxy } from "./proxy.ts";
import { until, type Server } from "./server.ts";
import { numberIn, Tab, twinOf } from "./tab.ts";

const place = new Place();
let server: Server;

/** A run that goes on for as long as a test wants: a token each tenth of a second, for minutes. */
const SLOW = [
  'run_begin {"layers":2}',
  "section pre_inference tokenization 1ms",
  "realtime on",
  "pass prefill tokens=4 duration=40ms",
  ...["Once", " upon", " a", " time"].map((word, i) => `token ${i} "${word}"`),
  "repeat 3000",
  "pass decode layers=2 duration=100ms stats",
  'token 9 " on"',
  "end",
  "run_end",
].join("\n");

before(async () => {
  server = await place.serve({ power: "synthetic:cpu=ramp(10W,1W/s),gpu=3W" });
});

const runs = (of = server): Promise<RunSummary[]> => of.get<RunSummary[]>("/runs");

async function start(tab: Tab, prompt: string, length: number, depth = "deep"): Promise<void> {
  const { page } = tab;
  await page.getByLabel("Model", { exact: true }).selectOption({ index: 1 });
  await page.getByLabel("Prompt", { exact: true }).fill(prompt);
  await page.getByRole("radio", { name: new RegExp(`^${depth}`) }).check();
  await page.getByLabel("New tokens").fill(String(length));
  await page.getByRole("button", { name: /^Start/ }).click();
}

test("an empty store shows the way to the first run, with a model one click away", async () => {
  const tab = await Tab.open(server, "live");
  await tab.panel("Your first run").getByRole("button", { name: /^Profile/ }).waitFor();
  await tab.go("history");
  await tab.panel("Your first run").getByRole("button", { name: /^Profile/ }).waitFor();
  await tab.go("analysis");
  await tab.page.getByText("There is no run yet.").waitFor();
  await tab.close();
});

test("a run started from the page fills every panel, and ends in its analysis", async () => {
  const tab = await Tab.open(server, "live");
  const { page } = tab;
  await start(tab, "Once upon a time", 60);
  await tab.panel("Power").getByRole("application").waitFor();
  await tab.panel("Energy by layer and component").getByRole("application").waitFor();
  await tab.panel("Tokens").getByRole("option").nth(10).waitFor();
  await tab.panel("Run").getByText("complete").waitFor();
  const [run] = await runs();
  assert.ok(run);
  // what the page has is what the store has
  const tokens = await twinOf(tab.panel("Tokens"));
  const stored = await server.get<{ tokens: { text: string; energy_mj: number | null }[] }>(`/run/${run.id}/tokens`);
  assert.equal(tokens.rows.length, stored.tokens.length);
  for (const [i, token] of stored.tokens.entries()) {
    assert.equal(numberIn(tokens.rows[i]![4]), token.energy_mj, `energy of token ${i}`);
  }
  await tab.panel("Run").getByRole("link", { name: "Open its analysis" }).click();
  await page.waitForURL(new RegExp(`#1/analysis\\?.*run=${run.id}`));
  await tab.close();
});

test("a run can be stopped, and is kept", async () => {
  const slow = new Place();
  const script = slow.file("slow.txt", SLOW);
  const other = await slow.serve({ args: ["--engine", FAKE_ENGINE], environment: { ERGON_FAKE_SCRIPT: script } });
  const tab = await Tab.open(other, "live");
  await start(tab, "Stop me", 3000);
  await tab.panel("Tokens").getByRole("option").nth(6).waitFor();
  await tab.page.getByRole("button", { name: "Stop", exact: true }).click();
  await tab.panel("Run").getByText("stopped").waitFor();
  const [run] = await runs(other);
  assert.equal(run?.status, "cancelled");
  assert.ok(run.output_tokens >= 2);
  await tab.close();
});

test("a server killed and started again in the middle of a run shows what happened", async () => {
  const slow = new Place();
  const script = slow.file("slow.txt", SLOW);
  const other = await slow.serve({ args: ["--engine", FAKE_ENGINE], environment: { ERGON_FAKE_SCRIPT: script } });
  const tab = await Tab.open(other, "live", {
    expected: [/WebSocket connection to/, /Failed to load resource/, /net::ERR_/],
  });
  await start(tab, "Kill me", 3000);
  await tab.panel("Tokens").getByRole("option").nth(6).waitFor();
  await other.stop("SIGKILL");
  await tab.page.getByText("no connection, trying again").waitFor();
  await tab.panel("Run").getByText("the connection is lost; trying again").waitFor();
  await other.start();
  await tab.page.getByText("connected").waitFor();
  await tab.panel("Run").getByText("interrupted").waitFor();
  const [run] = await runs(other);
  assert.equal(run?.status, "interrupted");
  await tab.close();
});

/** More than the server keeps for a client that does not read (16 MiB), in few tokens. */
const MUCH = [
  'run_begin {"layers":1}',
  "section pre_inference tokenization 1ms",
  "realtime on",
  "pass prefill tokens=1 layers=1 duration=20ms",
  'token 0 "Once"',
  "progress decode 0 0 1 1 901",
  "pass decode layers=1 duration=3s", // time to stand still in
  'token 1 " upon"',
  "realtime off",
  "repeat 900",
  "pass decode layers=1 duration=1ms stats",
  `token 9 "${"\\x01".repeat(4090)}"`, // six bytes each in JSON
  "end",
  "run_end",
].join("\n");

test("a connection too slow for the stream shows what is missing, and fills it from the store", async () => {
  const slow = new Place();
  const proxy = await Proxy.open();
  const other = await slow.serve({
    args: ["--engine", FAKE_ENGINE, "--allow-host", proxy.host],
    environment: { ERGON_FAKE_SCRIPT: slow.file("much.txt", MUCH) },
  });
  proxy.to(other.origin);
  const tab = await Tab.open(other, "live", { origin: `http://${proxy.host}` });
  await start(tab, "Too much", 901);
  await tab.panel("Tokens").getByRole("option").first().waitFor();
  await tab.panel("Run").getByRole("list", { name: "Current operation" }).getByText("decode").waitFor();
  proxy.hold();
  await until("the run has ended", async () => (await runs(other))[0]?.status === "complete");
  await tab.panel("Run").getByText("nothing has come for").first().waitFor();
  proxy.release();
  await tab.panel("Run").getByText("complete", { exact: true }).waitFor();
  await tab.panel("Run").getByText("This page missed a part").waitFor();
  const [run] = await runs(other);
  const { total } = await other.get<{ total: number }>(`/run/${run!.id}/tokens?from=0&to=0`);
  const tokens = tab.panel("Tokens").getByRole("option");
  await until("every token is there", async () => (await tokens.count()) === total);
  assert.equal(await tab.panel("Tokens").getByText(/ missing$/).count(), 0);
  await tab.close();
});

test("a line that breaks is opened again, and nothing is lost", async () => {
  const slow = new Place();
  const proxy = await Proxy.open();
  const other = await slow.serve({
    args: ["--engine", FAKE_ENGINE, "--allow-host", proxy.host],
    environment: { ERGON_FAKE_SCRIPT: slow.file("slow.txt", SLOW) },
  });
  proxy.to(other.origin);
  const tab = await Tab.open(other, "live", {
    origin: `http://${proxy.host}`,
    expected: [/WebSocket connection to/],
  });
  await start(tab, "Cut me", 3000);
  const tokens = tab.panel("Tokens").getByRole("option");
  await tokens.nth(8).waitFor();
  proxy.cut();
  await tab.page.getByText("no connection, trying again").waitFor();
  await tab.page.getByText("connected").waitFor();
  await tokens.nth(30).waitFor();
  await tab.page.getByRole("button", { name: "Stop", exact: true }).click();
  await tab.panel("Run").getByText("stopped").waitFor();
  const [run] = await runs(other);
  const { total } = await other.get<{ total: number }>(`/run/${run!.id}/tokens?from=0&to=0`);
  await until("every token is there", async () => (await tokens.count()) === total);
  await tab.close();
});

test("who comes in the middle of a run sees it from its beginning", async () => {
  const slow = new Place();
  const other = await slow.serve({
    args: ["--engine", FAKE_ENGINE],
    environment: { ERGON_FAKE_SCRIPT: slow.file("slow.txt", SLOW) },
  });
  const { run_id: id } = await other.post<{ run_id: string }>("/generate", {
    model_name: "tales-q8_0",
    prompt: "Nobody watches",
    max_length: 3000,
    wait: false,
  });
  await until("some tokens are stored", async () => {
    const { runs: queue } = await other.get<{ runs: { run_id: string; tokens: number }[] }>("/queue");
    return queue.some((run) => run.run_id === id && run.tokens > 10);
  });
  const tab = await Tab.open(other, "live");
  const first = tab.panel("Tokens").locator('[data-token="0"]');
  await first.getByText("Once").waitFor();
  await tab.panel("Tokens").getByRole("option").nth(14).waitFor();
  await tab.page.getByRole("button", { name: "Stop", exact: true }).click();
  await tab.panel("Run").getByText("stopped").waitFor();
  await tab.close();
});

test("without a sensor there are no joules, and the page says so", async () => {
  const bare = new Place();
  const other = await bare.serve({ power: "none" });
  const tab = await Tab.open(other, "live");
  await start(tab, "Once upon a time", 12);
  await tab.panel("Run").getByText("complete").waitFor();
  await tab.panel("Power").getByText("No power source could be read").waitFor();
  await tab.panel("Time by layer and component").getByRole("application").waitFor();
  const totals = await tab.panel("Run").locator("dd").allTextContents();
  assert.ok(totals.every((total) => !/^0\s*m?J/.test(total)), `a missing energy reads ${totals.join(" | ")}`);
  await tab.panel("Run").getByRole("link", { name: "Open its analysis" }).click();
  await tab.page.getByText("No energy is known of this run.").waitFor();
  await until("no panel shows 0 J", async () => !/\b0\s?m?J\b/.test((await tab.page.locator("main").textContent()) ?? ""));
  await tab.close();
});
