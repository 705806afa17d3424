// SPDX-License-Identifier: MIT
// Pointer, wheel and keys of a chart.

import {
  useCallback,
  useLayoutEffect,
  useRef,
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
} from "react";

import type { CanvasChartProps } from "./CanvasChart";
import { sameTarget, stepOf, type Cursor } from "./useCursor";
import { panBy, zoomKey, zoomWheel } from "./zoom";

interface Context<L, T> extends CanvasChartProps<L, T> {
  readonly root: RefObject<HTMLDivElement | null>;
  readonly layout: L | null;
  readonly cursor: Cursor<T> | null;
  readonly point: (cursor: Cursor<T> | null) => void;
  readonly setBrush: (brush: readonly [number, number] | null) => void;
}

const DRAG_FROM = 4;
const SEQUENCE_MS = 1500;

interface Drag {
  readonly from: number;
  last: number;
  moved: boolean;
  readonly pans: boolean;
}

export function useGestures<L, T>(context: Context<L, T>) {
  const now = useRef(context);
  useLayoutEffect(() => {
    now.current = context;
  });
  const drag = useRef<Drag | null>(null);
  const before = useRef({ key: "", at: 0 });

  const wheel = useCallback((event: WheelEvent) => {
    const { zoom, plot, layout, root } = now.current;
    const element = root.current;
    if (!zoom || !plot || layout === null || !element) return;
    // the wheel scrolls the page until the chart has been chosen
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== element) return;
    event.preventDefault();
    const box = plot(layout);
    zoomWheel(zoom, event, (event.clientX - element.getBoundingClientRect().x - box.x) / box.w);
  }, []);

  const at = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return [event.clientX - box.x, event.clientY - box.y] as const;
  };

  const handlers = {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return;
      const [x] = at(event);
      drag.current = { from: x, last: x, moved: false, pans: event.shiftKey };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const { chart, layout, cursor, point } = now.current;
      if (layout === null) return;
      const [x, y] = at(event);
      if (drag.current && moveDrag(now.current, drag.current, x)) return;
      const target = chart.hit(layout, x, y);
      if (target === null) {
        if (cursor) point(null);
      } else if (cursor?.by !== "pointer" || !sameTarget(cursor.target, target)) {
        point({ target, by: "pointer" });
      }
    },
    onPointerUp: (event: PointerEvent<HTMLElement>) => {
      const { chart, layout, onActivate, onBrush, setBrush } = now.current;
      const done = drag.current;
      drag.current = null;
      setBrush(null);
      if (!done || layout === null) return;
      const [x, y] = at(event);
      if (!done.moved) {
        const target = chart.hit(layout, x, y);
        if (target !== null) onActivate?.(target);
      } else if (!done.pans) {
        onBrush?.(layout, Math.min(done.from, x), Math.max(done.from, x));
      }
    },
    onPointerCancel: () => {
      drag.current = null;
      now.current.setBrush(null);
    },
    onPointerLeave: () => {
      if (now.current.cursor?.by === "pointer") now.current.point(null);
    },
    onDoubleClick: () => now.current.zoom?.onView(undefined),
    onBlur: () => {
      if (now.current.cursor) now.current.point(null);
    },
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      const begun = before.current.key === "g" && event.timeStamp - before.current.at < SEQUENCE_MS;
      before.current = { key: event.key, at: event.timeStamp };
      // "g a" goes to a view, also from a chart that moves on "a"
      if (begun || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!pressKey(now.current, event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    },
  };
  return { wheel, handlers };
}

// Whether the move belongs to a drag.
function moveDrag<L, T>(
  { zoom, plot, layout, onBrush, setBrush }: Context<L, T>,
  drag: Drag,
  x: number,
): boolean {
  if (layout === null || (!onBrush && !drag.pans)) return false;
  if (!drag.moved && Math.abs(x - drag.from) < DRAG_FROM) return true;
  drag.moved = true;
  if (!drag.pans) setBrush([drag.from, x]);
  else if (zoom && plot) panBy(zoom, (drag.last - x) / plot(layout).w);
  drag.last = x;
  return true;
}

// Whether the key meant something here.
function pressKey<L, T>(context: Context<L, T>, key: string): boolean {
  const { chart, layout, cursor, point, zoom, onActivate, onBack } = context;
  if (layout === null) return false;
  const step = stepOf(key);
  if (step) {
    const target = chart.step(layout, cursor?.target ?? null, step);
    if (target !== null) point({ target, by: "keyboard" });
    return true;
  }
  if (key === "Enter" && cursor && onActivate) {
    onActivate(cursor.target);
    return true;
  }
  if (key === "Escape" && onBack) {
    onBack();
    return true;
  }
  return zoom ? zoomKey(zoom, key) : false;
}
