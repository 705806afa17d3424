// SPDX-License-Identifier: MIT
// What the panels show: the metric, the token, and what is selected with what it cost.

import { useEffect, useMemo, useState, type KeyboardEvent } from "react";
import type { Token } from "../../api/schema";
import { phaseTitle, visibleText } from "../../format/names";
import { formatEnergy, formatRatio, formatTime } from "../../format/units";
import { setView, useView } from "../../state/view";
import { useActions, type Action } from "../../ui/actions";
import { Graded } from "../../ui/Value";
import { METRIC_INFO, usableMetric, whyNot } from "./model/metrics";
import { SPEEDS, stepToken, tokenAt } from "./model/play";
import { chosenSum, describeSelection, hasCells, hasStretch, type Span } from "./model/selection";
import {
  select,
  useChosenPasses,
  useMeasure,
  useRun,
  useSelection,
  useSettledSelection,
  useStacks,
} from "./useRun";
import styles from "./SelectionBar.module.css";

export function SelectionBar() {
  return (
    <section className={styles["bar"]} aria-label="Selection">
      <Metrics />
      <Slider />
      <Selected />
    </section>
  );
}

function Metrics() {
  const { report } = useRun();
  const metric = usableMetric(
    useView((state) => state.metric),
    report,
  );
  useActions(
    METRIC_INFO.map(({ metric: to, title }, i): Action => ({
      id: `metric-${to}`,
      title: `Metric: ${title}`,
      keys: [`${i + 1}`],
      group: "Analysis",
      listed: true,
      run: () => setView({ metric: to }),
    })),
  );
  return (
    <div className={styles["metrics"]} role="group" aria-label="Metric of layers and components">
      {METRIC_INFO.map(({ metric: to, title, says }, i) => (
        <button
          key={to}
          type="button"
          aria-pressed={to === metric}
          data-unavailable={whyNot(to, report) !== null || undefined}
          title={`${says} (${i + 1})`}
          onClick={() => setView({ metric: to })}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function Slider() {
  const { tokens } = useRun();
  const { token, tokens: range } = useSelection();
  const bounds: Span = range ?? [tokens[0]?.index ?? 0, tokens[tokens.length - 1]?.index ?? 0];
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(1);
  const go = (by: number | "first" | "last") => {
    setPlaying(false);
    select({ token: stepToken(token, by, bounds), time: null });
  };
  const play = () => setPlaying((now) => !now);
  usePlay(playing, speed, bounds, () => setPlaying(false));
  useActions([
    {
      id: "token-before",
      title: "Token before",
      keys: ["["],
      group: "Analysis",
      run: () => go(-1),
    },
    { id: "token-after", title: "Token after", keys: ["]"], group: "Analysis", run: () => go(1) },
    {
      id: "play",
      title: "Play or stop",
      keys: ["Space"],
      group: "Analysis",
      listed: true,
      run: play,
    },
  ]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === " ") play();
    else if (event.key === "Home") go("first");
    else if (event.key === "End") go("last");
    else return;
    event.preventDefault();
  };
  const looked = token === null ? undefined : tokens[token - (tokens[0]?.index ?? 0)];
  if (tokens.length === 0) return <p className={styles["none"]}>No token was evaluated.</p>;
  return (
    <div className={styles["slider"]}>
      <button
        type="button"
        onClick={() => go(-1)}
        aria-label="Token before"
        title="Token before ([)"
      >
        ‹
      </button>
      <button
        type="button"
        onClick={play}
        aria-pressed={playing}
        aria-label={playing ? "Stop" : "Play"}
        title="Play or stop (Space)"
      >
        {playing ? "❚❚" : "▶"}
      </button>
      <button type="button" onClick={() => go(1)} aria-label="Token after" title="Token after (])">
        ›
      </button>
      <select
        aria-label="Speed"
        value={speed}
        onChange={(event) => setSpeed(Number(event.target.value))}
      >
        {SPEEDS.map((one) => (
          <option key={one} value={one}>
            {one} ×
          </option>
        ))}
      </select>
      <input
        type="range"
        aria-label="Token"
        aria-valuetext={looked ? describeToken(looked) : "the whole run"}
        min={bounds[0]}
        max={bounds[1]}
        step={1}
        value={token ?? bounds[0]}
        data-idle={token === null || undefined}
        onChange={(event) => {
          setPlaying(false);
          select({ token: Number(event.target.value), time: null });
        }}
        onKeyDown={onKeyDown}
      />
      <output className={styles["looked"]}>
        {looked ? (
          <>
            <strong>{looked.index}</strong> {phaseTitle(looked.phase)} ·{" "}
            {formatEnergy(looked.energy_mj)} · {formatTime(looked.duration_ms)}
          </>
        ) : (
          `${tokens.length} tokens; move the slider to look at one`
        )}
      </output>
      {looked && <Around token={looked} />}
    </div>
  );
}

function describeToken(token: Token): string {
  return `token ${token.index}, ${phaseTitle(token.phase)}, "${clip(token.text)}", ${formatEnergy(token.energy_mj)}`;
}

const CLIP = 24;

function clip(text: string): string {
  const whole = visibleText(text);
  return whole.length > CLIP ? `${whole.slice(0, CLIP)}…` : whole;
}

const AROUND = 12;

/** The token in its text. */
function Around({ token }: { readonly token: Token }) {
  const { tokens } = useRun();
  const at = token.index - tokens[0]!.index;
  const some = tokens.slice(Math.max(0, at - AROUND), at + AROUND + 1);
  return (
    <p className={styles["around"]}>
      {some.map((each) => (
        <span
          key={each.index}
          data-now={each === token || undefined}
          data-profiled={each.profiled || undefined}
        >
          {clip(each.text)}
        </span>
      ))}
    </p>
  );
}

/** Moves on in the time the run took, times the speed. */
function usePlay(playing: boolean, speed: number, [first, last]: Span, stop: () => void): void {
  const { tokens } = useRun();
  useEffect(() => {
    if (!playing) return undefined;
    const inside = tokens.filter((token) => token.index >= first && token.index <= last);
    const now = useView.getState().token;
    const from = inside.find((token) => token.index === now && token.index !== last) ?? inside[0];
    const end = inside[inside.length - 1];
    if (!from || !end) return stop();
    let at = from.start_ms;
    let before: number | null = null;
    let frame = requestAnimationFrame(function step(time) {
      if (before !== null) at += (time - before) * speed;
      before = time;
      select({ token: tokenAt(inside, at), time: null });
      if (at >= end.start_ms) return stop();
      frame = requestAnimationFrame(step);
      return undefined;
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, first, last, tokens]);
}

function Selected() {
  const { report, tokens } = useRun();
  const selection = useSelection();
  const settled = useSettledSelection();
  const { stacks } = useStacks();
  const measure = useMeasure();
  const rows = useChosenPasses(stacks?.time.head, settled);
  const chosen = hasStretch(selection) || hasCells(selection);
  const sums = useMemo(() => {
    if (!stacks || !(hasStretch(settled) || hasCells(settled))) return null;
    const time = chosenSum(settled, stacks.time, rows, tokens, (pass) => pass.duration_ms);
    const energy = stacks.energy
      ? chosenSum(settled, stacks.energy, rows, tokens, (pass) => pass.energy_mj)
      : null;
    return time === null ? null : { duration_ms: time, energy_mj: energy };
  }, [settled, stacks, rows, tokens]);
  const whole = measure.of({
    energy_mj: report.total_energy_mj,
    duration_ms: report.total_duration_ms,
  });
  const value = sums && measure.of(sums);
  if (!chosen) return null;
  return (
    <div className={styles["selected"]}>
      <span>Selected:</span>
      {describeSelection(selection, formatTime).map(({ text, clear }) => (
        <button
          key={text}
          type="button"
          onClick={() => select(clear)}
          title="Take it back"
          aria-label={`Take back: ${text}`}
        >
          {text} <span aria-hidden="true">✕</span>
        </button>
      ))}
      <output>
        {sums ? (
          <>
            <Graded grade={hasCells(settled) && sums.energy_mj !== null ? "attributed" : null}>
              {measure.name === "time"
                ? formatTime(sums.duration_ms)
                : `${formatEnergy(value)} in ${formatTime(sums.duration_ms)}`}
            </Graded>
            {value !== null && whole ? `, ${formatRatio(value / whole)} of the run` : ""}
          </>
        ) : (
          "no pass was evaluated in it"
        )}
      </output>
    </div>
  );
}
