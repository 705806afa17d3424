// SPDX-License-Identifier: MIT
// What to run, how deep to look, and the buttons that start and stop it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import {
  useEffect,
  useId,
  useState,
  type ChangeEvent,
  type FormEvent,
  type ReactNode,
} from "react";
import { ApiError } from "../../api/client";
import { actions, queries } from "../../api/queries";
import type { Capabilities, Model } from "../../api/schema";
import { formatBytes, formatCount } from "../../format/units";
import { feed, useLiveValue } from "../../live/feed";
import { useActions } from "../../ui/actions";
import { announce } from "../../ui/announce";
import { Failure, messageOf, Panel, stateOf } from "../../ui/Panel";
import styles from "./Controls.module.css";
import {
  MEASURING,
  PROFILE,
  requestOf,
  SAMPLING,
  setDraft,
  useDraft,
  type Depth,
  type Field,
  type Wrong,
} from "./draft";
import { Waiting } from "./Waiting";

const BUNDLED = /^tales\b/;

/** Sends a draft's request; what is wrong with it, or with the answer, is for the form to show. */
export function useStart() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: actions.generate,
    onSuccess: ({ run_id: id }) => {
      feed.expect(id);
      announce("The run has been accepted");
      void client.invalidateQueries({ queryKey: ["queue"] });
      void client.invalidateQueries({ queryKey: ["store"] });
    },
  });
}

export function Controls() {
  const models = useQuery(queries.models());
  const capabilities = useQuery(queries.capabilities());
  return (
    <Panel title="Profile a prompt" state={stateOf(models, capabilities)}>
      {models.data && capabilities.data && (
        <Form models={models.data} depths={capabilities.data.depths} />
      )}
    </Panel>
  );
}

