// SPDX-License-Identifier: MIT
// The one component behind all charts: paints a chart on a canvas and its cursor on a second one,
// and does pointer, keyboard, tooltip, live region and export.

import {
  useCallback,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
  type Ref,
} from "react";

import { CanvasPen } from "./canvasPen";
import type { Chart } from "./chart";
import styles from "./chart.module.css";
import { withAlpha } from "./color";
import { toPng, toSvg } from "./exportImage";
import type { Box, Size } from "./geometry";
import { usePalette, usePixelRatio, useRedraw, useSize } from "./hooks";
import type { Palette } from "./palette";
import type { Pen } from "./pen";
import { Tooltip } from "./Tooltip";
import { describeCursor, useSpoken, type Cursor } from "./useCursor";
import { useGestures } from "./useGestures";
import type { ZoomAxis } from "./zoom";

export interface ChartHandle {
  png(): Promise<Blob>;
  svg(): string;
  focus(): void;
}

/** What every chart component takes besides its data. */
export interface CommonProps {
  /** Accessible name, and title of exported pictures. */
  readonly label: string;
  /** CSS pixels; the parent's height when absent. */
  readonly height?: number | undefined;
  /** Drawn at most ten times a second. */
  readonly live?: boolean | undefined;
  readonly handle?: Ref<ChartHandle> | undefined;
}

export interface CanvasChartProps<L, T> extends CommonProps {
  /** Changes exactly when something is to be drawn anew. */
  readonly chart: Chart<L, T>;
  /** What it is, in a word or two: "heatmap". */
  readonly kind: string;
  /** Click, Enter or Space on a target. */
  readonly onActivate?: ((target: T) => void) | undefined;
  /** Escape. */
  readonly onBack?: (() => void) | undefined;
  /** The cursor moved, null when it left. */
  readonly onCursor?: ((target: T | null) => void) | undefined;
  /** A horizontal drag, in pixels. */
  readonly onBrush?: ((layout: L, from: number, to: number) => void) | undefined;
  readonly zoom?: ZoomAxis | undefined;
  /** The plot of a layout; needed with zoom and brush. */
  readonly plot?: ((layout: L) => Box) | undefined;
  /**
   * Marks of the selection; drawn on the cursor's canvas, so that they can move without the chart
   * being redrawn.
   */
  readonly marks?: ((pen: Pen, layout: L, palette: Palette) => void) | undefined;
  /** A layer between the chart and its cursor, for what another library draws. */
  readonly layer?: ((layout: L, palette: Palette) => ReactNode) | undefined;
  /** Exported instead of `chart`, where a layer draws a part of it. */
  readonly whole?: Chart<L, T> | undefined;
}

// A canvas that changed is copied to the screen as a whole, so that an empty one is better left alone.
function prepare(canvas: HTMLCanvasElement | null, size: Size, ratio: number, isEmpty = false) {
  const context = canvas?.getContext("2d");
  if (!canvas || !context) return null;
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (!isEmpty) context.clearRect(0, 0, size.width, size.height);
  return context;
}

// Two tones, so that it is seen on every colour.
function paintCursor(pen: Pen, box: Box, palette: Palette): void {
  if (box.w === 0) {
    pen.line([box.x, box.y, box.x, box.y + box.h], { color: palette.focus, width: 1.5 });
    return;
  }
  pen.frame(box.x - 1.5, box.y - 1.5, box.w + 3, box.h + 3, { color: palette.surface, width: 1.5 });
  pen.frame(box.x, box.y, box.w, box.h, { color: palette.focus, width: 2 });
}

function paintBrush(
  pen: Pen,
  [from, to]: readonly [number, number],
  height: number,
  palette: Palette,
): void {
  pen.rect(Math.min(from, to), 0, Math.abs(to - from), height, withAlpha(palette.accent, 0.2));
  pen.line([from, 0, from, height, Number.NaN, 0, to, 0, to, height], { color: palette.accent });
}

