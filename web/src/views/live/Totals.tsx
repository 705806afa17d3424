// SPDX-License-Identifier: MIT

import type { ReactNode } from "react";
import {
  formatCount,
  formatEnergy,
  formatPerToken,
  formatPower,
  formatRate,
  formatTime,
  UNKNOWN,
} from "../../format/units";
import { useLive } from "../../live/feed";
import { useView } from "../../state/view";
import { Graded } from "../../ui/Value";
import styles from "./Totals.module.css";
import { totalsOf } from "./totals";

export function RunningTotals() {
  const { run } = useLive();
  const kind = useView((state) => state.energy);
  if (!run) return null;
  const totals = totalsOf(run, kind);
  const isOver = run.summary !== null;
  const prefix = kind === "net" ? "net " : "";
  return (
    <dl className={styles["totals"]} title={totals.noNet ?? undefined}>
      <Total title={`${prefix}energy`}>
        <Graded grade={totals.grade}>{formatEnergy(totals.energyMj)}</Graded>
      </Total>
      <Total title={`${prefix}energy per token`}>
        <Graded grade={totals.grade}>{formatPerToken(totals.joulesPerToken)}</Graded>
      </Total>
      <Total title={isOver ? "generation" : "speed"}>{formatRate(totals.tokensPerSecond)}</Total>
      <Total title={isOver ? `average ${prefix}power` : "power now"}>
        <Graded grade={totals.grade}>{formatPower(totals.powerMw)}</Graded>
      </Total>
      <Total title={`peak ${isOver ? prefix : ""}power`}>
        <Graded grade={totals.grade}>{formatPower(totals.peakMw)}</Graded>
      </Total>
      <Total title="new tokens">{formatCount(totals.outputTokens)}</Total>
      <Total title="time">{formatTime(totals.elapsedMs)}</Total>
      {totals.noNet && <p className={styles["note"]}>net: {totals.noNet}</p>}
    </dl>
  );
}

function Total({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children ?? UNKNOWN}</dd>
    </div>
  );
}