function Form({
  models,
  depths,
}: {
  readonly models: readonly Model[];
  readonly depths: Capabilities["depths"];
}) {
  const draft = useDraft();
  const start = useStart();
  const [wrong, setWrong] = useState<Wrong>({});
  const isRunning = useLiveValue((run) => run?.status === "running");
  useChosenModel(models, draft.model);
  useActions([
    {
      id: "prompt",
      title: "Write a prompt",
      keys: ["/"],
      group: "Live",
      listed: true,
      run: focusPrompt,
    },
    {
      id: "start",
      title: "Start the run",
      keys: ["Ctrl+Enter"],
      group: "Live",
      listed: true,
      run: () => submit(),
    },
  ]);

  const submit = () => {
    const checked = requestOf(draft);
    if ("wrong" in checked) {
      setWrong(checked.wrong);
      announce(`Not started: ${Object.keys(checked.wrong).length} fields are wrong`);
      return;
    }
    setWrong({});
    start.mutate(checked.request);
  };
  const rejected = refusedField(start.error);
  const problems: Wrong = { ...wrong, ...rejected };
  const set =
    (name: string) =>
    (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) =>
      setDraft({ [name]: event.target.value });
  return (
    <form
      className={styles["form"]}
      noValidate
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit();
      }}
    >
      <Labelled title="Model" wrong={problems["model_name"]}>
        {(id, described) => (
          <select id={id} {...described} value={draft.model} onChange={set("model")}>
            <option value="">choose…</option>
            {models.map((model) => (
              <option key={model.name} value={model.name} disabled={model.error !== null}>
                {modelTitle(model)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled title="Prompt" wrong={problems["prompt"]}>
        {(id, described) => (
          <textarea
            id={id}
            data-prompt
            {...described}
            rows={4}
            value={draft.prompt}
            onChange={set("prompt")}
          />
        )}
      </Labelled>
      <Depths depths={depths} value={draft.depth} />
      <div className={styles["pair"]}>
        <Labelled title="New tokens" wrong={problems["max_length"]}>
          {(id, described) => (
            <input
              id={id}
              {...described}
              inputMode="numeric"
              placeholder="128"
              value={draft.length}
              onChange={set("length")}
            />
          )}
        </Labelled>
        <Labelled title="Tags" wrong={problems["tags"]}>
          {(id, described) => (
            <input
              id={id}
              {...described}
              placeholder="baseline, quiet"
              value={draft.tags}
              onChange={set("tags")}
            />
          )}
        </Labelled>
      </div>
      <Custom wrong={problems} />
      {start.isError && Object.keys(rejected).length === 0 && <Failure error={start.error} />}
      <div className={styles["buttons"]}>
        <button type="submit" className="primary" disabled={start.isPending}>
          {isRunning ? "Start behind it" : "Start"}
        </button>
        <Stop />
      </div>
      <Waiting />
    </form>
  );
}

function focusPrompt() {
  document.querySelector<HTMLElement>("[data-prompt]")?.focus();
}

// A server's refusal that names a field belongs to the field.
function refusedField(error: unknown): Wrong {
  if (!(error instanceof ApiError) || !error.parameter) return {};
  const name = error.parameter.replace(/^.*\./, "");
  const known = [
    "model_name",
    "prompt",
    "max_length",
    "tags",
    ...[...SAMPLING, ...MEASURING, ...PROFILE].map((f) => f.name),
  ];
  return known.includes(name) ? { [name]: messageOf(error) } : {};
}

// The first time, a model is chosen already; and one that has gone is not chosen any more.
function useChosenModel(models: readonly Model[], chosen: string) {
  const isThere = models.some((model) => model.name === chosen && model.error === null);
  const wanted = isThere ? chosen : (firstModel(models)?.name ?? "");
  useEffect(() => {
    if (wanted !== chosen) setDraft({ model: wanted });
  }, [wanted, chosen]);
}

/** The model a first run is made with: the one that comes with Ergon, else the smallest. */
export function firstModel(models: readonly Model[]): Model | null {
  const usable = models
    .filter((model) => model.error === null)
    .toSorted((a, b) => a.file_bytes - b.file_bytes);
  return usable.find((model) => BUNDLED.test(model.name)) ?? usable[0] ?? null;
}

export function modelTitle({ name, model, file_bytes: bytes, error }: Model): string {
  if (error !== null) return `${name}: ${error}`;
  const parameters =
    typeof model?.["parameters"] === "number" ? formatCount(model["parameters"]) : null;
  const quantization = typeof model?.["quantization"] === "string" ? model["quantization"] : null;
  return [name, [parameters, quantization, formatBytes(bytes)].filter(Boolean).join(", ")].join(
    " · ",
  );
}

function Stop() {
  const id = useLiveValue((run) => (run?.status === "running" ? run.id : null));
  const stop = useMutation({ mutationFn: actions.cancel });
  useActions(
    id === null
      ? []
      : [
          {
            id: "stop",
            title: "Stop the run",
            group: "Live",
            listed: true,
            run: () => stop.mutate(id),
          },
        ],
  );
  return (
    <>
      <button
        type="button"
        disabled={id === null || stop.isPending}
        onClick={() => id !== null && stop.mutate(id)}
      >
        Stop
      </button>
      {stop.isError && id !== null && <span role="alert">{messageOf(stop.error)}</span>}
    </>
  );
}

const DEPTH_TITLE: Partial<Record<Depth, string>> = {
  minimal: "minimal",
  module: "module",
  deep: "deep",
};

function Depths({
  depths,
  value,
}: {
  readonly depths: Capabilities["depths"];
  readonly value: Depth;
}) {
  const shown = depths.filter(({ name }) => name in DEPTH_TITLE);
  return (
    <fieldset>
      <legend>Depth</legend>
      <div className={styles["depths"]}>
        {shown.map((depth) => (
          <label key={depth.name} data-chosen={depth.name === value || undefined}>
            <input
              type="radio"
              name="depth"
              value={depth.name}
              checked={depth.name === value}
              onChange={() => setDraft({ depth: depth.name as Depth })}
            />
            <strong>{depth.name}</strong>
            <span>{depth.summary}</span>
            <span className={styles["cost"]}>
              ≤ {depth.slowdown_goal_pct} % slower, ≤ {formatBytes(depth.store_bytes_per_token)} per
              token
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Custom({ wrong }: { readonly wrong: Wrong }) {
  const custom = useDraft((draft) => draft.custom);
  const set = Object.values(custom).filter((value) => value.trim()).length;
  const hasWrong = [...SAMPLING, ...MEASURING, ...PROFILE].some(({ name }) => name in wrong);
  const groups: readonly [string, readonly Field[]][] = [
    ["Sampling", SAMPLING],
    ["Measuring", MEASURING],
    ["Profile", PROFILE],
  ];
  return (
    <details className={styles["custom"]} open={hasWrong || undefined}>
      <summary>Custom{set > 0 && <span className={styles["set"]}> {set} set</span>}</summary>
      {groups.map(([title, fields]) => (
        <fieldset key={title}>
          <legend>{title}</legend>
          <div className={styles["fields"]}>
            {fields.map((field) => (
              <CustomField
                key={field.name}
                field={field}
                value={custom[field.name] ?? ""}
                wrong={wrong[field.name]}
              />
            ))}
          </div>
        </fieldset>
      ))}
      {set > 0 && (
        <button type="button" onClick={() => setDraft({ custom: {} })}>
          All as usual
        </button>
      )}
    </details>
  );
}

function CustomField({
  field,
  value,
  wrong,
}: {
  readonly field: Field;
  readonly value: string;
  readonly wrong: string | undefined;
}) {
  const onChange = (event: ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
    setDraft({ custom: { ...useDraft.getState().custom, [field.name]: event.target.value } });
  return (
    <Labelled title={field.title} says={field.says} wrong={wrong}>
      {(id, described) =>
        field.kind === "choice" || field.kind === "switch" ? (
          <select id={id} {...described} value={value} onChange={onChange}>
            <option value="">as usual</option>
            {(field.kind === "choice" ? field.choices : ["on", "off"]).map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </select>
        ) : (
          <input
            id={id}
            {...described}
            value={value}
            placeholder={field.kind === "layers" ? "all" : field.usual}
            inputMode={field.kind === "text" || field.kind === "layers" ? "text" : "decimal"}
            onChange={onChange}
          />
        )
      }
    </Labelled>
  );
}

interface Described {
  readonly "aria-describedby"?: string;
  readonly "aria-invalid"?: true;
}

function Labelled({
  title,
  says,
  wrong,
  children,
}: {
  readonly title: string;
  readonly says?: string;
  readonly wrong?: string | undefined;
  readonly children: (id: string, described: Described) => ReactNode;
}) {
  const id = useId();
  const about = `${id}-about`;
  const described: Described = {
    ...(says || wrong ? { "aria-describedby": about } : {}),
    ...(wrong ? { "aria-invalid": true as const } : {}),
  };
  return (
    <div className={styles["field"]}>
      <label htmlFor={id}>{title}</label>
      {children(id, described)}
      {(says || wrong) && (
        <span id={about} className={wrong ? styles["wrong"] : styles["says"]}>
          {wrong ?? says}
        </span>
      )}
    </div>
  );
}
