// SPDX-License-Identifier: MIT
// What drew it: CPU, GPU, ANE, DRAM and the rest, of the run or of the selected tokens.

import { useMemo } from "react";
import { BarList } from "../../charts/BarList";
import { barsTable, type BarsData } from "../../charts/bars";
import { DOMAIN_TITLE } from "../../format/names";
import { formatRatio, quantities } from "../../format/units";
import { ChartPanel } from "../../ui/ChartPanel";
import { READY } from "../../ui/Panel";
import { domainsOfTokens } from "./model/domains";
import { whyNot } from "./model/metrics";
import { chosenTokens } from "./model/selection";
import { stretchTitle } from "./model/stretch";
import { useRun, useSettledSelection } from "./useRun";

export function DomainPanel() {
  const { id, report, tokens } = useRun();
  const selection = useSettledSelection();
  const range = chosenTokens(selection, tokens);
  const domains = useMemo(
    () => (range === null || range === "none" ? report.domains : domainsOfTokens(tokens, range)),
    [range === null || range === "none" ? "" : range.join(), report, tokens],
  );
  const data = useMemo((): BarsData => {
    const total = domains.reduce((sum, { energy_mj }) => sum + energy_mj, 0);
    return {
      bars: domains.map(({ domain, energy_mj }) => ({
        key: domain,
        label: DOMAIN_TITLE[domain],
        value: energy_mj,
        style: { domain },
        detail: formatRatio(total > 0 ? energy_mj / total : null),
      })),
      quantity: quantities.energy,
      kind: "domain",
    };
  }, [domains]);
  const none = whyNot("energy_mj", report);
  return (
    <ChartPanel
      file={`${id}-domains`}
      title="By part of the machine"
      state={none ? { kind: "unavailable", ...none } : READY}
      table={() => barsTable(data)}
      source={`Of ${range === "none" ? "the whole run" : stretchTitle(selection, tokens)}; gross; ${report.power.sources.join(", ")} (${report.power.grade}).`}
    >
      {(handle) => <BarList data={data} label="Energy by part of the machine" handle={handle} />}
    </ChartPanel>
  );
}
