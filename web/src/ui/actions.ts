// SPDX-License-Identifier: MIT
// What can be done now, by key or from the palette. Components register their actions while they are there; the
// newest one gets a key first, so that Escape leaves the innermost level.

import { useEffect, useRef } from "react";
import { create } from "zustand";

export interface Action {
  readonly id: string;
  readonly title: string;
  /** Keys one after the other, "g l"; with modifiers "Ctrl+k". Several ways are several entries. */
  readonly keys?: readonly string[];
  /** Where it stands in the help. */
  readonly group: string;
  /** In the palette too. */
  readonly listed?: boolean;
  /** Answers false to let somebody else have the key. */
  run(): void | boolean;
}

interface Registry {
  readonly all: readonly Action[];
}

export const useActionList = create<Registry>(() => ({ all: [] }));

/** Registers actions as long as the component is there. They may close over its latest props. */
export function useActions(actions: readonly Action[]): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  const shape = actions
    .map((a) => [a.id, a.title, a.group, a.listed, ...(a.keys ?? [])].join("\u0000"))
    .join("\u0001");
  useEffect(() => {
    const mine: Action[] = latest.current.map((action) => ({
      ...action,
      run: () => latest.current.find((now) => now.id === action.id)?.run() ?? undefined,
    }));
    useActionList.setState(({ all }) => ({ all: [...all, ...mine] }));
    return () =>
      useActionList.setState(({ all }) => ({
        all: all.filter((action) => !mine.includes(action)),
      }));
  }, [shape]);
}

/** "Ctrl+k" for an event; Ctrl stands for the command key too. Shift is in the character itself. */
export function keyName(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">,
): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const name = key === " " ? "Space" : key;
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${name}`;
}

/** Reads keys one after the other and answers which actions they mean, most recent first. */
export function keyReader(patienceMs: number) {
  let before = "";
  let when = Number.NEGATIVE_INFINITY;
  return (key: string, now: number, actions: readonly Action[]): Action[] => {
    const sequence = before && now - when <= patienceMs ? `${before} ${key}` : key;
    const meant = (typed: string) =>
      actions.filter((action) => action.keys?.includes(typed)).reverse();
    let found = meant(sequence);
    if (found.length === 0 && sequence !== key) found = meant(key);
    const begins = actions.some((action) =>
      action.keys?.some((keys) => keys.startsWith(`${key} `)),
    );
    before = found.length === 0 && begins ? key : "";
    when = now;
    return found;
  };
}

function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
    return true;
  return (
    target instanceof HTMLInputElement &&
    !["checkbox", "radio", "button", "submit", "range"].includes(target.type)
  );
}

// What the focused element does with the key itself.
function isItsOwn(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === "Space")
    return target.closest("button, a, summary, input, [role=button], [role=tab]") !== null;
  if (/^\d$/.test(key)) return false;
  return target instanceof HTMLInputElement && target.type === "radio" && key.startsWith("Arrow");
}

/** Listens on the window. Keys typed into a field stay there, apart from Escape and those with Ctrl. */
export function bindKeys(window: Window): () => void {
  const read = keyReader(1500);
  const listen = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const key = keyName(event);
    const everywhere = key === "Escape" || key.startsWith("Ctrl+");
    if (!everywhere && (takesText(event.target) || isItsOwn(event.target, key))) return;
    if (window.document.querySelector("dialog[open]") && !everywhere) return;
    for (const action of read(key, event.timeStamp, useActionList.getState().all)) {
      if (action.run() === false) continue;
      event.preventDefault();
      return;
    }
  };
  window.addEventListener("keydown", listen);
  return () => window.removeEventListener("keydown", listen);
}
