// SPDX-License-Identifier: MIT
// The text as it comes, each token tinted by what it took; one of them can be looked at closely.

import { memo, useEffect, useRef, type KeyboardEvent, type MouseEvent } from "react";
import { visibleText } from "../../format/names";
import { formatEnergy, formatTime } from "../../format/units";
import { useLive } from "../../live/feed";
import type { LiveRun, LiveToken } from "../../live/run";
import { setView, useView } from "../../state/view";
import { useActions } from "../../ui/actions";
import type { Table } from "../../ui/DataTable";
import { Panel, type PanelState } from "../../ui/Panel";
import { useSilence } from "./Now";
import { SteadyMedian, tintOf } from "./tint";
import { TokenDetail } from "./TokenDetail";
import styles from "./TokenStream.module.css";

const CHUNK = 64;
// A token is a few characters; one of thousands would make each layout of the page slow.
const MOST_CHARS = 200;

type Basis = "energy" | "time";
const valueOf = (token: LiveToken, basis: Basis) =>
  basis === "energy" ? token.energyMj : token.durationMs;

/** Tints of one run; a reference that moved is a new `epoch`. */
class Tints {
  readonly run: LiveRun;
  readonly #medians = { energy: new SteadyMedian(), time: new SteadyMedian() };
  #seen = 0;

  constructor(run: LiveRun) {
    this.run = run;
  }

