// SPDX-License-Identifier: MIT
import { useEffect, useState } from "react";

import { visibleText } from "../../format/names";
import type { Chart, Description, Step } from "./chart";

/** What is pointed at, and with what. */
export interface Cursor<T> {
  readonly target: T;
  readonly by: "pointer" | "keyboard";
}

const STEPS: Record<string, Step> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "first",
  End: "last",
};

export function stepOf(key: string): Step | undefined {
  return STEPS[key];
}

export function sameTarget(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

const SPEAK_AFTER_MS = 250;

/** Text for the live region: what the keyboard cursor is at, once it has come to rest. */
export function useSpoken(description: Description | null): string {
  const [spoken, setSpoken] = useState("");
  const rows = description?.rows.map(([label, value]) => `${label} ${value}`).join(", ");
  const text = description ? `${description.title}. ${rows}` : "";
  useEffect(() => {
    const timer = setTimeout(() => setSpoken(text), SPEAK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return spoken;
}

/**
 * A cursor only counts where the chart, whose data may have changed since, still shows its target.
 */
export function describeCursor<L, T>(chart: Chart<L, T>, layout: L, cursor: Cursor<T> | null) {
  const anchor = cursor && chart.anchor(layout, cursor.target);
  return cursor && anchor
    ? { anchor, description: visible(chart.describe(cursor.target, layout)) }
    : null;
}

function visible({ title, rows }: Description): Description {
  return {
    title: visibleText(title),
    rows: rows.map(([label, value]) => [visibleText(label), visibleText(value)] as const),
  };
}
