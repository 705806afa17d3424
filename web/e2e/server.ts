// SPDX-License-Identifier: MIT
// A real `ergon serve` on a port of its own, with a store of its own.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TOP = join(import.meta.dirname, "../..");
export const PROGRAM = process.env["ERGON"] ?? join(TOP, "build/bin/ergon");
const PATIENCE_MS = 60_000;

export interface ServeOptions {
  /** That has the store; one of its own, gone at the end, when none is given. */
  readonly folder?: string;
  /** Of the runs: what is known exactly can be checked exactly. */
  readonly power?: string;
  readonly models?: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export class Server {
  readonly folder: string;
  readonly options: ServeOptions;
  /** What it printed, as it was started: with the token, when there is one. */
  address = "";
  #port = 0;
  #child: ChildProcess | null = null;
  #said = "";

  constructor(options: ServeOptions) {
    this.options = options;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), "ergon-e2e-"));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it; a second time on the port it had. */
  async start(): Promise<void> {
    const {
      power = "synthetic:cpu=20W,gpu=5W",
      models = join(TOP, "models"),
      args = [],
      environment = {},
    } = this.options;
    const child = spawn(
      PROGRAM,
      [
        "serve",
        ...["--port", String(this.#port)],
        ...["--db", join(this.folder, "ergon.db")],
        ...["--models-dir", models],
        ...["--power", power],
        ...args,
      ],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } },
    );
    this.#child = child;
    this.#said = "";
    const hear = (chunk: Buffer) => (this.#said += chunk.toString());
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    await until("the server says its address", () => {
      if (child.exitCode !== null) throw new Error(`ergon serve ended:\n${this.#said}`);
      const found = /http:\/\/127\.0\.0\.1:(\d+)\/\S*/.exec(this.#said);
      if (!found) return false;
      this.address = found[0];
      this.#port = Number(found[1]);
      return true;
    });
  }

  /** Ends it as Ctrl-C does, or at once. */
  async stop(signal: "SIGINT" | "SIGKILL" = "SIGINT"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await ended;
    clearTimeout(late);
  }

  async close(): Promise<void> {
    await this.stop();
    if (!this.options.folder) rmSync(this.folder, { recursive: true, force: true });
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.origin}/api/profiling${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const response = await fetch(`${this.origin}/api/profiling${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

export async function startServer(options: ServeOptions = {}): Promise<Server> {
  const server = new Server(options);
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

/** Waits for a condition, not for a time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
