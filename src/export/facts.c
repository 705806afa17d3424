/* SPDX-License-Identifier: MIT */
#include "export/facts.h"

#include "base/mem.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double erg_average_mw(const struct erg_energy *energy, int64_t duration_ns)
{
    if (!erg_energy_known(energy) || duration_ns <= 0)
        return NAN;
    return (double)erg_energy_total_nj(energy) * 1e3 / (double)duration_ns;
}

const char *erg_sample_phase_name(int32_t phase)
{
    if (phase == ERG_SAMPLE_IDLE)
        return "idle";
    return phase == ERG_SAMPLE_LOADING ? "loading" : erg_phase_name((uint32_t)phase);
}

/* Millionths of a decimal that the summary wrote exactly: below 2^53 nothing is lost. */
static int64_t millionths(const json_t *value)
{
    return llround(json_number_value(value) * 1e6);
}

static void read_phase(const json_t *json, struct erg_phase_total *out)
{
    const char *grade = json_string_value(json_object_get(json, "grade"));
    const json_t *domains = json_object_get(json, "energy_by_domain_mj");
    int found = grade ? erg_grade_find(grade) : -1;
    out->seen = true;
    out->duration_ns = millionths(json_object_get(json, "duration_ms"));
    out->grade = found < 0 ? ERG_GRADE_UNAVAILABLE : (enum erg_grade)found;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const json_t *mj = json_object_get(domains, erg_domain_name((enum erg_domain)d));
        if (!json_is_number(mj))
            continue;
        out->energy.nj[d] = millionths(mj);
        out->energy.present |= 1u << d;
    }
}

static void read_phases(struct erg_facts *facts)
{
    const json_t *list = json_object_get(facts->summary, "phases");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *json = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(json, "phase"));
        for (uint32_t p = 0; name && p < ERG_PHASES; p++) {
            if (strcmp(name, erg_phase_name(p)) == 0)
                read_phase(json, &facts->phases[p]);
        }
    }
}

static int on_run(void *user, const struct erg_run_row *row)
{
    struct erg_facts *facts = user;
    facts->summary_json = erg_strdup(row->summary_json);
    facts->status = erg_strdup(row->status);
    facts->model_path = erg_strdup(row->model_path ? row->model_path : "");
    facts->duration_ns = row->duration_ns;
    facts->energy = row->energy;
    return facts->summary_json && facts->status && facts->model_path ? 0 : ERG_NOMEM;
}

int erg_facts_load(struct erg_facts *out, const struct erg_export_request *request,
                   struct erg_err *err)
{
    struct erg_facts facts = {0};
    int rc = erg_store_run(request->store, request->run_id, on_run, &facts, err);
    if (rc == ERG_NOMEM)
        erg_fail(err, rc, "no memory for the summary of the run");
    if (rc == 0) {
        facts.summary = json_loads(facts.summary_json, JSON_ALLOW_NUL, NULL);
        if (!json_is_object(facts.summary))
            rc = erg_fail(err, ERG_CORRUPT, "the summary of run '%s' is damaged", request->run_id);
    }
    if (rc) {
        erg_facts_deinit(&facts);
        return rc;
    }
    read_phases(&facts);
    *out = facts;
    return 0;
}

void erg_facts_deinit(struct erg_facts *facts)
{
    free(facts->summary_json);
    free(facts->model_path);
    free(facts->status);
    json_decref(facts->summary);
    *facts = (struct erg_facts){0};
}
