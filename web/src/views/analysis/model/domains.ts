// SPDX-License-Identifier: MIT
import type { EnergyByDomain, Token } from "../../../api/schema";
import { DOMAINS, type Domain } from "../../../format/names";

export interface DomainEnergy {
  readonly domain: Domain;
  readonly energy_mj: number;
}

/** Sums per domain; one that no part knows is left out. */
export function sumDomains(parts: readonly EnergyByDomain[]): DomainEnergy[] {
  return DOMAINS.flatMap((domain) => {
    const known = parts
      .map((part) => part[domain])
      .filter((value): value is number => value != null);
    return known.length ? [{ domain, energy_mj: known.reduce((a, b) => a + b, 0) }] : [];
  });
}

export function domainsOfTokens(
  tokens: readonly Token[],
  [first, last]: readonly [number, number],
): DomainEnergy[] {
  return sumDomains(
    tokens
      .filter((token) => token.index >= first && token.index <= last)
      .map((token) => token.energy_by_domain_mj),
  );
}
