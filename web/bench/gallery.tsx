// SPDX-License-Identifier: MIT
// Every chart once, with made-up data, for people and for the benchmarks. Not part of the
// dashboard. ?theme=dark chooses the theme, ?only=NAME one chart.

import { useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

import type { ChartHandle } from "../src/charts/base/CanvasChart";
import type { Range } from "../src/charts/base/ticks";
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

/** What charts reported, newest last; and how to export them, by name. */
declare global {
  interface Window {
    reports: [chart: string, event: string, value: unknown][];
    handles: Map<string, ChartHandle>;
  }
}
window.reports = [];
window.handles = new Map();

const report = (chart: string, event: string) => (value: unknown) => {
  window.reports.push([chart, event, value]);
};

const common = (name: string, label: string, height?: number) => ({
  label,
  height,
  handle: (handle: ChartHandle | null) => {
    if (handle) window.handles.set(name, handle);
  },
});

const tree = data.tree(24);

function DrillingTreemap() {
  const [path, setPath] = useState<readonly string[]>([]);
  const onPath = (next: readonly string[]) => {
    report("treemap", "path")(next);
    setPath(next);
  };
  return (
    <Treemap
      {...common("treemap", "Where the energy went", 420)}
      data={tree}
      quantity={quantities.energy}
      path={path}
      onPath={onPath}
    />
  );
}

const power = data.power(1500);

function ZoomingPower() {
  const [view, setView] = useState<Range | undefined>(undefined);
  return (
    <PowerChart
      {...common("power", "Power", 240)}
      data={power}
      at={6000}
      selected={[9000, 11000]}
      view={view}
      onView={setView}
      onBrush={report("power", "brush")}
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
  { name: "power", title: "Power", wide: true, chart: <ZoomingPower /> },
  {
    name: "timeline",
    title: "Timeline, width = time",
    wide: true,
    chart: (
      <CanvasTimeline
        {...common("timeline", "Timeline")}
        data={data.timeline(60, 120)}
        width="time"
        selected={[300, 400]}
        onBrush={report("timeline", "brush")}
        onActivate={report("timeline", "activate")}
      />
    ),
  },
  {
    name: "timeline-energy",
    title: "Timeline, width = energy",
    wide: true,
    chart: (
      <CanvasTimeline
        {...common("timeline-energy", "Timeline by energy")}
        data={data.timeline(8, 40)}
        width="energy"
      />
    ),
  },
  {
    name: "heatmap",
    title: "Layer × component",
    chart: (
      <CanvasHeatmap
        {...common("heatmap", "Energy per layer and component", 420)}
        data={data.heatmap(22)}
        selectedRows={[18, 20]}
        onActivate={report("heatmap", "activate")}
        onBack={() => report("heatmap", "back")(null)}
      />
    ),
  },
  {
    name: "heatmap-log",
    title: "The same, logarithmic",
    chart: (
      <CanvasHeatmap
        {...common("heatmap-log", "Energy, logarithmic", 420)}
        data={data.heatmap(22)}
        scale="log"
        colors="other"
      />
    ),
  },
  {
    name: "difference",
    title: "Difference of two runs",
    chart: (
      <CanvasHeatmap
        {...common("difference", "Difference", 320)}
        data={data.difference(12)}
        difference
      />
    ),
  },
  {
    name: "heatmap-tokens",
    title: "Layer × token, more tokens than pixels",
    chart: (
      <CanvasHeatmap
        {...common("heatmap-tokens", "Energy per layer and token", 320)}
        data={data.tokenHeatmap(2000, 32)}
      />
    ),
  },
  { name: "treemap", title: "Where the energy went", chart: <DrillingTreemap /> },
  {
    name: "sankey",
    title: "Flow",
    chart: (
      <Sankey
        {...common("sankey", "Flow of energy", 420)}
        data={data.flow(16)}
        onActivate={report("sankey", "activate")}
      />
    ),
  },
  {
    name: "waterfall",
    title: "Per token",
    wide: true,
    chart: (
      <CanvasWaterfall
        {...common("waterfall", "Energy per token", 280)}
        data={data.waterfall(120)}
        token={40}
        selected={[60, 75]}
        onBrush={report("waterfall", "brush")}
        onActivate={report("waterfall", "activate")}
      />
    ),
  },
  {
    name: "scatter",
    title: "Speed against energy",
    chart: (
      <Scatter
        {...common("scatter", "Speed against energy", 320)}
        data={data.scatter(24)}
        onActivate={report("scatter", "activate")}
      />
    ),
  },
  {
    name: "histogram",
    title: "Spread over tokens",
    chart: (
      <Histogram
        {...common("histogram", "Spread of energy over tokens", 320)}
        data={data.spread(320)}
      />
    ),
  },
  {
    name: "components",
    title: "Components",
    chart: (
      <BarList
        {...common("components", "Energy by component")}
        data={data.componentBars()}
        onActivate={report("components", "activate")}
      />
    ),
  },
  {
    name: "domains",
    title: "Domains",
    chart: <BarList {...common("domains", "Energy by domain")} data={data.domainBars()} />,
  },
  {
    name: "changes",
    title: "Change to the baseline",
    chart: <BarList {...common("changes", "Change")} data={data.changeBars()} />,
  },
  {
    name: "runs",
    title: "Power of three runs",
    chart: (
      <SeriesChart {...common("runs", "Power of three runs", 260)} data={data.runsOverlaid()} />
    ),
  },
  {
    name: "layers",
    title: "Energy per layer of three runs",
    chart: <SeriesChart {...common("layers", "Energy per layer", 260)} data={data.perLayer(24)} />,
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
