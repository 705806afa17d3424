// SPDX-License-Identifier: MIT
// A panel with one chart: its table twin, and pictures of it.

import { useRef, useState, type ComponentProps, type ReactNode, type RefObject } from "react";
import type { ChartHandle } from "../charts/base/CanvasChart";
import { messageOf, Panel } from "./Panel";
import { saveFile } from "./save";

interface Props extends Omit<ComponentProps<typeof Panel>, "children"> {
  /** Of a picture, without its ending. */
  readonly file: string;
  /** The chart; takes `handle`. */
  readonly children: (handle: RefObject<ChartHandle | null>) => ReactNode;
}

export function ChartPanel({ file, children, actions, ...panel }: Props) {
  const handle = useRef<ChartHandle>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const save = async (kind: "png" | "svg") => {
    const chart = handle.current;
    if (!chart) return;
    try {
      const content =
        kind === "png" ? await chart.png() : new Blob([chart.svg()], { type: "image/svg+xml" });
      saveFile(`${file}.${kind}`, content);
      setProblem(null);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <Panel
      {...panel}
      actions={
        <>
          {problem && <span role="alert">{problem}</span>}
          {actions}
          {(panel.state?.kind ?? "ready") === "ready" && (
            <>
              <button
                type="button"
                onClick={() => void save("png")}
                aria-label={`${panel.title}: save as PNG`}
              >
                PNG
              </button>
              <button
                type="button"
                onClick={() => void save("svg")}
                aria-label={`${panel.title}: save as SVG`}
              >
                SVG
              </button>
            </>
          )}
        </>
      }
    >
      {children(handle)}
    </Panel>
  );
}
