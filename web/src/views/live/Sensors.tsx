// SPDX-License-Identifier: MIT
// Every power source: whether it can be read here, why not, and what to do about it.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson } from "../../api/client";
import { queries } from "../../api/queries";
import type { PowerSource, PowerStatus } from "../../api/schema";
import { Panel, stateOf } from "../../ui/Panel";
import styles from "./Sensors.module.css";

const STATES = {
  ready: { mark: "✓", says: "ready" },
  denied: { mark: "⊘", says: "not allowed" },
  broken: { mark: "✗", says: "broken" },
  absent: { mark: "–", says: "not on this machine" },
} as const;

// What needs somebody first, then what works, then what is not there.
const ORDER: readonly PowerSource["state"][] = ["denied", "broken", "ready", "absent"];

export function Sensors() {
  const status = useQuery(queries.powerStatus());
  const client = useQueryClient();
  const refresh = async () => {
    const fresh = await getJson<PowerStatus>("/power/status", { params: { refresh: true } });
    client.setQueryData(queries.powerStatus().queryKey, fresh);
  };
  return (
    <Panel
      title="Power sensors"
      state={stateOf(status)}
      actions={
        <button
          type="button"
          onClick={() =>
            void refresh().catch(() => client.invalidateQueries({ queryKey: ["power"] }))
          }
        >
          Look again
        </button>
      }
    >
      {status.data && <Rows status={status.data} />}
    </Panel>
  );
}

function Rows({ status }: { readonly status: PowerStatus }) {
  const by = (state: PowerSource["state"]) =>
    status.sources.filter((source) => source.state === state);
  const absent = by("absent");
  return (
    <div className={styles["sensors"]}>
      <Basis status={status} />
      <ul>
        {ORDER.filter((state) => state !== "absent")
          .flatMap(by)
          .map((source) => (
            <Source key={source.name} source={source} />
          ))}
      </ul>
      {absent.length > 0 && (
        <details>
          <summary>
            {absent.length} {STATES.absent.says}: {absent.map(({ name }) => name).join(", ")}
          </summary>
          <ul>
            {absent.map((source) => (
              <Source key={source.name} source={source} />
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

/** What the joules of a run rest on. */
function Basis({ status }: { readonly status: PowerStatus }) {
  if (status.default_spec === "none") {
    return (
      <p className={styles["advice"]} data-kind="told">
        Runs read no power source, as the server was told: they have times and no joules.
      </p>
    );
  }
  if (status.default_spec !== "auto") {
    return (
      <p className={styles["advice"]} data-kind="told">
        Runs take their power from <code>{status.default_spec}</code>, as the server was told.
      </p>
    );
  }
  if (status.has_sensor) return null;
  return (
    <p className={styles["advice"]}>
      <strong>{status.ready ? "Joules here are estimates:" : "There are no joules here:"}</strong>{" "}
      {status.advice ?? "no sensor can be read on this machine; times are measured all the same"}
    </p>
  );
}

function Source({ source }: { readonly source: PowerSource }) {
  const { mark, says } = STATES[source.state];
  return (
    <li data-state={source.state}>
      <span className={styles["mark"]} aria-hidden="true">
        {mark}
      </span>
      <div>
        <strong>{source.name}</strong> <span className={styles["state"]}>{says}</span>
        <div className={styles["reason"]}>{source.reason || source.summary}</div>
        {source.remedy && (
          <div className={styles["remedy"]}>
            Remedy: <span>{source.remedy}</span>
          </div>
        )}
      </div>
    </li>
  );
}
