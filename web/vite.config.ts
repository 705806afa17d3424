// SPDX-License-Identifier: MIT
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { guide } from "./scripts/guide.ts";

// A running `ergon serve` to develop against.
const server = process.env["ERGON_SERVER"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), guide()],
  build: {
    target: "es2023",
    // Nothing may be inline: the server's content security policy has no exceptions.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: true, headers: { origin: server } },
      "/session": { target: server, changeOrigin: true, headers: { origin: server } },
      "/ws": { target: server, ws: true, changeOrigin: true, headers: { origin: server } },
    },
  },
  test: { include: ["{src,scripts}/**/*.test.{ts,tsx}"] },
});