const HELP = "Arrow keys move the data cursor, Enter selects";
const ZOOM_HELP = "; w and s or plus and minus zoom, a and d move, 0 shows everything";

export function CanvasChart<L, T>(props: CanvasChartProps<L, T>) {
  const { chart, marks, zoom, height } = props;
  const root = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  const topIsEmpty = useRef(true);
  const size = useSize(root);
  const ratio = usePixelRatio();
  const palette = usePalette();
  const help = useId();
  const layout = useMemo(() => (size ? chart.layout(size) : null), [chart, size]);
  const [cursor, setCursor] = useState<Cursor<T> | null>(null);
  const [brush, setBrush] = useState<readonly [number, number] | null>(null);
  const shown = layout === null ? null : describeCursor(chart, layout, cursor);
  const spoken = useSpoken(cursor?.by === "keyboard" && shown ? shown.description : null);

  const paint = useRedraw(() => {
    const context = size && layout !== null && prepare(base.current, size, ratio);
    if (context) chart.paint(new CanvasPen(context, palette.font), layout!, palette);
  }, props.live ?? false);
  const paintTop = useRedraw(() => {
    const context =
      size && layout !== null && prepare(top.current, size, ratio, topIsEmpty.current);
    if (!context) return;
    const pen = new CanvasPen(context, palette.font);
    marks?.(pen, layout!, palette);
    if (shown) paintCursor(pen, shown.anchor, palette);
    if (brush) paintBrush(pen, brush, size.height, palette);
    topIsEmpty.current = !pen.drew;
  }, false);
  useEffect(paint, [paint, chart, layout, palette, ratio]);
  useEffect(paintTop);

  const { onCursor } = props;
  const point = useCallback(
    (next: Cursor<T> | null) => {
      setCursor(next);
      onCursor?.(next?.target ?? null);
    },
    [onCursor],
  );
  const gestures = useGestures({ ...props, root, layout, cursor, point, setBrush });

  useImperativeHandle(props.handle, () => {
    const source = () => ({
      chart: props.whole ?? chart,
      size: size ?? { width: 800, height: height ?? 400 },
      palette,
      title: props.label,
    });
    return {
      png: () => toPng(source()),
      svg: () => toSvg(source()),
      focus: () => root.current?.focus(),
    };
  });
  // React has no prop for a listener that may prevent scrolling.
  useLayoutEffect(() => {
    const element = root.current;
    element?.addEventListener("wheel", gestures.wheel, { passive: false });
    return () => element?.removeEventListener("wheel", gestures.wheel);
  }, [gestures.wheel]);

  const note = layout === null ? null : chart.note?.(layout);
  return (
    <>
      <div
        ref={root}
        className={height === undefined ? `${styles.root} ${styles.fill}` : styles.root}
        style={height === undefined ? undefined : { height }}
        tabIndex={0}
        role="application"
        aria-roledescription={props.kind}
        aria-label={props.label}
        aria-describedby={help}
        {...gestures.handlers}
      >
        <canvas ref={base} aria-hidden="true" />
        {layout !== null && props.layer?.(layout, palette)}
        <canvas ref={top} aria-hidden="true" />
        <span id={help} className={styles.aside}>
          {zoom ? HELP + ZOOM_HELP : HELP}
        </span>
        <span className={styles.aside} aria-live="polite">
          {spoken}
        </span>
      </div>
      {note && <p className={styles.note}>{note}</p>}
      {shown && !brush && <AnchoredTooltip root={root.current} {...shown} />}
    </>
  );
}

function AnchoredTooltip({
  root,
  anchor,
  description,
}: {
  root: HTMLElement | null;
  anchor: Box;
  description: Parameters<typeof Tooltip>[0]["description"];
}) {
  const at = root?.getBoundingClientRect();
  if (!at) return null;
  // beside a wide target the tip would be far from the pointer
  const w = Math.min(anchor.w, 200);
  return (
    <Tooltip
      description={description}
      anchor={{ x: at.x + anchor.x, y: at.y + anchor.y, w, h: anchor.h }}
    />
  );
}
