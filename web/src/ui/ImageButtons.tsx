// SPDX-License-Identifier: MIT
// A chart as a file: PNG or SVG, drawn by the same painter as the screen.

import type { RefObject } from "react";
import type { ChartHandle } from "../charts/base/CanvasChart";
import { announce } from "./announce";

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // the browser has begun to read it by then
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

interface Props {
  readonly chart: RefObject<ChartHandle | null>;
  /** File name without its end. */
  readonly name: string;
}

export function ImageButtons({ chart, name }: Props) {
  const png = async () => {
    const blob = await chart.current?.png();
    if (!blob) return;
    saveBlob(blob, `${name}.png`);
    announce(`saved ${name}.png`);
  };
  const svg = () => {
    const text = chart.current?.svg();
    if (!text) return;
    saveBlob(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
    announce(`saved ${name}.svg`);
  };
  return (
    <>
      <button type="button" onClick={() => void png()} title="Save the chart as a picture">
        PNG
      </button>
      <button type="button" onClick={svg} title="Save the chart as a drawing that scales">
        SVG
      </button>
    </>
  );
}
