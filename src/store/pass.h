/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_PASS_H
#define ERG_STORE_PASS_H

#include "energy/attribution.h"
#include "store/rows.h"

/*
 * Split a pass's energy over its spans by the attribution model `time`: an array of n_spans parts
 * to free() and what they leave over; sum of parts + rest = the pass, domain by domain. NOMEM.
 */
int erg_pass_attribute(const struct erg_pass_row *pass, struct erg_energy **out_parts,
                       struct erg_energy *out_rest);

/* The same by another model. */
int erg_pass_attribute_by(const struct erg_pass_row *pass,
                          const struct erg_attribution_model *model, struct erg_energy **out_parts,
                          struct erg_energy *out_rest);

/* Whether the spans say what they computed, so that the model `activity` differs from `time`. */
bool erg_pass_has_features(const struct erg_pass_row *pass);

/* FLOPs and bytes of all spans together and the time of the whole pass; NaN what no span knows. */
struct erg_span_features erg_pass_features(const struct erg_pass_row *pass);

/*
 * Of which spans the statistics of their components are: what the component hands on. Where spans
 * are operations that is the last one in its layer that has any (and those of the same name, as
 * rope of Q and K), of a router the first, its logits. `out` has room for n_spans.
 */
void erg_pass_results(const struct erg_pass_row *pass, bool *out);

/* Time of the pass that its spans cover; never more than the pass unless the row is damaged. */
int64_t erg_pass_covered_ns(const struct erg_pass_row *pass);

#endif
