// SPDX-License-Identifier: MIT
// The view's state as the fragment of the URL: #1/analysis?run=…&token=12. A fragment is not sent to the server, and
// works in a file too. The number is the version of what follows: a page that gets another one shows its first view.

import { fields, initialView, takeStep, useView, type ViewState } from "./view";
import type { Codec } from "./codec";

const VERSION = "1";
const REPLACE_MS = 250; // browsers refuse many changes of the history in a short time

type AnyCodec = Codec<unknown>;
const entries = Object.entries(fields) as [keyof ViewState, AnyCodec][];

export function printFragment(state: ViewState): string {
  const query = new URLSearchParams();
  for (const [name, codec] of entries) {
    if (name === "view") continue;
    const values = codec.print(state[name]);
    const usual = codec.print(codec.initial);
    if (values.length === usual.length && values.every((value, i) => value === usual[i])) continue;
    for (const value of values) query.append(name, value);
  }
  const text = query.toString();
  return `#${VERSION}/${state.view}${text ? `?${text}` : ""}`;
}

export function parseFragment(fragment: string): ViewState {
  const match = /^#?(\d+)\/([a-z]*)(?:\?(.*))?$/s.exec(fragment);
  if (!match || match[1] !== VERSION) return initialView;
  const query = new URLSearchParams(match[3] ?? "");
  const out: Record<string, unknown> = { ...initialView };
  for (const [name, codec] of entries) {
    const values = name === "view" ? [match[2] ?? ""] : query.getAll(name);
    if (values.length === 0) continue;
    const value = codec.parse(values);
    if (value !== undefined) out[name] = value;
  }
  return out as unknown as ViewState;
}

/** Keeps the store and the address of `window` the same. Answers how to stop. */
export function bindUrl(window: Window): () => void {
  let timer: number | undefined;
  const write = (how: "pushState" | "replaceState") => {
    window.clearTimeout(timer);
    timer = undefined;
    const fragment = printFragment(useView.getState());
    if (fragment !== window.location.hash) window.history[how](null, "", fragment);
  };
  const read = () => {
    window.clearTimeout(timer);
    timer = undefined;
    const state = parseFragment(window.location.hash);
    if (printFragment(state) !== printFragment(useView.getState())) useView.setState(state);
  };
  read();
  write("replaceState");
  const stop = useView.subscribe((_, before) => {
    if (takeStep() === "push") {
      // what was still to be written belongs to the step before
      if (timer !== undefined) {
        window.clearTimeout(timer);
        timer = undefined;
        window.history.replaceState(null, "", printFragment(before));
      }
      write("pushState");
    } else if (timer === undefined) {
      timer = window.setTimeout(() => write("replaceState"), REPLACE_MS);
    }
  });
  const flush = () => timer !== undefined && write("replaceState");
  window.addEventListener("popstate", read);
  window.addEventListener("pagehide", flush);
  return () => {
    flush();
    stop();
    window.removeEventListener("popstate", read);
    window.removeEventListener("pagehide", flush);
  };
}
