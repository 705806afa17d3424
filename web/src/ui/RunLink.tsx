// SPDX-License-Identifier: MIT

import type { ReactNode } from "react";
import { printFragment } from "../state/url";
import { initialView, setView, useView, type ViewState } from "../state/view";

/** What changes when another run is opened: what was selected belongs to the run before. */
export function openRun(id: string): Partial<ViewState> {
  const { token, tokens, time, layers, components, zoom, tree } = initialView;
  return { token, tokens, time, layers, components, zoom, tree, view: "analysis", run: id };
}

export function RunLink({ id, children }: { readonly id: string; readonly children: ReactNode }) {
  const href = useView((state) => printFragment({ ...state, ...openRun(id) }));
  return (
    <a
      className="button"
      href={href}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        setView(openRun(id), "push");
      }}
    >
      {children}
    </a>
  );
}