  update(): { basis: Basis; median: number } {
    const { tokens } = this.run;
    for (; this.#seen < tokens.length; this.#seen++) {
      const token = tokens[this.#seen];
      if (!token || token.phase !== "decode") continue;
      this.#medians.energy.add(token.energyMj);
      this.#medians.time.add(token.durationMs);
    }
    const basis = this.#medians.energy.value > 0 ? "energy" : "time";
    return { basis, median: this.#medians[basis].value };
  }
}

export function TokenStream() {
  const { run } = useLive();
  const silence = useSilence();
  const tints = useRef<Tints | null>(null);
  if (run && tints.current?.run !== run) tints.current = new Tints(run);
  const { basis, median } = tints.current?.update() ?? { basis: "energy" as const, median: 0 };
  if (!run) return null;
  return (
    <Panel
      title="Tokens"
      state={stateOf(run, silence)}
      table={() => tokenTable(run)}
      source={<Legend basis={basis} median={median} />}
    >
      <Stream run={run} basis={basis} median={median} />
      <TokenDetail run={run} />
    </Panel>
  );
}

function stateOf(run: LiveRun, silence: string | null): PanelState {
  if (run.tokens.length === 0) {
    return {
      kind: "empty",
      says: run.status === "running" ? "Waiting for the first token…" : "No token came.",
    };
  }
  const holes = run.missingTokens;
  return {
    kind: "ready",
    stale: silence ?? undefined,
    partial: holes ? `${holes} tokens are missing` : undefined,
  };
}

function tokenTable(run: LiveRun): Table {
  return {
    columns: ["token", "text", "phase", "duration_ms", "energy_mj", "power_mw"].map((label, i) => ({
      label,
      numeric: i === 0 || i > 2,
    })),
    rows: run.tokens.flatMap((token) =>
      token
        ? [
            [
              token.index,
              visibleText(token.text),
              token.phase,
              token.durationMs,
              token.energyMj,
              token.powerMw,
            ],
          ]
        : [],
    ),
  };
}

function Stream({
  run,
  basis,
  median,
}: {
  readonly run: LiveRun;
  readonly basis: Basis;
  readonly median: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const chosen = useView((state) => state.token);
  const last = run.tokens.length - 1;
  const move = (to: number) => setView({ token: Math.max(0, Math.min(last, to)) });
  useActions([
    {
      id: "token-before",
      title: "Token before",
      keys: ["["],
      group: "Tokens",
      run: () => move((chosen ?? last + 1) - 1),
    },
    {
      id: "token-after",
      title: "Token after",
      keys: ["]"],
      group: "Tokens",
      run: () => move((chosen ?? last - 1) + 1),
    },
    ...(chosen === null
      ? []
      : [
          {
            id: "token-none",
            title: "No token",
            keys: ["Escape"],
            group: "Tokens",
            run: () => setView({ token: null }),
          },
        ]),
  ]);
  useEffect(() => {
    if (chosen === null) return;
    box.current?.querySelector(`[data-token="${chosen}"]`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const now = chosen ?? last;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(chosen === null && event.key.startsWith("Arrow") ? last : to);
  };
  const onPoint = (event: MouseEvent) => {
    const token = (event.target as HTMLElement).dataset["token"];
    if (token !== undefined) setView({ token: Number(token) });
  };
  const chunks: number[] = [];
  for (let from = 0; from <= last; from += CHUNK) chunks.push(from);
  return (
    <div
      ref={box}
      className={styles["stream"]}
      role="listbox"
      aria-label="Tokens of prompt and answer"
      aria-activedescendant={chosen !== null && run.tokens[chosen] ? `token-${chosen}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onMouseOver={onPoint}
      onClick={onPoint}
    >
      <div>
        {chunks.map((from) => {
          const to = Math.min(last + 1, from + CHUNK);
          return (
            <Chunk
              key={`${run.id}-${from}`}
              run={run}
              from={from}
              to={to}
              filled={countFilled(run, from, to)}
              basis={basis}
              median={median}
              chosen={chosen !== null && chosen >= from && chosen < to ? chosen : null}
            />
          );
        })}
      </div>
    </div>
  );
}

function countFilled(run: LiveRun, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if (run.tokens[i]) count++;
  return count;
}

function streamText(text: string): string {
  const shown = visibleText(text.slice(0, MOST_CHARS)).replaceAll("↵", "↵\n");
  return text.length > MOST_CHARS ? `${shown}…` : shown || "∅";
}

interface ChunkProps {
  readonly run: LiveRun;
  readonly from: number;
  readonly to: number;
  /** Makes a chunk that has got tokens a new one. */
  readonly filled: number;
  readonly basis: Basis;
  readonly median: number;
  readonly chosen: number | null;
}

const Chunk = memo(function Chunk({ run, from, to, basis, median, chosen }: ChunkProps) {
  const out = [];
  for (let i = from; i < to; i++) {
    const token = run.tokens[i];
    if (!token) {
      if (i === from || run.tokens[i - 1]) out.push(<Hole key={i} run={run} from={i} />);
      continue;
    }
    out.push(
      <span
        key={i}
        id={`token-${i}`}
        role="option"
        aria-selected={i === chosen}
        data-token={i}
        data-phase={token.phase}
        data-tint={tintOf(valueOf(token, basis), median) ?? undefined}
      >
        {streamText(token.text)}
      </span>,
    );
  }
  return <>{out}</>;
});

function Hole({ run, from }: { readonly run: LiveRun; readonly from: number }) {
  let to = from;
  while (to < run.tokens.length && !run.tokens[to]) to++;
  return (
    <span className={styles["hole"]} role="option" aria-selected="false" aria-disabled="true">
      {to - from} missing
    </span>
  );
}

function Legend({ basis, median }: { readonly basis: Basis; readonly median: number }) {
  if (!(median > 0)) return null;
  return (
    <span className={styles["legend"]}>
      tint: {basis === "energy" ? "energy" : "time (no energy is known)"} against the median token,{" "}
      {basis === "energy" ? formatEnergy(median) : formatTime(median)}
      <span aria-hidden="true" className={styles["scale"]}>
        <span data-tint="0">½×</span>
        <span data-tint="3">1×</span>
        <span data-tint="5">1.4×</span>
        <span data-tint="6">2×</span>
        <span data-tint="7">4×</span>
      </span>
    </span>
  );
}
