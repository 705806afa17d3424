// SPDX-License-Identifier: MIT
// What is there before a run: the way to the first one, or to the last one.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { queries } from "../../api/queries";
import type { Model, RunSummary } from "../../api/schema";
import { visibleText } from "../../format/names";
import { formatEnergy, formatPerToken, formatRate } from "../../format/units";
import { feed } from "../../live/feed";
import { setView } from "../../state/view";
import { Failure, Panel, stateOf } from "../../ui/Panel";
import { RunLink } from "../../ui/RunLink";
import { Graded } from "../../ui/Value";
import { firstModel, modelTitle, useStart } from "./Controls";
import { setDraft } from "./draft";
import styles from "./Welcome.module.css";

const FIRST_PROMPT = "Once upon a time";
const FIRST_LENGTH = 128;

export function Welcome() {
  const client = useQueryClient();
  const last = useQuery(queries.runs({ limit: 1 }));
  const models = useQuery(queries.models());
  useEffect(
    () => feed.onEnd(() => void client.invalidateQueries({ queryKey: ["runs"] })),
    [client],
  );
  const run = last.data?.items[0];
  return (
    <Panel title={run ? "No run is going on" : "Your first run"} state={stateOf(last, models)}>
      {run && <LastRun run={run} />}
      {!run && models.data && <FirstRun models={models.data} />}
    </Panel>
  );
}

function LastRun({ run }: { readonly run: RunSummary }) {
  return (
    <div className={styles["welcome"]}>
      <p>
        Choose a model, write a prompt and start: power, layers and tokens appear here as they come.
      </p>
      <p>
        The last run, {run.created_at.replace("T", " ").slice(0, 16)}: {run.model_name},{" "}
        <q>{visibleText(run.prompt ?? "").slice(0, 80)}</q>
        {" · "}
        <Graded grade={run.power.grade}>{formatEnergy(run.total_energy_mj)}</Graded>
        {" · "}
        <Graded grade={run.power.grade}>{formatPerToken(run.joules_per_token)}</Graded>
        {" · "}
        {formatRate(run.tokens_per_second)}
      </p>
      <RunLink id={run.id}>Open its analysis</RunLink>
    </div>
  );
}

function FirstRun({ models }: { readonly models: readonly Model[] }) {
  const start = useStart();
  const model = firstModel(models);
  if (!model) {
    return (
      <div className={styles["welcome"]}>
        <p>
          No model was found. Ergon runs GGUF files: start it with{" "}
          <code>ergon serve --models-dir FOLDER</code>, or make one with random weights,{" "}
          <code>ergon synth</code>.
        </p>
        <button type="button" onClick={() => window.location.reload()}>
          Look again
        </button>
      </div>
    );
  }
  const go = () => {
    setDraft({
      model: model.name,
      prompt: FIRST_PROMPT,
      length: String(FIRST_LENGTH),
      depth: "module",
    });
    start.mutate(
      {
        model_name: model.name,
        prompt: FIRST_PROMPT,
        max_length: FIRST_LENGTH,
        profiling_depth: "module",
      },
      { onSuccess: () => setView({ view: "live" }, "push") },
    );
  };
  return (
    <div className={styles["welcome"]}>
      <p>
        Ergon runs a language model, measures the machine's power meanwhile, and shows where the
        joules went: phases, tokens, layers, components.
      </p>
      <ol>
        <li>
          <button type="button" className="primary" onClick={go} disabled={start.isPending}>
            Profile “{FIRST_PROMPT}”
          </button>
          <div className={styles["what"]}>
            with {modelTitle(model)}; {FIRST_LENGTH} new tokens
          </div>
        </li>
        <li>Watch power, layers and tokens fill in as the model writes.</li>
        <li>When it has ended, open its analysis; then try prompts and models of your own.</li>
      </ol>
      {start.isError && <Failure error={start.error} />}
    </div>
  );
}
