// SPDX-License-Identifier: MIT

import type { ReactNode } from "react";
import { printFragment } from "../state/url";
import { initialView, setView, useView, type ViewState } from "../state/view";

/** What changes when another run is opened: what was selected belongs to the run before. */
export function openRun(id: string): Partial<ViewState> {
  const { token, tokens, time, layers, components, zoom, tree } = initialView;
  return { token, tokens, time, layers, components, zoom, tree, view: "analysis", run: id };
}

interface Props {
  readonly id: string;
  readonly children: ReactNode;
  /** In running text or a table, rather than a button. */
  readonly plain?: boolean;
  readonly title?: string;
}

export function RunLink({ id, children, plain = false, title }: Props) {
  const href = useView((state) => printFragment({ ...state, ...openRun(id) }));
  return (
    <a
      className={plain ? undefined : "button"}
      title={title}
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
