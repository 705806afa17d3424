// SPDX-License-Identifier: MIT
// The views, in the order of the navigation. A view is a folder beside this file, loaded when it is first shown.

import { lazy, type ComponentType } from "react";
import type { ViewName } from "../state/view";
import { Live } from "./live/Live";

export interface View {
  readonly name: ViewName;
  readonly title: string;
  readonly keys: string;
  readonly Component: ComponentType;
}

/** For `Component` of all views but the first: keeps them out of what is loaded at the start. */
export function later(load: () => Promise<ComponentType>): ComponentType {
  return lazy(async () => ({ default: await load() }));
}

export const views: readonly View[] = [
  { name: "live", title: "Live", keys: "g l", Component: Live },
  {
    name: "analysis",
    title: "Analysis",
    keys: "g a",
    Component: later(async () => (await import("./analysis/Analysis")).Analysis),
  },
  {
    name: "history",
    title: "History",
    keys: "g h",
    Component: later(async () => (await import("./history/History")).History),
  },
  {
    name: "compare",
    title: "Compare",
    keys: "g c",
    Component: later(async () => (await import("./compare/Compare")).Compare),
  },
];
