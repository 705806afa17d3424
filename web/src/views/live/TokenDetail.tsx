// SPDX-License-Identifier: MIT
// One token closely: time, energy, power, and how its layers share them.

import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { queries } from "../../api/queries";
import type { Block } from "../../api/f32";
import type { MatrixHead } from "../../api/schema";
import { phaseTitle, visibleText } from "../../format/names";
import { formatEnergy, formatPower, formatTime } from "../../format/units";
import type { LayerSplit, LiveRun, LiveToken } from "../../live/run";
import { useView } from "../../state/view";
import { Graded } from "../../ui/Value";
import styles from "./TokenDetail.module.css";

export function TokenDetail({ run }: { readonly run: LiveRun }) {
  const chosen = useView((state) => state.token);
  const token = chosen === null ? undefined : run.tokens[chosen];
  if (!token)
    return (
      <p className={styles["hint"]}>
        Point at a token, or move with the arrow keys, to see what it took.
      </p>
    );
  return (
    <div className={styles["detail"]} aria-live="polite">
      <dl>
        <Fact title={`token ${token.index}, ${phaseTitle(token.phase)}`}>
          <q>{visibleText(token.text)}</q>
        </Fact>
        <Fact title="time">{formatTime(token.durationMs)}</Fact>
        <Fact title="energy">
          <Graded grade={token.grade}>{formatEnergy(token.energyMj)}</Graded>
        </Fact>
        <Fact title="power">
          <Graded grade={token.grade}>{formatPower(token.powerMw)}</Graded>
        </Fact>
      </dl>
      <Layers run={run} token={token} />
    </div>
  );
}

function Fact({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Rows of a matrix of times or energies, added up. */
export function splitOf({ head, values }: Block<MatrixHead>): {
  layers: number[];
  values: number[];
} {
  const width = head.components.length;
  const layers: number[] = [];
  const sums: number[] = [];
  head.layers.forEach((layer, row) => {
    if (layer < 0) return;
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++)
      if (!Number.isNaN(values[i]!)) sum += values[i]!;
    layers.push(layer);
    sums.push(sum);
  });
  return { layers, values: sums };
}

function Layers({ run, token }: { readonly run: LiveRun; readonly token: LiveToken }) {
  const live = run.splits.get(token.index);
  const metric = token.energyMj === null ? "time_ms" : "energy_mj";
  // what the stream did not bring is in the store, once the run has ended
  const stored = useQuery({
    ...queries.matrix(run.id, { token: token.index, metric }),
    enabled: live === undefined && run.status !== "running",
  });
  const split = useMemo(() => {
    if (live) return liveSplit(live, metric);
    return stored.data ? splitOf(stored.data) : null;
  }, [live, stored.data, metric]);
  if (!split) {
    return (
      <p className={styles["hint"]}>
        {run.status === "running"
          ? "Its layers were not sent live; they can be seen when the run has ended."
          : stored.isError
            ? "Its layers could not be read."
            : "Reading its layers…"}
      </p>
    );
  }
  const most = Math.max(...split.values, Number.MIN_VALUE);
  const format = metric === "energy_mj" ? formatEnergy : formatTime;
  const hottest = split.values.indexOf(most);
  if (hottest < 0)
    return <p className={styles["hint"]}>This token was not profiled, only timed.</p>;
  return (
    <figure className={styles["layers"]}>
      <div className={styles["bars"]} aria-hidden="true">
        {split.values.map((value, i) => (
          <span
            key={split.layers[i]}
            style={{ height: `${(100 * value) / most}%` }}
            title={`layer ${split.layers[i]}: ${format(value)}`}
          />
        ))}
      </div>
      <figcaption>
        {metric === "energy_mj" ? "energy" : "time"} of layers {split.layers[0]}–
        {split.layers.at(-1)}; most in layer {split.layers[hottest]}, {format(most)}
      </figcaption>
    </figure>
  );
}

function liveSplit(live: LayerSplit, metric: "time_ms" | "energy_mj") {
  const values = metric === "energy_mj" ? live.energyMj.map((value) => value ?? 0) : live.timeMs;
  const inside = live.layers
    .map((layer, i) => [layer, values[i]!] as const)
    .filter(([layer]) => layer >= 0);
  return { layers: inside.map(([layer]) => layer), values: inside.map(([, value]) => value) };
}
