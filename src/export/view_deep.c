/* SPDX-License-Identifier: MIT */
#include "analysis/routing.h"
#include "export/view.h"
#include "store/deep.h"

#include <math.h>
#include <stdlib.h>

/* What only deep runs know: attention by head, the choice of experts. */

/* --- attention ---------------------------------------------------------------------------------*/

static int add_attention(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    (void)first_token;
    return erg_attention_sums_add(user, row);
}

static double put_heads(struct erg_jsonw *w, const char *key, const struct erg_average *heads,
                        uint32_t count)
{
    struct erg_average all = {NAN, 0};
    erg_jsonw_key(w, key);
    erg_jsonw_arr_begin(w);
    for (uint32_t h = 0; h < count; h++) {
        erg_jsonw_real(w, heads[h].count ? heads[h].mean : NAN);
        if (heads[h].count)
            erg_average_add(&all, heads[h].mean);
    }
    erg_jsonw_arr_end(w);
    return all.count ? all.mean : NAN;
}

static void put_attention_layer(struct erg_jsonw *w, const struct erg_attention_layer *layer)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "layer", layer->layer);
    double entropy = put_heads(w, "attention_entropy", layer->entropy, layer->heads);
    double weight = put_heads(w, "max_attention_weight", layer->max_weight, layer->heads);
    double sparsity = put_heads(w, "attention_sparsity", layer->sparsity, layer->heads);
    erg_jsonw_kreal(w, "avg_attention_entropy", entropy);
    erg_jsonw_kreal(w, "avg_max_attention_weight", weight);
    erg_jsonw_kreal(w, "avg_attention_sparsity", sparsity);
    erg_jsonw_obj_end(w);
}

int erg_view_attention(const struct erg_view *view, const struct erg_view_range *range,
                       struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct erg_attention_sums sums = {0};
    struct erg_token_range wanted;
    int rc = erg_view_tokens_of(view, range, &wanted, err);
    if (rc == 0)
        rc = erg_store_passes_of(view->store, view->run_id, &wanted, ERG_PASSES_ALL, add_attention,
                                 &sums, err);
    if (rc == 0) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "run_id", view->run_id);
        erg_jsonw_kint(w, "passes", sums.passes);
        erg_jsonw_key(w, "layers");
        erg_jsonw_arr_begin(w);
        for (size_t i = 0; i < sums.layer_count; i++)
            put_attention_layer(w, &sums.layers[i]);
        erg_jsonw_arr_end(w);
        erg_jsonw_kstr(w, "reason",
                       sums.passes
                           ? NULL
                           : "deep runs have them, of passes that were profiled, with flash "
                             "attention off");
        erg_jsonw_obj_end(w);
    }
    erg_attention_sums_deinit(&sums);
    return rc;
}

/* --- routing -----------------------------------------------------------------------------------*/

static int add_routing(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    (void)first_token;
    return erg_routing_sums_add(user, row);
}

static void put_experts(struct erg_jsonw *w, const struct erg_routing_sums *sums)
{
    erg_jsonw_key(w, "experts");
    erg_jsonw_arr_begin(w);
    for (uint32_t e = 0; e < sums->experts; e++) {
        double load = sums->choices ? (double)sums->counts[e] / (double)sums->choices : NAN;
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "expert", e);
        erg_jsonw_kint(w, "count", (int64_t)sums->counts[e]);
        erg_jsonw_kreal(w, "load_ratio", load);
        erg_jsonw_kreal(w, "average_weight", sums->weights[e].mean);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void put_routing_layers(struct erg_jsonw *w, const struct erg_routing_sums *sums)
{
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < sums->layer_count; i++) {
        const struct erg_routing_layer *layer = &sums->layers[i];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "layer", layer->layer);
        erg_jsonw_key(w, "counts");
        erg_jsonw_arr_begin(w);
        for (uint32_t e = 0; e < layer->experts; e++)
            erg_jsonw_uint(w, layer->counts[e]);
        erg_jsonw_arr_end(w);
        erg_jsonw_kreal(w, "load_balance", erg_load_balance(layer->counts, layer->experts));
        erg_jsonw_kreal(w, "routing_entropy", layer->entropy.mean);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

int erg_view_routing(const struct erg_view *view, const struct erg_view_range *range,
                     struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct erg_routing_sums *sums = NULL;
    struct erg_token_range wanted;
    int rc = erg_view_tokens_of(view, range, &wanted, err);
    if (rc == 0 && erg_routing_sums_new(&sums))
        rc = erg_fail(err, ERG_NOMEM, "out of memory");
    if (rc == 0)
        rc = erg_store_passes_of(view->store, view->run_id, &wanted, ERG_PASSES_ALL, add_routing,
                                 sums, err);
    if (rc == 0) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "run_id", view->run_id);
        erg_jsonw_kint(w, "decisions", (int64_t)sums->positions);
        erg_jsonw_kreal(w, "load_balance", erg_load_balance(sums->counts, sums->experts));
        erg_jsonw_kreal(w, "routing_entropy", sums->entropy.mean);
        put_experts(w, sums);
        put_routing_layers(w, sums);
        erg_jsonw_kstr(w, "reason",
                       sums->positions ? NULL : "deep runs of models with experts have it");
        erg_jsonw_obj_end(w);
    }
    erg_routing_sums_free(sums);
    return rc;
}
