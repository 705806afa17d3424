// SPDX-License-Identifier: MIT
// Single runs tell nothing of chance: the offer to make them again, in turns.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { actions, queries } from "../../api/queries";
import { visibleText } from "../../format/names";
import { setView } from "../../state/view";
import { announce } from "../../ui/announce";
import { Failure, Panel } from "../../ui/Panel";
import type { Group } from "./Compare";
import { Key } from "./Groups";
import { experimentName, interleaved, repeatRequest } from "./model/repeat";
import styles from "./Compare.module.css";

const USUAL = 10;
const MOST = 100;
const QUEUE_MS = 2000;

interface Accepted {
  readonly experiments: readonly string[];
  readonly ids: readonly string[];
}

export function Repeat({ groups }: { readonly groups: readonly Group[] }) {
  const client = useQueryClient();
  const id = useId();
  const [typed, setTyped] = useState(String(USUAL));
  const [sent, setSent] = useState(0);
  const times = Number(typed);
  const valid = Number.isInteger(times) && times >= 2 && times <= MOST;
  const ready = groups.length > 0 && groups.every(({ report }) => report !== undefined);
  const repeat = useMutation({ mutationFn: () => sendAll(groups, times, setSent), onSettled: () => renew() });
  const renew = () => {
    for (const key of ["queue", "store", "runs"]) void client.invalidateQueries({ queryKey: [key] });
    announce("The repeats wait for their turn");
  };
  return (
    <Panel title="Repeat the runs">
      <p className={styles["first"]}>
        A single run is one observation, so there is no telling a difference from chance. Repeated, in turns (A B B A …), the
        runs can be tested; ten of each are a good start.
      </p>
      <form
        className={styles["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          repeat.mutate();
        }}
      >
        <label htmlFor={id}>Repeat each run</label>
        <input
          id={id}
          type="number"
          min={2}
          max={MOST}
          required
          value={typed}
          aria-invalid={!valid}
          onChange={(event) => setTyped(event.target.value)}
        />
        <span>times</span>
        <button type="submit" className="primary" disabled={!valid || !ready || repeat.isPending || repeat.isSuccess}>
          Repeat
        </button>
        {repeat.isPending && (
          <span role="status">
            {sent} of {times * groups.length} sent…
          </span>
        )}
      </form>
      <Lost groups={groups} />
      {repeat.isError && <Failure error={repeat.error} />}
      {repeat.data && <Progress accepted={repeat.data} />}
    </Panel>
  );
}

async function sendAll(groups: readonly Group[], times: number, count: (sent: number) => void): Promise<Accepted> {
  const now = new Date();
  const experiments = groups.map(({ report }) => experimentName(report!, now));
  const ids: string[] = [];
  for (const g of interleaved(groups.length, times)) {
    const { request } = repeatRequest(groups[g]!.report!, experiments[g]!);
    ids.push((await actions.generate(request)).run_id);
    count(ids.length);
  }
  return { experiments, ids };
}

function Lost({ groups }: { readonly groups: readonly Group[] }) {
  const all = groups.flatMap(({ letter, report }) => {
    const lost = report ? repeatRequest(report, "").lost : [];
    return lost.length > 0 ? [{ letter, lost }] : [];
  });
  if (all.length === 0) return null;
  return (
    <div className={styles["note"]}>
      The page cannot ask for these settings; the repeats have the usual ones instead, all alike:
      <ul>
        {all.map(({ letter, lost }) => (
          <li key={letter}>
            <Key letter={letter} /> {lost.map(visibleText).join(", ")}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** How many of the repeats wait still. */
function Progress({ accepted }: { readonly accepted: Accepted }) {
  const queue = useQuery({ ...queries.queue(), refetchInterval: QUEUE_MS });
  const waiting = queue.data?.runs.filter((run) => accepted.ids.includes(run.run_id)).length ?? accepted.ids.length;
  const done = accepted.ids.length - waiting;
  return (
    <div className={styles["form"]} role="status">
      <span>
        {done} of {accepted.ids.length} runs are done.
      </span>
      <button
        type="button"
        disabled={waiting > 0}
        onClick={() =>
          setView({ runs: accepted.experiments.map((name) => `experiment:${name}`), standing: [] }, "push")
        }
      >
        Compare the repeats
      </button>
    </div>
  );
}
