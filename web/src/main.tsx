// SPDX-License-Identifier: MIT
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/queries";
import { openSession, takeToken } from "./api/session";
import { App } from "./App";
import { feed } from "./live/feed";
import { bindTheme } from "./state/preferences";
import { bindUrl } from "./state/url";
import { bindKeys } from "./ui/actions";
import "./theme.css";
import "./base.css";

async function start(root: HTMLElement): Promise<void> {
  bindTheme(window);
  const token = takeToken(window);
  // a wrong token shows when the first request is refused
  if (token) await openSession(token).catch(() => undefined);
  bindUrl(window);
  bindKeys(window);
  feed.connect();
  createRoot(root).render(
    <StrictMode>
      <App client={makeQueryClient()} />
    </StrictMode>,
  );
}

const root = document.getElementById("root");
if (root) void start(root);
