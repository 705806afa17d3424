// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { quantities } from "../format/units";
import { randomFrom } from "../testing/random";
import {
  hitTimeline,
  layoutTimeline,
  timelineChart,
  timelineExtent,
  timelineTable,
  type TimelineWidth,
} from "./timeline";
import {
  energyPositions,
  sectionSpans,
  timelineData,
  type Span,
  type TimelineData,
} from "./timelineData";

const size = { width: 800, height: 160 };
const units = { time: quantities.time, energy: quantities.energy };
const LANES = ["phases", "passes", "spans"];

/** Phases that contain passes that contain spans, energies of children at most those of parents. */
function nested(seed: number, passes = 60): TimelineData {
  const random = randomFrom(seed);
  const spans: Span[] = [];
  let at = 0;
  for (const phase of ["prefill", "decode"]) {
    const begin = at;
    let total = 0;
    for (let pass = 0; pass < passes; pass++) {
      const start = at + random() * 0.1;
      let inside = start;
      let energy = 0;
      for (let i = 0; i < 20; i++) {
        const end = inside + random() ** 3;
        const mj = random();
        spans.push({ lane: 2, name: `op${i}`, start_ms: inside, end_ms: end, energy_mj: mj });
        energy += mj;
        inside = end + (random() < 0.2 ? 0.05 : 0);
      }
      energy *= 1 + random() * 0.1;
      spans.push({ lane: 1, name: `${pass}`, start_ms: start, end_ms: inside, energy_mj: energy });
      total += energy;
      at = inside;
    }
    spans.push({ lane: 0, name: phase, start_ms: begin, end_ms: at, energy_mj: total * 1.05 });
  }
  return timelineData(
    LANES,
    spans.sort(() => random() - 0.5),
  );
}

const both = ["time", "energy"] as const;
const inLane = (data: TimelineData, lane: number) =>
  Array.from(
    { length: data.first[lane + 1]! - data.first[lane]! },
    (_, i) => data.first[lane]! + i,
  );

describe("spans", () => {
  it("are sorted by lane and start, each name kept once", () => {
    const data = nested(1);
    expect(data.first).toEqual([0, 2, 122, 2522]);
    expect(data.names.length).toBeLessThanOrEqual(2 + 60 + 20);
    for (let lane = 0; lane < 3; lane++) {
      inLane(data, lane).forEach(
        (i, k) => k > 0 && expect(data.start_ms[i]).toBeGreaterThanOrEqual(data.start_ms[i - 1]!),
      );
    }
  });

  it("out of place are left out", () => {
    const bad = [
      { lane: 9, name: "a", start_ms: 0, end_ms: 1, energy_mj: 1 },
      { lane: -1, name: "b", start_ms: 0, end_ms: 1, energy_mj: 1 },
      { lane: 0, name: "c", start_ms: 2, end_ms: 1, energy_mj: 1 },
      { lane: 0, name: "d", start_ms: Number.NaN, end_ms: 1, energy_mj: 1 },
    ];
    expect(timelineData(LANES, bad).start_ms.length).toBe(0);
  });
});

describe("positions by energy", () => {
  it.each([1, 2, 3])(
    "give every span its energy as width, inside its parent, side by side (%d)",
    (seed) => {
      const data = nested(seed);
      for (let lane = 0; lane < 3; lane++) {
        let before = 0;
        for (const i of inLane(data, lane)) {
          expect(data.to_mj[i]! - data.from_mj[i]!).toBeCloseTo(data.energy_mj[i]!, 9);
          expect(data.from_mj[i]!).toBeGreaterThanOrEqual(before - 1e-9);
          before = data.to_mj[i]!;
          if (lane === 0) continue;
          const middle = (data.start_ms[i]! + data.end_ms[i]!) / 2;
          const parent = inLane(data, lane - 1).find(
            (p) => data.start_ms[p]! <= middle && middle <= data.end_ms[p]!,
          )!;
          expect(data.from_mj[i]!).toBeGreaterThanOrEqual(data.from_mj[parent]! - 1e-9);
          expect(data.to_mj[i]!).toBeLessThanOrEqual(data.to_mj[parent]! + 1e-9);
        }
      }
    },
  );

  it("scale children that claim more than their parent has", () => {
    const data = timelineData(
      ["a", "b"],
      [
        { lane: 0, name: "p", start_ms: 0, end_ms: 10, energy_mj: 6 },
        { lane: 1, name: "x", start_ms: 0, end_ms: 5, energy_mj: 8 },
        { lane: 1, name: "y", start_ms: 5, end_ms: 10, energy_mj: 4 },
      ],
    );
    expect([...data.from_mj]).toEqual([0, 0, 4]);
    expect([...data.to_mj]).toEqual([6, 4, 6]);
  });

  it("give no width to what is not known", () => {
    const { from_mj, to_mj } = energyPositions({
      first: [0, 3],
      start_ms: Float64Array.of(0, 1, 2),
      end_ms: Float64Array.of(1, 2, 3),
      energy_mj: Float64Array.of(2, Number.NaN, 3),
    });
    expect([...from_mj]).toEqual([0, 2, 2]);
    expect([...to_mj]).toEqual([2, 2, 5]);
  });
});

