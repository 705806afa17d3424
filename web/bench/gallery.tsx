// SPDX-License-Identifier: MIT
// Every chart once, with made-up data, for people and for the benchmarks. Not part of the
// dashboard. ?theme=dark chooses the theme, ?only=NAME one chart.

import { useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

import { BarList } from "../src/charts/BarList";
import { CanvasHeatmap } from "../src/charts/CanvasHeatmap";
import { CanvasTimeline } from "../src/charts/CanvasTimeline";
import { CanvasWaterfall } from "../src/charts/CanvasWaterfall";
import { Histogram } from "../src/charts/Histogram";
import { PowerChart } from "../src/charts/PowerChart";
import { Sankey } from "../src/charts/Sankey";
import { Scatter } from "../src/charts/Scatter";
import { SeriesChart } from "../src/charts/SeriesChart";
import { Treemap } from "../src/charts/Treemap";
import { quantities } from "../src/format/units";
import "../src/theme.css";
import * as data from "./data";
import "./gallery.css";
import { measureAll } from "./measure";

const query = new URLSearchParams(location.search);
document.documentElement.dataset["theme"] = query.get("theme") === "dark" ? "dark" : "light";

function DrillingTreemap() {
  const [path, setPath] = useState<readonly string[]>([]);
  return (
    <Treemap
      label="Where the energy went"
      data={data.tree(24)}
      quantity={quantities.energy}
      path={path}
      onPath={setPath}
      height={420}
    />
  );
}

interface Exhibit {
  readonly name: string;
  readonly title: string;
  readonly wide?: boolean;
  readonly chart: ReactNode;
}

const exhibits: readonly Exhibit[] = [
  {
    name: "power",
    title: "Power",
    wide: true,
    chart: (
      <PowerChart
        label="Power"
        data={data.power(1500)}
        height={240}
        at={6000}
        selected={[9000, 11000]}
      />
    ),
  },
  {
    name: "timeline",
    title: "Timeline, width = time",
    wide: true,
    chart: (
      <CanvasTimeline
        label="Timeline"
        data={data.timeline(60, 120)}
        width="time"
        selected={[300, 400]}
      />
    ),
  },
  {
    name: "timeline-energy",
    title: "Timeline, width = energy",
    wide: true,
    chart: <CanvasTimeline label="Timeline by energy" data={data.timeline(8, 40)} width="energy" />,
  },
  {
    name: "heatmap",
    title: "Layer × component",
    chart: (
      <CanvasHeatmap
        label="Energy per layer and component"
        data={data.heatmap(22)}
        scale="linear"
        height={420}
        selectedRows={[18, 20]}
      />
    ),
  },
  {
    name: "heatmap-log",
    title: "The same, logarithmic",
    chart: (
      <CanvasHeatmap
        label="Energy, logarithmic"
        data={data.heatmap(22)}
        scale="log"
        height={420}
        colors="other"
      />
    ),
  },
  {
    name: "difference",
    title: "Difference of two runs",
    chart: <CanvasHeatmap label="Difference" data={data.difference(12)} difference height={320} />,
  },
  {
    name: "heatmap-tokens",
    title: "Layer × token, more tokens than pixels",
    chart: (
      <CanvasHeatmap
        label="Energy per layer and token"
        data={data.tokenHeatmap(2000, 32)}
        height={320}
      />
    ),
  },
  { name: "treemap", title: "Where the energy went", chart: <DrillingTreemap /> },
  {
    name: "sankey",
    title: "Flow",
    chart: <Sankey label="Flow of energy" data={data.flow(16)} height={420} />,
  },
  {
    name: "waterfall",
    title: "Per token",
    wide: true,
    chart: (
      <CanvasWaterfall
        label="Energy per token"
        data={data.waterfall(120)}
        height={280}
        token={40}
        selected={[60, 75]}
      />
    ),
  },
  {
    name: "scatter",
    title: "Speed against energy",
    chart: <Scatter label="Speed against energy" data={data.scatter(24)} height={320} />,
  },
  {
    name: "histogram",
    title: "Spread over tokens",
    chart: <Histogram label="Spread of energy over tokens" data={data.spread(320)} height={320} />,
  },
  {
    name: "components",
    title: "Components",
    chart: <BarList label="Energy by component" data={data.componentBars()} />,
  },
  {
    name: "domains",
    title: "Domains",
    chart: <BarList label="Energy by domain" data={data.domainBars()} />,
  },
  {
    name: "changes",
    title: "Change to the baseline",
    chart: <BarList label="Change" data={data.changeBars()} />,
  },
  {
    name: "runs",
    title: "Power of three runs",
    chart: <SeriesChart label="Power of three runs" data={data.runsOverlaid()} height={260} />,
  },
  {
    name: "layers",
    title: "Energy per layer of three runs",
    chart: <SeriesChart label="Energy per layer" data={data.perLayer(24)} height={260} />,
  },
];

declare global {
  interface Window {
    measureAll: typeof measureAll;
  }
}
window.measureAll = measureAll;

const only = query.get("only");
createRoot(document.getElementById("root")!).render(
  exhibits
    .filter(({ name }) => only === null || only === name)
    .map(({ name, title, wide, chart }) => (
      <section key={name} id={name} className={wide ? "wide" : undefined}>
        <h2>{title}</h2>
        {chart}
      </section>
    )),
);
