/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_PUT_H
#define ERG_EXPORT_PUT_H

#include "analysis/fold.h"
#include "base/jsonw.h"
#include "store/rows.h"

/* Members of JSON objects that exports and views have in common. Energies are exact mJ. */

void erg_put_energy(struct erg_jsonw *w, const char *key, const struct erg_energy *energy);
/* "energy_by_domain_mj", all six, null for what is not known */
void erg_put_domain_energies(struct erg_jsonw *w, const struct erg_energy *energy);
/* "start_ms", "duration_ms", "energy_mj" */
void erg_put_cost(struct erg_jsonw *w, int64_t t0_ns, int64_t duration_ns,
                  const struct erg_energy *energy);
/* An integer, or null below 0. */
void erg_put_count(struct erg_jsonw *w, const char *key, int64_t count);

/* "duration_ms", "energy_mj", "energy_by_domain_mj", "average_power_mw" */
void erg_put_part(struct erg_jsonw *w, int64_t duration_ns, const struct erg_energy *energy);
/* "flops" … "attention_sparsity": everything that is known beside the cost, null what is not */
void erg_put_statistics(struct erg_jsonw *w, const struct erg_fold_row *row);

void erg_put_section_row(struct erg_jsonw *w, const struct erg_section_row *row);
/* The members of a token; the object is the caller's. */
void erg_put_token(struct erg_jsonw *w, const struct erg_token_row *row);
void erg_put_sample(struct erg_jsonw *w, const struct erg_sample_row *row);

/* "attention", "mlp", "other": what a component counts for. */
const char *erg_group_name(const char *component);

#endif
