// SPDX-License-Identifier: MIT
// A chart as a file: PNG and SVG, by the same painter that draws the screen.

import { CanvasPen } from "./canvasPen";
import type { Chart } from "./chart";
import type { Size } from "./geometry";
import type { Palette } from "./palette";
import type { Pen, Pixels } from "./pen";
import { SvgPen } from "./svgPen";

export interface ImageSource<L, T> {
  readonly chart: Chart<L, T>;
  readonly size: Size;
  readonly palette: Palette;
  /** Written above the chart, since a picture leaves its page. */
  readonly title: string;
}

const TITLE = 30;
const MARGIN = 12;

function paintPicture<L, T>(
  pen: Pen,
  { chart, size, palette, title }: ImageSource<L, T>,
  shift: (draw: () => void) => void,
) {
  pen.rect(0, 0, size.width + 2 * MARGIN, size.height + TITLE + MARGIN, palette.surface);
  pen.text(title, MARGIN, TITLE / 2 + 2, { color: palette.text, size: 13, bold: true });
  shift(() => chart.paint(pen, chart.layout(size), palette));
}

function outerSize({ width, height }: Size): Size {
  return { width: width + 2 * MARGIN, height: height + TITLE + MARGIN };
}

function context2d(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no canvas");
  return context;
}

/** `scale` is device pixels per CSS pixel. */
export function toPng<L, T>(source: ImageSource<L, T>, scale = 2): Promise<Blob> {
  const { width, height } = outerSize(source.size);
  const context = context2d(Math.round(width * scale), Math.round(height * scale));
  context.scale(scale, scale);
  const pen = new CanvasPen(context, source.palette.font);
  paintPicture(pen, source, (draw) => {
    context.translate(MARGIN, TITLE);
    draw();
  });
  return new Promise((resolve, reject) => {
    context.canvas.toBlob((blob) =>
      blob ? resolve(blob) : reject(new Error("the picture is too large")),
    );
  });
}

function pngUrl(pixels: Pixels): string {
  const context = context2d(pixels.width, pixels.height);
  context.putImageData(new ImageData(pixels.data, pixels.width, pixels.height), 0, 0);
  return context.canvas.toDataURL();
}

export function toSvg<L, T>(source: ImageSource<L, T>): string {
  const { width, height } = outerSize(source.size);
  const measuring = new CanvasPen(context2d(1, 1), source.palette.font);
  const pen = new SvgPen(source.palette.font, (...text) => measuring.measure(...text), pngUrl);
  paintPicture(pen, source, (draw) => pen.shifted(MARGIN, TITLE, draw));
  return pen.document(width, height, source.title);
}