describe("sections", () => {
  const section = (name: string, start_ms: number, end_ms: number, duration_ms: number) => ({
    name,
    start_ms,
    end_ms,
    duration_ms,
    energy_mj: 1,
  });
  it("that lie scattered over a phase are laid side by side, as wide as they took", () => {
    const spans = sectionSpans(1, 100, [
      section("layers", 101, 190, 60),
      section("lm_head", 105, 195, 20),
    ]);
    expect(spans.map(({ name, start_ms, end_ms }) => [name, start_ms, end_ms])).toEqual([
      ["layers", 100, 160],
      ["lm_head", 160, 180],
    ]);
  });
  it("that follow each other stay where they were", () => {
    const spans = sectionSpans(1, 0, [section("b", 5, 9, 4), section("a", 1, 5, 4)]);
    expect(spans.map(({ start_ms, end_ms }) => [start_ms, end_ms])).toEqual([
      [1, 5],
      [5, 9],
    ]);
  });
});

describe.each(both)("a timeline by %s", (width: TimelineWidth) => {
  const data = nested(4);
  const full = timelineExtent(data, width);
  const views = [
    undefined,
    [full[0], full[1] / 3],
    [full[1] * 0.4, full[1] * 0.41],
    [full[1] * 0.99, full[1]],
  ] as const;

  it.each(views)("never overlaps within a lane (%s)", (...view) => {
    const range =
      view[0] === undefined ? undefined : (view as unknown as readonly [number, number]);
    const layout = layoutTimeline(data, { width, view: range, ...units }, size);
    const { plot } = layout;
    for (const lane of layout.lanes) {
      let end = plot.x;
      lane.x.forEach((x, i) => {
        expect(x).toBeGreaterThanOrEqual(end - 1e-9);
        expect(lane.w[i]).toBeGreaterThan(0);
        end = x + lane.w[i]!;
      });
      expect(end).toBeLessThanOrEqual(plot.x + plot.w + 1 + 1e-9);
      expect(lane.x.length).toBeLessThanOrEqual(2 * plot.w + 2);
    }
  });

  it("draws every span in view, alone or with others", () => {
    const layout = layoutTimeline(data, { width, ...units }, size);
    layout.lanes.forEach((lane, k) => {
      const drawn = lane.shared.reduce((sum, count) => sum + count, 0);
      const [from, to] =
        width === "time" ? [data.start_ms, data.end_ms] : [data.from_mj, data.to_mj];
      const visible = inLane(data, k).filter((i) => width === "time" || to[i]! > from[i]!);
      // a pixel column that a wide neighbour covers is dropped with what is in it
      expect(drawn).toBeGreaterThanOrEqual(visible.length * 0.97);
      expect(drawn).toBeLessThanOrEqual(visible.length);
    });
  });

  it("shows a pixel in the colour of its costliest span", () => {
    const layout = layoutTimeline(data, { width, ...units }, size);
    const lane = layout.lanes[2]!;
    const kept = new Set(lane.span);
    const costliest = inLane(data, 2).reduce((a, b) =>
      data.energy_mj[b]! > data.energy_mj[a]! ? b : a,
    );
    expect(kept.has(costliest)).toBe(true);
    expect(layout.shared).toBeGreaterThan(1000);
  });

  it("is hit where it is drawn", () => {
    const chart = timelineChart(data, { width, ...units });
    const layout = chart.layout(size);
    for (const lane of layout.lanes) {
      lane.x.forEach((x, i) => {
        const [cx, cy] = [x + lane.w[i]! / 2, lane.y + lane.h / 2];
        expect(hitTimeline(layout, cx, cy)).toBe(lane.span[i]);
        const box = chart.anchor(layout, lane.span[i]!)!;
        expect(cx).toBeGreaterThanOrEqual(box.x - 1);
        expect(cx).toBeLessThanOrEqual(box.x + box.w + 1);
      });
    }
    expect(chart.hit(layout, layout.plot.x + 5, size.height - 3)).toBeNull();
    expect(chart.anchor(layout, 99999)).toBeNull();
  });

  it("has no anchor for what is out of view", () => {
    const chart = timelineChart(data, { width, view: [full[1] * 0.9, full[1]], ...units });
    expect(chart.anchor(chart.layout(size), data.first[2]!)).toBeNull();
  });

  it("says that spans share pixels, and not when zoomed in", () => {
    const all = timelineChart(data, { width, ...units });
    expect(all.note!(all.layout(size))).toMatch(/^\d+ spans are narrower/);
    const near = timelineChart(data, { width, view: [full[0], full[1] / 5000], ...units });
    expect(near.note!(near.layout(size))).toBeNull();
  });

  it("steps along a lane and between lanes", () => {
    const chart = timelineChart(data, { width, ...units });
    const layout = chart.layout(size);
    const go = (
      from: number | null,
      ...steps: ("left" | "right" | "up" | "down" | "first" | "last")[]
    ) => steps.reduce<number | null>((at, step) => chart.step(layout, at, step), from);
    expect(go(null, "right")).toBe(0);
    expect(go(0, "right")).toBe(1);
    expect(go(1, "right", "right")).toBe(1);
    expect(go(1, "down")).toBe(data.first[1]! + 60);
    expect(go(1, "down", "up")).toBe(1);
    expect(go(0, "down", "last")).toBe(data.first[2]! - 1);
    expect(go(0, "down", "down", "first")).toBe(data.first[2]);
    expect(go(0, "up")).toBe(0);
  });
});

it("the table of a timeline has every span", () => {
  const data = nested(5, 3);
  const { rows } = timelineTable(data);
  expect(rows.length).toBe(data.start_ms.length);
  rows.forEach((row, i) => {
    expect(row[4]).toBeCloseTo((row[3] as number) - (row[2] as number), 12);
    expect(row[5]).toBe(data.energy_mj[i]);
  });
});
