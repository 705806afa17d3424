// SPDX-License-Identifier: MIT
// The views, in the order of the navigation. A view is a folder beside this file, loaded when it is first wanted.

import { lazy, useState, type ComponentType } from "react";
import type { ViewName } from "../state/view";
import { Live } from "./live/Live";

export interface View {
  readonly name: ViewName;
  readonly title: string;
  readonly keys: string;
  readonly Component: ComponentType;
  /** Resolves when the component can be shown at once. */
  readonly load?: () => Promise<unknown>;
}

/**
 * All views but the first: keeps them out of what is loaded at the start. React shows a view which it has to wait for
 * 300 ms late, so that nothing flickers; one that has been loaded before it is shown does not make it wait.
 */
function later(load: () => Promise<ComponentType>): Required<Pick<View, "Component" | "load">> {
  let Loaded: ComponentType | null = null;
  const loadOnce = async () => (Loaded ??= await load());
  const Waited = lazy(async () => ({ default: await loadOnce() }));
  const Component = () => {
    const [Shown] = useState<ComponentType>(() => Loaded ?? Waited);
    return <Shown />;
  };
  return { Component, load: loadOnce };
}

export const views: readonly View[] = [
  { name: "live", title: "Live", keys: "g l", Component: Live },
  {
    name: "analysis",
    title: "Analysis",
    keys: "g a",
    ...later(async () => (await import("./analysis/Analysis")).Analysis),
  },
  {
    name: "history",
    title: "History",
    keys: "g h",
    ...later(async () => (await import("./history/History")).History),
  },
  {
    name: "compare",
    title: "Compare",
    keys: "g c",
    ...later(async () => (await import("./compare/Compare")).Compare),
  },
];

/** What is shown first, and what may be wanted next. A view that cannot be loaded says so when it is shown. */
export const loadView = (name: ViewName): Promise<unknown> =>
  Promise.resolve(views.find((view) => view.name === name)?.load?.()).catch(() => undefined);
