// SPDX-License-Identifier: MIT
// A way to the server that can be made to stand still: what a slow or broken connection is.

import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { after } from "node:test";

export class Proxy {
  readonly #streams = new Set<Socket>();
  readonly #all = new Set<Socket>();
  #target = 0;
  #isHeld = false;
  #port = 0;

  static async open(): Promise<Proxy> {
    const proxy = new Proxy();
    const server = createServer((client) => proxy.#accept(client));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    proxy.#port = (server.address() as AddressInfo).port;
    after(() => {
      for (const socket of proxy.#all) socket.destroy();
      server.close();
    });
    return proxy;
  }

  /** As a server allows it (--allow-host), and as a page names it. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  to(origin: string): void {
    this.#target = Number(new URL(origin).port);
  }

  /** Reads nothing more of live streams, so that the server cannot get rid of what it has for them. */
  hold(): void {
    this.#isHeld = true;
    for (const stream of this.#streams) stream.pause();
  }

  release(): void {
    this.#isHeld = false;
    for (const stream of this.#streams) stream.resume();
  }

  /** Ends live streams as a broken line does. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  #accept(client: Socket): void {
    const server = connect(this.#target, "127.0.0.1");
    for (const socket of [client, server]) {
      this.#all.add(socket);
      socket.on("error", () => undefined); // the other end is told by close
      socket.on("close", () => {
        this.#all.delete(socket);
        this.#streams.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.once("data", (first: Buffer) => {
      if (!first.toString("latin1").startsWith("GET /ws/")) return;
      this.#streams.add(server);
      if (this.#isHeld) server.pause();
    });
    client.pipe(server);
    server.on("data", (chunk: Buffer) => {
      if (!client.write(chunk)) {
        server.pause();
        client.once("drain", () => {
          if (!this.#isHeld || !this.#streams.has(server)) server.resume();
        });
      }
    });
  }
}
