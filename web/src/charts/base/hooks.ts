// SPDX-License-Identifier: MIT
// What a chart needs from its surroundings: theme, size, pixel density, and permission to draw.

import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type RefObject,
} from "react";

import type { Size } from "./geometry";
import { paletteFrom, type Palette } from "./palette";
import { LIVE_INTERVAL_MS, Redraw } from "./redraw";

/** True stops all drawing: quiet mode, so that the page costs nothing while a run is measured. */
export const QuietContext = createContext(false);

function subscribeToTheme(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}

export function usePalette(): Palette {
  const dark = useSyncExternalStore(
    subscribeToTheme,
    () => document.documentElement.dataset["theme"] === "dark",
  );
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement);
    return paletteFrom((property) => style.getPropertyValue(property).trim(), dark);
  }, [dark]);
}

/** Size of an element's content in whole CSS pixels; null before it is known. */
export function useSize(element: RefObject<HTMLElement | null>): Size | null {
  const [size, setSize] = useState<Size | null>(null);
  useLayoutEffect(() => {
    if (!element.current) return undefined;
    const update = (width: number, height: number) =>
      setSize((old) => (old?.width === width && old.height === height ? old : { width, height }));
    const observer = new ResizeObserver(([entry]) => {
      if (entry) update(Math.floor(entry.contentRect.width), Math.floor(entry.contentRect.height));
    });
    observer.observe(element.current);
    update(element.current.clientWidth, element.current.clientHeight);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

/** Device pixels per CSS pixel; changes with zoom and when a window moves to another screen. */
export function usePixelRatio(): number {
  const [ratio, setRatio] = useState(() => window.devicePixelRatio);
  useEffect(() => {
    const query = matchMedia(`(resolution: ${ratio}dppx)`);
    const changed = () => setRatio(window.devicePixelRatio);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [ratio]);
  return ratio;
}

/** Returns a function that asks for `draw` to be called; always the newest `draw` is. */
export function useRedraw(draw: () => void, live: boolean): () => void {
  const newest = useRef(draw);
  const quiet = useContext(QuietContext);
  const redraw = useRef<Redraw | null>(null);
  useLayoutEffect(() => {
    newest.current = draw;
  });
  useLayoutEffect(() => {
    const own = new Redraw(() => newest.current(), 0);
    const wake = () => own.wake();
    redraw.current = own;
    document.addEventListener("visibilitychange", wake);
    return () => {
      document.removeEventListener("visibilitychange", wake);
      own.stop();
    };
  }, []);
  useLayoutEffect(() => redraw.current?.setInterval(live ? LIVE_INTERVAL_MS : 0), [live]);
  useLayoutEffect(() => redraw.current?.setQuiet(quiet), [quiet]);
  return useCallback(() => redraw.current?.request(), []);
}
