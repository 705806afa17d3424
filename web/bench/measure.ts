// SPDX-License-Identifier: MIT
// Times of charts in this browser: laying out and painting, until the pixels are there.

import { CanvasPen } from "../src/charts/base/canvasPen";
import type { Chart } from "../src/charts/base/chart";
import { paletteFrom } from "../src/charts/base/palette";
import { heatmapChart } from "../src/charts/heatmap";
import { powerSeries } from "../src/charts/power";
import { sankeyChart } from "../src/charts/sankey";
import { seriesChart } from "../src/charts/series";
import { timelineChart, timelineExtent } from "../src/charts/timeline";
import { closeSums, treemapChart, type TreeNode } from "../src/charts/treemap";
import { waterfallChart } from "../src/charts/waterfall";
import { quantities } from "../src/format/units";
import * as data from "./data";

export interface Result {
  readonly name: string;
  readonly first_ms: number;
  /** Of further draws, with other data or another view. */
  readonly best_ms: number;
  readonly median_ms: number;
  readonly p95_ms: number;
  readonly most_ms: number;
}

const ROUNDS = 30;

interface Case {
  readonly name: string;
  /** The median may take this long. */
  readonly most_ms: number;
  /** A chart for each round: round 0 is the first draw. */
  readonly make: (round: number) => Chart<never, unknown>;
}

function cases(): Case[] {
  const big = data.tokenHeatmap(2000, 80);
  const shifted = { ...big, values: big.values.map((value) => value * 1.1) };
  const spans = data.timeline(900, 110);
  const full = timelineExtent(spans, "time");
  const tree = closeSums(data.tree(40, ["matmul", "bias"]));
  const leaves = (node: TreeNode): number =>
    node.children?.reduce((sum, child) => sum + leaves(child), 0) ?? 1;
  const tokens = data.waterfall(1000);
  const series = powerSeries(data.power(6000));
  const cells = data.heatmap(32);
  const flow = data.flow(32);
  const erase = <L, T>(chart: Chart<L, T>) => chart as unknown as Chart<never, unknown>;
  return [
    {
      name: "heatmap 2 000 × 80",
      most_ms: 33,
      make: (round) => erase(heatmapChart(round % 2 ? shifted : big)),
    },
    {
      name: "heatmap 33 layers × 22, a token",
      most_ms: 16,
      make: () => erase(heatmapChart(cells)),
    },
    {
      name: `timeline of ${spans.start_ms.length} spans`,
      most_ms: 35,
      make: (round) =>
        erase(
          timelineChart(spans, {
            width: "time",
            view: round === 0 ? undefined : [full[0], full[1] * (1 - round / 60)],
            time: quantities.time,
            energy: quantities.energy,
          }),
        ),
    },
    {
      name: `treemap of ${leaves(tree)} leaves`,
      most_ms: 33,
      make: () => erase(treemapChart(tree, { quantity: quantities.energy, path: [] })),
    },
    { name: "waterfall, 1 000 tokens", most_ms: 33, make: () => erase(waterfallChart(tokens)) },
    { name: "power, 5 × 6 000 samples", most_ms: 33, make: () => erase(seriesChart(series)) },
    { name: "sankey, 32 layers", most_ms: 33, make: () => erase(sankeyChart(flow)) },
  ];
}

export function measureAll(): Result[] {
  const style = getComputedStyle(document.documentElement);
  const palette = paletteFrom((name) => style.getPropertyValue(name).trim(), false);
  const size = { width: 1200, height: 500 };
  const canvas = document.createElement("canvas");
  canvas.width = size.width;
  canvas.height = size.height;
  const context = canvas.getContext("2d")!;
  return cases().map(({ name, most_ms, make }) => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      context.clearRect(0, 0, size.width, size.height);
      const chart = make(round);
      chart.paint(new CanvasPen(context, palette.font), chart.layout(size), palette);
      context.getImageData(0, 0, 1, 1); // waits for what is only recorded so far
      times.push(performance.now() - start);
    }
    const [first, ...rest] = times;
    rest.sort((a, b) => a - b);
    const at = (share: number) => rest[Math.floor(share * (rest.length - 1))]!;
    return {
      name,
      first_ms: first!,
      best_ms: at(0),
      median_ms: at(0.5),
      p95_ms: at(0.95),
      most_ms,
    };
  });
}
