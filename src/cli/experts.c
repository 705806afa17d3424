/* SPDX-License-Identifier: MIT */
#include "cli/experts.h"

#include "analysis/routing.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/show.h"
#include "cli/units.h"
#include "store/deep.h"
#include "stream/taxonomy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct experts {
    const struct erg_show_options *options;
    bool token_seen;
    uint32_t pass; /* of the token */
    struct erg_routing_sums *sums;
};

static int find_pass(void *user, const struct erg_token_row *row)
{
    struct experts *experts = user;
    if (row->index != experts->options->token)
        return 0;
    experts->token_seen = true;
    experts->pass = row->pass;
    return 1;
}

static int add_pass(void *user, const struct erg_pass_row *row)
{
    struct experts *experts = user;
    const struct erg_show_options *o = experts->options;
    if (o->token >= 0 && row->index != experts->pass)
        return 0;
    if (o->phase && strcmp(o->phase, erg_phase_name(row->phase)) != 0)
        return 0;
    return erg_routing_sums_add(experts->sums, row);
}

static void put_json(const struct erg_routing_sums *experts, struct erg_jsonw *w)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_key(w, "experts");
    erg_jsonw_arr_begin(w);
    for (uint32_t e = 0; e < experts->experts; e++) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "expert", e);
        erg_jsonw_kint(w, "count", (int64_t)experts->counts[e]);
        erg_jsonw_kreal(w, "load_ratio", (double)experts->counts[e] / (double)experts->choices);
        erg_jsonw_kreal(w, "average_weight", experts->weights[e].mean);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_kreal(w, "load_balance", erg_load_balance(experts->counts, experts->experts));
    erg_jsonw_kreal(w, "routing_entropy", experts->entropy.mean);
    erg_jsonw_kint(w, "decisions", (int64_t)experts->positions);
    erg_jsonw_obj_end(w);
}

static int print_json(struct erg_cli *cli, const struct erg_routing_sums *experts)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    put_json(experts, &w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

static int put_table(const struct erg_routing_sums *experts, struct erg_buf *out)
{
    struct erg_listing table = {0};
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    erg_listing_column(&table, "expert", true);
    erg_listing_column(&table, "chosen", true);
    erg_listing_column(&table, "load", true);
    erg_listing_column(&table, "weight", true);
    for (uint32_t e = 0; e < experts->experts; e++) {
        double count = (double)experts->counts[e];
        erg_listing_cellf(&table, "%" PRIu32, e);
        erg_listing_cell(&table, erg_show_count(count, a));
        erg_listing_cell(&table, erg_show_ratio(count / (double)experts->choices, a));
        erg_listing_cell(&table, erg_show_plain(experts->weights[e].mean, a));
    }
    int rc = erg_listing_write(&table, 0, out);
    erg_listing_deinit(&table);
    erg_buf_printf(out,
                   "load balance %s (1 = even), routing entropy %s nats, %" PRIu64 " decisions\n",
                   erg_show_plain(erg_load_balance(experts->counts, experts->experts), a),
                   erg_show_plain(experts->entropy.mean, b), experts->positions);
    return rc ? rc : erg_buf_status(out);
}

static int print(struct erg_cli *cli, const struct erg_routing_sums *experts)
{
    struct erg_buf text = {0};
    struct erg_err err = {0};
    if (cli->globals.json)
        return print_json(cli, experts);
    if (!experts->experts) {
        erg_cli_note(cli, "nothing to show: expert routing is recorded by deep runs of models that "
                          "have experts");
        return ERG_EXIT_OK;
    }
    int rc = put_table(experts, &text);
    if (rc)
        erg_fail(&err, rc, "cannot print the table: %s", erg_code_text(rc));
    int status = rc ? erg_cli_fail(cli, &err) : erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

int erg_show_experts(struct erg_cli *cli, struct erg_store *store, const char *id)
{
    struct erg_err err = {0};
    struct experts experts = {.options = cli->options};
    int64_t token = experts.options->token;
    int rc = erg_routing_sums_new(&experts.sums);
    if (rc)
        erg_fail(&err, rc, "out of memory");
    if (!rc && token >= 0)
        rc = erg_store_tokens(store, id, find_pass, &experts, &err);
    if (!rc && token >= 0 && !experts.token_seen)
        rc = erg_fail(&err, ERG_NOT_FOUND, "the run has no token %" PRId64 " (try --by token)",
                      token);
    if (!rc)
        rc = erg_store_passes(store, id, true, add_pass, &experts, &err);
    int status = rc ? erg_cli_fail(cli, &err) : print(cli, experts.sums);
    erg_routing_sums_free(experts.sums);
    return status;
}
