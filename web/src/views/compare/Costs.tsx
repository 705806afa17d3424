// SPDX-License-Identifier: MIT

import { useQuery } from "@tanstack/react-query";
import { queries } from "../../api/queries";
import type { Region } from "../../api/schema";
import { visibleText } from "../../format/names";
import { formatCost, formatMass, formatPlain } from "../../format/units";
import { setView, useView } from "../../state/view";
import { Panel, stateOf } from "../../ui/Panel";
import type { Group } from "./Compare";
import { Key } from "./Groups";
import { priceOf, type Price } from "./model/price";
import styles from "./Compare.module.css";

/** The chosen region, else that of the baseline, else the server's usual one. */
function regionOf(regions: readonly Region[], chosen: string | null, groups: readonly Group[]): Region | undefined {
  const called = (name: string | null | undefined) => regions.find(({ region }) => region === name);
  return called(chosen) ?? called(groups[0]?.report?.grid.region) ?? regions.find((each) => each.default);
}

export function Costs({ groups }: { readonly groups: readonly Group[] }) {
  const grid = useQuery(queries.grid());
  const chosen = useView((state) => state.region);
  const regions = grid.data?.regions ?? [];
  const region = regionOf(regions, chosen, groups);
  const state = stateOf(grid);
  const known = groups.some(({ energiesMj }) => energiesMj.some((value) => value !== null));
  return (
    <Panel
      title="Cost and CO2"
      state={
        state.kind === "ready" && !known
          ? { kind: "unavailable", reason: "No energy is known of these runs: there was no power source." }
          : state
      }
      actions={
        <select
          aria-label="Region"
          value={region?.region ?? ""}
          onChange={(event) => setView({ region: event.target.value })}
        >
          {regions.map(({ region: name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      }
      source={grid.data && region && <Source region={region} source={grid.data.source} prices={grid.data.price_source} />}
    >
      {region && <PriceTable groups={groups} region={region} />}
    </Panel>
  );
}

interface SourceProps {
  readonly region: Region;
  readonly source: string;
  readonly prices: string;
}

function Source({ region, source, prices }: SourceProps) {
  return (
    <>
      {formatPlain(region.g_per_kwh)} g CO2 and {formatPlain(region.usd_per_kwh)} USD per kWh
      {region.date ? `, figures of ${region.date}` : ", a preset"}. Carbon: {source}. Prices: {prices}. The same place for
      all, wherever the runs were made.
    </>
  );
}

const COLUMNS: readonly (readonly [title: string, show: (price: Price) => string])[] = [
  ["cost of a run", (price) => formatCost(price.usd)],
  ["of 1 000 tokens", (price) => formatCost(price.usdPerThousandTokens)],
  ["CO2 of a run", (price) => formatMass(price.g)],
  ["of 1 000 tokens", (price) => formatMass(price.gPerThousandTokens)],
];

function PriceTable({ groups, region }: { readonly groups: readonly Group[]; readonly region: Region }) {
  return (
    <div className={styles["scroll"]} tabIndex={0} role="region" aria-label="Cost and CO2, table">
      <table>
        <thead>
          <tr>
            <th scope="col">group</th>
            {COLUMNS.map(([title], i) => (
              <th key={i} scope="col" data-numeric>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => {
            const price = priceOf(group.energiesMj, group.joulesPerToken, region);
            return (
              <tr key={group.letter}>
                <th scope="row">
                  <Key letter={group.letter} /> <bdi>{visibleText(group.title)}</bdi>
                </th>
                {COLUMNS.map(([, show], i) => (
                  <td key={i} data-numeric>
                    {show(price)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
