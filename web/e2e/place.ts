// SPDX-License-Identifier: MIT
// A store and models of a test's own, filled by the command line, and servers on it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { PROGRAM, Server, TOP, type ServeOptions } from "./server.ts";

/** Plays any stream of events (tests/fake-engine/README.md). */
export const FAKE_ENGINE = process.env["ERGON_FAKE_ENGINE"] ?? join(TOP, "build/tests/ergon-fake-engine");

type Environment = Readonly<Record<string, string>>;

/** Gone, with its servers, at the end of the test or file that made it. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "ergon-e2e-"));
  readonly models = join(this.folder, "models");
  readonly #servers: Server[] = [];

  constructor(models: readonly string[] = ["tales-q8_0"]) {
    mkdirSync(this.models);
    for (const name of models) this.addModel(name);
    after(async () => {
      for (const server of this.#servers) await server.stop();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** One of the bundled models, under a name of its own when one is given. */
  addModel(name: string, as = name): void {
    copyFileSync(join(TOP, "models", `${name}.gguf`), join(this.models, `${as}.gguf`));
  }

  file(name: string, content: string | Buffer): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** Runs `ergon ARGS`; throws with what it said when it does not end well. Answers its output. */
  ergon(args: readonly string[], environment: Environment = {}): string {
    const store = ["--db", join(this.folder, "ergon.db"), "--models-dir", this.models];
    return execFileSync(PROGRAM, [...args, ...store, "--quiet"], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1 << 28,
    });
  }

  /** Makes a run and answers its id. */
  run(args: readonly string[], environment: Environment = {}): string {
    return (JSON.parse(this.ergon(["run", "--json", ...args], environment)) as { id: string }).id;
  }

  /** Like `run`, of a run that does not end well. */
  brokenRun(args: readonly string[], environment: Environment = {}): string {
    try {
      this.ergon(["run", ...args], environment);
    } catch {
      const [newest] = JSON.parse(this.ergon(["runs", "--json", "--limit", "1"])) as { id: string }[];
      assert.ok(newest, "the run has left no trace");
      return newest.id;
    }
    throw new Error("the run was to break and did not");
  }

  async serve(options: Omit<ServeOptions, "folder" | "models"> = {}): Promise<Server> {
    const server = new Server({ ...options, folder: this.folder, models: this.models });
    this.#servers.push(server);
    await server.start();
    return server;
  }
}
