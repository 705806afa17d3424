/* SPDX-License-Identifier: MIT */
#include "export/view.h"

#include "analysis/rollup.h"
#include "base/mem.h"
#include "record/activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The calibration to split by, if the run had a power source. */
static int look_up(struct erg_store *store, const char *run_id, bool wanted,
                   struct erg_activity_choice *out, struct erg_err *err)
{
    struct erg_activity_key key;
    ERG_AUTO_FREE char *summary = NULL;
    *out = (struct erg_activity_choice){0};
    int rc = erg_store_summary(store, run_id, &summary, err);
    if (rc == 0)
        rc = erg_activity_key_of(summary, &key, err);
    if (rc)
        return rc;
    if (!key.sources[0]) {
        snprintf(out->why, sizeof out->why, "the run had no power source");
        return 0;
    }
    return erg_activity_choose(store, &key, wanted, out, err);
}

int erg_view_split_choose(struct erg_store *store, const char *run_id, const char *asked,
                          struct erg_view_split *out, struct erg_err *err)
{
    struct erg_activity_choice choice;
    bool time = asked && strcmp(asked, "time") == 0;
    bool activity = asked && strcmp(asked, "activity") == 0;
    *out = (struct erg_view_split){.name = "time"};
    int rc = look_up(store, run_id, activity, &choice, err);
    if (rc)
        return rc;
    if (activity && !choice.known)
        return erg_fail(err, ERG_NOT_FOUND, "cannot split energies by activity: %.180s",
                        choice.why);
    out->activity_known = choice.known;
    out->activity = erg_attribution_activity(&choice.activity);
    snprintf(out->reason, sizeof out->reason, "%s", time ? "as asked" : choice.why);
    if (activity || (!time && choice.is_default))
        out->name = "activity";
    return 0;
}

const struct erg_attribution_model *erg_view_split_model(const struct erg_view_split *split)
{
    return strcmp(split->name, "activity") == 0 ? &split->activity : NULL;
}

void erg_view_put_split(struct erg_jsonw *w, const struct erg_view_split *split)
{
    erg_jsonw_key(w, "attribution");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "model", split->name);
    erg_jsonw_kbool(w, "activity_known", split->activity_known);
    erg_jsonw_kstr(w, "reason", split->reason);
    erg_jsonw_obj_end(w);
}

/* --- sums --------------------------------------------------------------------------------------*/

static int add_pass(void *user, const struct erg_pass_row *row)
{
    return erg_rollup_add(user, row, NULL);
}

static int copy_sums(struct erg_rollup *rollup, struct erg_run_sums *out)
{
    struct erg_run_sums view;
    erg_rollup_sums(rollup, &view);
    *out = view;
    out->rows = erg_calloc(view.count, sizeof *out->rows);
    if (!out->rows)
        return ERG_NOMEM;
    if (view.count)
        memcpy(out->rows, view.rows, view.count * sizeof *out->rows);
    return 0;
}

static int sum_up(struct erg_store *store, const char *run_id, const struct erg_view_split *split,
                  struct erg_run_sums *out, struct erg_err *err)
{
    struct erg_rollup *rollup = NULL;
    int rc = erg_rollup_new(&rollup,
                            ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION |
                                ERG_UNPROFILED_APART,
                            err);
    if (rc)
        return rc;
    erg_rollup_attribute(rollup, erg_view_split_model(split));
    rc = erg_store_passes(store, run_id, true, add_pass, rollup, err);
    if (rc == 0 && copy_sums(rollup, out))
        rc = erg_fail(err, ERG_NOMEM, "no memory for the sums of a run");
    erg_rollup_free(rollup);
    return rc;
}

int erg_view_sums(struct erg_store *store, const char *run_id, const struct erg_view_split *split,
                  struct erg_run_sums *out, bool *out_costly, struct erg_err *err)
{
    struct erg_err damage;
    *out = (struct erg_run_sums){0};
    /* Sums that are damaged are made anew: the passes are what counts. */
    int rc = erg_view_split_model(split) ? 0 : erg_store_sums(store, run_id, out, &damage);
    if (rc && rc != ERG_CORRUPT) {
        if (err)
            *err = damage;
        return rc;
    }
    if (out_costly)
        *out_costly = !out->rows;
    return out->rows ? 0 : sum_up(store, run_id, split, out, err);
}

/* --- ranges ------------------------------------------------------------------------------------*/

bool erg_view_is_whole(const struct erg_view_range *range)
{
    return range->token < 0 && range->from <= 0 && range->to < 0;
}

static int see_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    (void)row;
    (void)first_token;
    *(bool *)user = true;
    return 1;
}

int erg_view_tokens_of(const struct erg_view *view, const struct erg_view_range *range,
                       struct erg_token_range *out, struct erg_err *err)
{
    bool seen = false;
    *out = (struct erg_token_range){.from = range->from, .to = range->to, .phase = range->phase};
    if (range->token >= 0)
        out->from = out->to = range->token;
    else if (range->to < 0)
        out->to = INT64_MAX;
    if (range->token < 0)
        return 0;
    int rc =
        erg_store_passes_of(view->store, view->run_id, out, ERG_PASSES_ROWS, see_pass, &seen, err);
    if (rc == 0 && !seen)
        rc = erg_fail(err, ERG_NOT_FOUND, "the run has no token %lld%s", (long long)range->token,
                      range->phase < ERG_PHASES ? " in this phase" : "");
    return rc;
}
