// SPDX-License-Identifier: MIT
// The pipeline as spans in lanes: phases, and below them their sections, or tokens with what their
// passes did. Each span's key says what it stands for.

import type { Operation, Pipeline, Token } from "../../../api/schema";
import { sectionSpans, type Span } from "../../../charts/timelineData";
import { phaseTitle, visibleText } from "../../../format/names";

export type SpanKey =
  | { readonly kind: "phase"; readonly phase: string }
  | { readonly kind: "section"; readonly phase: string }
  | { readonly kind: "token"; readonly token: number }
  | { readonly kind: "cell"; readonly layer: number; readonly component: string };

export const printKey = (key: SpanKey): string => JSON.stringify(key);
export const parseKey = (text: string): SpanKey => JSON.parse(text) as SpanKey;

function phaseSpans({ phases }: Pipeline): Span[] {
  return phases.map((phase) => ({
    lane: 0,
    name: phaseTitle(phase.phase),
    start_ms: phase.start_ms,
    end_ms: phase.start_ms + phase.duration_ms,
    energy_mj: phase.energy_mj,
    key: printKey({ kind: "phase", phase: phase.phase }),
  }));
}

export function sectionTimeline(pipeline: Pipeline): { lanes: string[]; spans: Span[] } {
  const spans = phaseSpans(pipeline);
  for (const { phase, start_ms } of pipeline.phases) {
    const sections = pipeline.sections.filter((section) => section.phase === phase);
    const named = sections.map((section) => ({
      ...section,
      name: section.section_name.replaceAll("_", " "),
    }));
    const key = printKey({ kind: "section", phase });
    spans.push(...sectionSpans(1, start_ms, named).map((span) => ({ ...span, key })));
  }
  return { lanes: ["phase", "section"], spans };
}

/** Operations that ran one after another in the same layer, or layer and component, as one span. */
function joined(
  lane: number,
  operations: readonly Operation[],
  of: (operation: Operation) => string,
): Span[] {
  const out: (Span & { end_ms: number; energy_mj: number | null })[] = [];
  let before = "";
  for (const operation of operations) {
    const start = operation.start_ms!;
    const name = of(operation);
    const last = out[out.length - 1];
    const { layer, component } = operation;
    if (last && name === before && start - last.end_ms < 0.001) {
      out[out.length - 1] = {
        ...last,
        end_ms: start + operation.duration_ms,
        energy_mj:
          last.energy_mj === null || operation.energy_mj === null
            ? null
            : last.energy_mj + operation.energy_mj,
      };
    } else {
      out.push({
        lane,
        name,
        start_ms: start,
        end_ms: start + operation.duration_ms,
        energy_mj: operation.energy_mj,
        key: printKey({ kind: "cell", layer, component }),
      });
    }
    before = name;
  }
  return out;
}

/** With the operations of the token that is looked at below its span, where they are known. */
export function tokenTimeline(
  pipeline: Pipeline,
  tokens: readonly Token[],
  operations: readonly Operation[],
): { lanes: string[]; spans: Span[] } {
  const spans = phaseSpans(pipeline);
  for (const token of tokens) {
    spans.push({
      lane: 1,
      name: visibleText(token.text),
      start_ms: token.start_ms,
      end_ms: token.start_ms + token.duration_ms,
      energy_mj: token.energy_mj,
      key: printKey({ kind: "token", token: token.index }),
    });
  }
  const placed = operations.filter((operation) => operation.start_ms !== undefined);
  if (placed.length === 0) return { lanes: ["phase", "token"], spans };
  spans.push(...joined(2, placed, ({ layer }) => (layer < 0 ? "outside" : `layer ${layer}`)));
  spans.push(
    ...joined(3, placed, ({ layer, component }) => (layer < 0 ? component : `${component}`)),
  );
  const deep = placed.some((operation) => operation.operation !== null);
  if (deep) spans.push(...joined(4, placed, ({ component, operation }) => operation ?? component));
  return { lanes: ["phase", "token", "layer", "component", ...(deep ? ["operation"] : [])], spans };
}
