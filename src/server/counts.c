/* SPDX-License-Identifier: MIT */
#include "server/counts.h"

#include "base/num.h"
#include "export/facts.h"
#include "store/ranges.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void erg_counts_init(struct erg_counts *counts)
{
    memset(counts, 0, sizeof *counts);
    pthread_mutex_init(&counts->lock, NULL);
}

void erg_counts_deinit(struct erg_counts *counts)
{
    pthread_mutex_destroy(&counts->lock);
}

/* --- one run -----------------------------------------------------------------------------------*/

static size_t component_slot(struct erg_counts *counts, const char *name)
{
    for (size_t i = 0; i < counts->component_count; i++) {
        if (strcmp(counts->components[i].name, name) == 0)
            return i;
    }
    size_t last = ERG_COUNTS_COMPONENTS - 1;
    size_t slot = counts->component_count < last ? counts->component_count : last;
    if (counts->component_count <= slot)
        counts->component_count = slot + 1;
    snprintf(counts->components[slot].name, sizeof counts->components[slot].name, "%s",
             slot < last ? name : "other");
    return slot;
}

static void count_components(struct erg_counts *counts, struct erg_store *store, const char *id)
{
    struct erg_run_sums sums;
    if (erg_store_sums(store, id, &sums, NULL))
        return;
    for (size_t i = 0; i < sums.count; i++) {
        const struct erg_rollup_row *row = &sums.rows[i];
        const char *name = row->component == ERG_ROLLUP_UNPROFILED ? "not profiled"
                           : row->component ? erg_store_name(store, row->component)
                                            : "unattributed";
        size_t slot = component_slot(counts, name ? name : "?");
        counts->components[slot].energy_nj =
            erg_add_sat_i64(counts->components[slot].energy_nj, erg_energy_total_nj(&row->energy));
        counts->components[slot].duration_ns =
            erg_add_sat_i64(counts->components[slot].duration_ns, row->duration_ns);
    }
    erg_run_sums_deinit(&sums);
}

struct ended {
    bool over;
    int64_t input_tokens, output_tokens;
    size_t status;
};

static int look_at(void *user, const struct erg_run_row *row)
{
    struct ended *ended = user;
    ended->over = strcmp(row->status, "running") != 0;
    ended->input_tokens = row->input_tokens;
    ended->output_tokens = row->output_tokens;
    for (size_t i = 0; i < 5; i++) {
        if (strcmp(erg_status_names[i], row->status) == 0)
            ended->status = i;
    }
    return 0;
}

/* Count a run when it has ended: 1; 0 while it goes on; a run that is gone is over. */
static int count_run(struct erg_counts *counts, struct erg_store *store, const char *id,
                     struct erg_err *err)
{
    struct ended ended = {.over = false};
    struct erg_facts facts;
    const struct erg_export_request request = {.store = store, .run_id = id};
    int rc = erg_store_run(store, id, look_at, &ended, err);
    if (rc == ERG_NOT_FOUND)
        return 1;
    if (rc || !ended.over)
        return rc;
    rc = erg_facts_load(&facts, &request, err);
    if (rc)
        return rc == ERG_CORRUPT || rc == ERG_NOT_FOUND ? 1 : rc;
    counts->runs[ended.status]++;
    counts->input_tokens = erg_add_sat_i64(counts->input_tokens, ended.input_tokens);
    counts->output_tokens = erg_add_sat_i64(counts->output_tokens, ended.output_tokens);
    erg_energy_add(&counts->energy, &facts.energy);
    for (int p = 0; p < ERG_PHASES; p++)
        erg_energy_add(&counts->phases[p], &facts.phases[p].energy);
    const json_t *rest = json_object_get(facts.summary, "unattributed_energy_mj");
    if (json_is_number(rest) && fabs(json_number_value(rest)) < 9e12)
        counts->unattributed_nj =
            erg_add_sat_i64(counts->unattributed_nj, llround(json_number_value(rest) * 1e6));
    count_components(counts, store, id);
    erg_facts_deinit(&facts);
    return 1;
}

/* --- all of them -------------------------------------------------------------------------------*/

/* With nothing else in the store it is before everything that comes. */
static int note_last(void *user, const struct erg_run_mark *run)
{
    struct erg_counts *counts = user;
    counts->seen = *run;
    return 0;
}

int erg_counts_start(struct erg_counts *counts, struct erg_store *store, struct erg_err *err)
{
    return erg_store_visit_after(store, &counts->seen, note_last, counts, err);
}

/* Runs that find no room among those that go on are never counted; 256 at once are many. */
static int note_new(void *user, const struct erg_run_mark *run)
{
    struct erg_counts *counts = user;
    counts->seen = *run;
    if (counts->pending_count < ERG_COUNTS_PENDING)
        memcpy(counts->pending[counts->pending_count++], run->id, sizeof run->id);
    return 0;
}

int erg_counts_update(struct erg_counts *counts, struct erg_store *store, struct erg_counts *out,
                      struct erg_err *err)
{
    pthread_mutex_lock(&counts->lock);
    struct erg_run_mark before = counts->seen;
    int rc = erg_store_visit_after(store, &before, note_new, counts, err);
    size_t left = 0;
    for (size_t i = 0; i < counts->pending_count; i++) {
        int counted = rc < 0 ? 0 : count_run(counts, store, counts->pending[i], err);
        if (counted < 0)
            rc = counted;
        if (counted <= 0 && left++ != i)
            memcpy(counts->pending[left - 1], counts->pending[i], sizeof counts->pending[i]);
    }
    counts->pending_count = left;
    if (out && rc >= 0)
        memcpy(out, counts, sizeof *out);
    pthread_mutex_unlock(&counts->lock);
    return rc < 0 ? rc : 0;
}
