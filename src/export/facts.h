/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_FACTS_H
#define ERG_EXPORT_FACTS_H

#include "export/export.h"

#include <stdbool.h>

/* What is known of the run as a whole: its row, and its summary in a form that can be read. */
struct erg_phase_total {
    bool seen;
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
};

struct json_t; /* jansson's */

struct erg_facts {
    char *summary_json, *model_path, *status;
    struct json_t *summary;
    int64_t duration_ns;
    struct erg_energy energy;
    struct erg_phase_total phases[ERG_PHASES];
};

int erg_facts_load(struct erg_facts *out, const struct erg_export_request *request,
                   struct erg_err *err);
void erg_facts_deinit(struct erg_facts *facts);

/* Average power; NaN when it is not known. */
double erg_average_mw(const struct erg_energy *energy, int64_t duration_ns);

/* "idle" and "loading" besides the phases. */
const char *erg_sample_phase_name(int32_t phase);

#endif
