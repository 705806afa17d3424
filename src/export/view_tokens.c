/* SPDX-License-Identifier: MIT */
#include "analysis/overhead.h"
#include "analysis/spread.h"
#include "base/limits.h"
#include "base/mem.h"
#include "export/brief.h"
#include "export/facts.h"
#include "export/put.h"
#include "export/view.h"

#include <math.h>
#include <stdlib.h>

/* --- tokens ------------------------------------------------------------------------------------*/

struct tokens {
    struct erg_jsonw *w;
    bool *profiled; /* by pass */
    size_t profiled_count, profiled_capacity;
    double *ms, *mj; /* of generated tokens */
    size_t count, ms_capacity, mj_capacity;
    struct erg_err *err;
};

static int no_room(struct tokens *tokens, int rc)
{
    return rc ? erg_fail(tokens->err, rc, "cannot list the tokens: %s", erg_code_text(rc)) : 0;
}

static int note_pass(void *user, const struct erg_pass_row *row)
{
    struct tokens *tokens = user;
    void *items = tokens->profiled;
    size_t before = tokens->profiled_count, need = (size_t)row->index + 1;
    int rc = erg_grow(&items, &tokens->profiled_capacity, need, sizeof(bool), ERG_MAX_TOKENS);
    tokens->profiled = items;
    if (rc)
        return no_room(tokens, rc);
    for (size_t i = before; i < need; i++)
        tokens->profiled[i] = false;
    tokens->profiled_count = need > before ? need : before;
    tokens->profiled[row->index] = !erg_pass_is_bare(row) && row->n_spans > 0;
    return 0;
}

static int on_token(void *user, const struct erg_token_row *row)
{
    struct tokens *tokens = user;
    erg_jsonw_obj_begin(tokens->w);
    erg_put_token(tokens->w, row);
    erg_jsonw_kint(tokens->w, "pass", row->pass);
    erg_jsonw_kbool(tokens->w, "profiled",
                    row->pass < tokens->profiled_count && tokens->profiled[row->pass]);
    erg_jsonw_obj_end(tokens->w);
    return 0;
}

static int note_cost(void *user, const struct erg_token_row *row)
{
    struct tokens *tokens = user;
    void *ms = tokens->ms, *mj = tokens->mj;
    int rc = erg_grow(&ms, &tokens->ms_capacity, tokens->count + 1, sizeof(double), ERG_MAX_TOKENS);
    tokens->ms = ms;
    if (rc == 0)
        rc = erg_grow(&mj, &tokens->mj_capacity, tokens->count + 1, sizeof(double), ERG_MAX_TOKENS);
    tokens->mj = mj;
    if (rc)
        return no_room(tokens, rc);
    bool known = erg_energy_known(&row->energy);
    tokens->ms[tokens->count] = (double)row->duration_ns / 1e6;
    tokens->mj[tokens->count++] = known ? (double)erg_energy_total_nj(&row->energy) / 1e6 : NAN;
    return 0;
}

static void put_spread(struct erg_jsonw *w, const char *key, double *values, size_t count)
{
    struct erg_spread spread = erg_spread(values, count);
    erg_jsonw_key(w, key);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "n", (int64_t)spread.n);
    erg_jsonw_kreal(w, "mean", spread.mean);
    erg_jsonw_kreal(w, "sd", spread.sd);
    erg_jsonw_kreal(w, "median", spread.median);
    erg_jsonw_kreal(w, "min", spread.min);
    erg_jsonw_kreal(w, "max", spread.max);
    erg_jsonw_kreal(w, "p05", spread.p05);
    erg_jsonw_kreal(w, "p95", spread.p95);
    erg_jsonw_kreal(w, "autocorrelation", spread.autocorrelation);
    erg_jsonw_kreal(w, "effective_n", spread.effective_n);
    erg_jsonw_obj_end(w);
}

static int put_tokens(const struct erg_view *view, struct tokens *tokens,
                      const struct erg_token_range *range, struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    const struct erg_token_range generated = {0, INT64_MAX, ERG_PHASE_DECODE};
    int64_t total = 0;
    int rc = erg_store_count_tokens(view->store, view->run_id, &total, err);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "run_id", view->run_id);
    erg_jsonw_kint(w, "total", total);
    erg_jsonw_kint(w, "from", range->from);
    erg_jsonw_key(w, "tokens");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = erg_store_tokens_of(view->store, view->run_id, range, on_token, tokens, err);
    erg_jsonw_arr_end(w);
    if (rc == 0)
        rc = erg_store_tokens_of(view->store, view->run_id, &generated, note_cost, tokens, err);
    erg_jsonw_key(w, "within_run");
    erg_jsonw_obj_begin(w);
    put_spread(w, "duration_ms", tokens->ms, tokens->count);
    put_spread(w, "energy_mj", tokens->mj, tokens->count);
    erg_jsonw_obj_end(w);
    erg_jsonw_obj_end(w);
    return rc;
}

int erg_view_tokens(const struct erg_view *view, const struct erg_view_range *range,
                    struct erg_err *err)
{
    struct tokens tokens = {.w = view->w, .err = err};
    struct erg_token_range wanted;
    int rc = erg_view_tokens_of(view, range, &wanted, err);
    if (rc == 0)
        rc = erg_store_passes(view->store, view->run_id, false, note_pass, &tokens, err);
    if (rc == 0)
        rc = put_tokens(view, &tokens, &wanted, err);
    free(tokens.profiled);
    free(tokens.ms);
    free(tokens.mj);
    return rc;
}

/* --- the pipeline ------------------------------------------------------------------------------*/

static int on_section(void *user, const struct erg_section_row *row)
{
    erg_put_section_row(user, row);
    return 0;
}

/* The phases as the summary has them, to the digit. */
static int put_phases(struct erg_jsonw *w, const char *summary_json)
{
    size_t len;
    const char *phases = erg_summary_member(summary_json, "phases", &len);
    ERG_AUTO_FREE char *text = *phases == '[' ? erg_strndup(phases, len) : erg_strdup("[]");
    erg_jsonw_key(w, "phases");
    erg_jsonw_raw(w, text ? text : "[]");
    return text ? 0 : ERG_NOMEM;
}

int erg_view_pipeline(const struct erg_view *view, struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct erg_facts facts;
    const struct erg_export_request request = {.store = view->store, .run_id = view->run_id};
    int rc = erg_facts_load(&facts, &request, err);
    if (rc)
        return rc;
    struct erg_energy sum = {.present = 0};
    int64_t rest_ns = facts.duration_ns;
    for (int p = 0; p < ERG_PHASES; p++) {
        erg_energy_add(&sum, &facts.phases[p].energy);
        rest_ns -= facts.phases[p].duration_ns;
    }
    struct erg_energy rest = erg_energy_sub(&facts.energy, &sum);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "run_id", view->run_id);
    erg_jsonw_kmicro(w, "total_duration_ms", facts.duration_ns);
    erg_put_energy(w, "total_energy_mj", &facts.energy);
    erg_jsonw_kmicro(w, "unattributed_ms", rest_ns);
    erg_put_energy(w, "unattributed_energy_mj", &rest);
    if (put_phases(w, facts.summary_json))
        rc = erg_fail(err, ERG_NOMEM, "no memory for the phases of a run");
    erg_jsonw_key(w, "sections");
    erg_jsonw_arr_begin(w);
    if (rc == 0)
        rc = erg_store_sections(view->store, view->run_id, on_section, w, err);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
    erg_facts_deinit(&facts);
    return rc;
}
