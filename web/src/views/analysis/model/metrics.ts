// SPDX-License-Identifier: MIT
// What the layer × component matrix can show.

import type { RunReport } from "../../../api/schema";
import { quantities, type Quantity } from "../../../format/units";
import type { Metric } from "../../../state/view";

export interface MetricInfo {
  readonly metric: Metric;
  readonly title: string;
  readonly says: string;
  readonly quantity: Quantity;
  readonly colors: "energy" | "other";
}

/** In the order of the keys 1 to 8. */
export const METRIC_INFO: readonly MetricInfo[] = [
  {
    metric: "energy_mj",
    title: "energy",
    says: "energy of the operations of a component",
    quantity: quantities.energy,
    colors: "energy",
  },
  {
    metric: "time_ms",
    title: "time",
    says: "time of the operations of a component",
    quantity: quantities.time,
    colors: "other",
  },
  {
    metric: "power_mw",
    title: "power",
    says: "energy over time",
    quantity: quantities.power,
    colors: "energy",
  },
  {
    metric: "activation_mean",
    title: "mean",
    says: "mean of |x| of a component's result",
    quantity: quantities.plain("mean of |x|"),
    colors: "other",
  },
  {
    metric: "activation_std",
    title: "deviation",
    says: "standard deviation of a component's result",
    quantity: quantities.plain("standard deviation"),
    colors: "other",
  },
  {
    metric: "activation_max",
    title: "maximum",
    says: "greatest |x| of a component's result",
    quantity: quantities.plain("greatest |x|"),
    colors: "other",
  },
  {
    metric: "activation_sparsity",
    title: "sparsity",
    says: "share of a component's result with |x| below the threshold",
    quantity: quantities.ratio("sparsity"),
    colors: "other",
  },
  {
    metric: "attention_entropy",
    title: "entropy",
    says: "entropy of the attention weights, averaged over heads",
    quantity: quantities.plain("entropy", "nats"),
    colors: "other",
  },
];

export const metricInfo = (metric: Metric): MetricInfo =>
  METRIC_INFO.find((info) => info.metric === metric) ?? METRIC_INFO[0]!;

/** Why a run cannot show a metric, and what would; null when it can. */
export function whyNot(
  metric: Metric,
  report: RunReport,
): { readonly reason: string; readonly remedy: string } | null {
  switch (metric) {
    case "time_ms":
      return null;
    case "energy_mj":
      return report.total_energy_mj === null ? NO_POWER : null;
    case "power_mw":
      if (report.total_energy_mj === null) return NO_POWER;
      return report.attribution.activity_known
        ? null
        : {
            reason:
              "The energy of a pass is split over its operations by time, so every component would have the power of its pass: there is nothing to see.",
            remedy:
              "'ergon calibrate' measures what operations draw; then power differs between components.",
          };
    case "attention_entropy":
      return report.mode === "deep"
        ? null
        : {
            reason: "Attention weights are looked at in deep runs only.",
            remedy: "Run the prompt again with --mode deep.",
          };
    default:
      return report.mode === "minimal"
        ? {
            reason: "A minimal run looks at no activations.",
            remedy: "Run the prompt again with --mode standard or deep.",
          }
        : null;
  }
}

const NO_POWER = {
  reason: "This run was made without a power source, so no energies are known. Times are.",
  remedy:
    "'ergon doctor' says which power sources this machine has, and what keeps them from being used.",
};

/** Without energy the first thing to look at is time. */
export function usableMetric(metric: Metric, report: RunReport): Metric {
  return metric === "energy_mj" && report.total_energy_mj === null ? "time_ms" : metric;
}
