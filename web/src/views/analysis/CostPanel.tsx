// SPDX-License-Identifier: MIT
// What the energy costs and emits where the electricity comes from.

import { useQuery } from "@tanstack/react-query";
import { queries } from "../../api/queries";
import { formatCost, formatMass } from "../../format/units";
import { setView, useView } from "../../state/view";
import { Panel, READY } from "../../ui/Panel";
import { footprint, perThousandTokens, type Footprint } from "./model/cost";
import { totalsOf } from "./model/header";
import { whyNot } from "./model/metrics";
import { useRun } from "./useRun";
import styles from "./CostPanel.module.css";

export function CostPanel() {
  const { report } = useRun();
  const chosen = useView((state) => state.region);
  const energy = useView((state) => state.energy);
  const table = useQuery(queries.grid());
  const regions = table.data?.regions ?? [];
  const region = regions.find((each) => each.region === chosen);
  const grid = region ?? report.grid;
  const own = regions.every((each) => each.region !== report.grid.region);
  const totals = totalsOf(report, energy);
  const none = whyNot("energy_mj", report);
  const dated = grid.date ? `figures of ${grid.date}` : "a preset";
  return (
    <Panel
      title="Cost and CO₂"
      state={none ? { kind: "unavailable", ...none } : READY}
      source={
        <>
          {grid.g_per_kwh} g CO₂/kWh, {grid.usd_per_kwh} USD/kWh, {dated}.{" "}
          {table.data && `Sources: ${table.data.source}; ${table.data.price_source}.`} Electricity
          alone: no embodied carbon, no cooling.
        </>
      }
    >
      <label className={styles["region"]}>
        Electricity of{" "}
        <select
          value={region?.region ?? ""}
          onChange={(event) => setView({ region: event.target.value || null })}
        >
          {(own || !region) && <option value="">{report.grid.region} (as the run says)</option>}
          {regions.map((each) => (
            <option key={each.region} value={each.region}>
              {each.region}
            </option>
          ))}
        </select>
      </label>
      <table>
        <thead>
          <tr>
            <th scope="col">{totals.net ? "energy above idle" : "energy"}</th>
            <th scope="col" data-numeric>
              cost
            </th>
            <th scope="col" data-numeric>
              CO₂
            </th>
          </tr>
        </thead>
        <tbody>
          <Row title="this run" value={footprint(totals.energy_mj, grid)} />
          <Row
            title="per 1 000 generated tokens"
            value={perThousandTokens(totals.energy_mj, report.output_tokens, grid)}
          />
        </tbody>
      </table>
    </Panel>
  );
}

function Row({ title, value }: { readonly title: string; readonly value: Footprint | null }) {
  return (
    <tr>
      <th scope="row">{title}</th>
      <td data-numeric>{formatCost(value?.usd)}</td>
      <td data-numeric>{formatMass(value?.co2_g)}</td>
    </tr>
  );
}
