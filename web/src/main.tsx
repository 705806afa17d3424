// SPDX-License-Identifier: MIT
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/queries";
import { openSession, takeToken } from "./api/session";
import { App } from "./App";
import { feed } from "./live/feed";
import { bindTheme } from "./state/preferences";
import { bindUrl } from "./state/url";
import { useView } from "./state/view";
import { bindKeys } from "./ui/actions";
import { loadView, views } from "./views/views";
import "./theme.css";
import "./base.css";

// The other views are there when somebody goes to them; not while the first one is being drawn.
const OTHERS_MS = 3000;

async function start(root: HTMLElement): Promise<void> {
  bindTheme(window);
  const token = takeToken(window);
  // a wrong token shows when the first request is refused
  if (token) await openSession(token).catch(() => undefined);
  bindUrl(window);
  bindKeys(window);
  feed.connect();
  await loadView(useView.getState().view);
  createRoot(root).render(
    <StrictMode>
      <App client={makeQueryClient()} />
    </StrictMode>,
  );
  setTimeout(() => views.forEach((view) => void loadView(view.name)), OTHERS_MS);
}

const root = document.getElementById("root");
if (root) void start(root);
