/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "store/deep.h"
#include "store/extra.h"
#include "store/make_store.h"
#include "store/packed.h"
#include "store/schema.h"
#include "store/spans.h"
#include "store/store_priv.h"
#include "store/temp_store.h"

#include <math.h>

/* --- packing ---------------------------------------------------------------------------------- */

static float random_value(uint64_t *seed)
{
    static const float special[] = {0, 1, NAN, 1e-12f, 2.6e16f, -1, INFINITY};
    uint64_t pick = test_below(seed, 20);
    return pick < ERG_COUNT(special) ? special[pick] : (float)test_below(seed, 100000) / 20000;
}

static void *must(void *block)
{
    assert_non_null(block);
    return block;
}

/* Any spans, heads and experts; free with make_pass_free(). */
static void wild_pass(struct make_pass *pass, uint64_t *seed)
{
    uint32_t n = 1 + (uint32_t)test_below(seed, 200);
    *pass = (struct make_pass){.spans = must(calloc(n, sizeof(struct erg_span)))};
    pass->attention = must(calloc(n, sizeof *pass->attention));
    pass->routing = must(calloc(n, sizeof *pass->routing));
    for (uint32_t i = 0; i < n; i++) {
        pass->spans[i] = (struct erg_span){(int16_t)(i / 7), (uint16_t)(1 + i % 7), 1, 0, i};
        if (test_below(seed, 4) == 0) {
            uint32_t heads = 1 + (uint32_t)test_below(seed, 40);
            float *numbers = must(calloc((size_t)heads * 3, sizeof *numbers));
            for (uint32_t k = 0; k < 3 * heads; k++)
                numbers[k] = random_value(seed);
            pass->attention[pass->row.n_attention++] = (struct erg_attention_row){
                i, heads, numbers, numbers + heads, numbers + (size_t)2 * heads};
        }
        if (test_below(seed, 4) == 0) {
            uint32_t tokens = 1 + (uint32_t)test_below(seed, 9);
            uint32_t used = 1 + (uint32_t)test_below(seed, 20);
            uint32_t experts = used + (uint32_t)test_below(seed, 300);
            uint16_t *expert = must(calloc((size_t)tokens * used, sizeof *expert));
            float *weight = must(calloc((size_t)tokens * used, sizeof *weight));
            for (uint32_t k = 0; k < tokens * used; k++) {
                expert[k] = (uint16_t)test_below(seed, experts);
                weight[k] = random_value(seed);
            }
            pass->routing[pass->row.n_routing++] = (struct erg_routing_row){
                i, tokens, used, experts, random_value(seed), expert, weight};
        }
    }
    pass->row.n_spans = n;
    pass->row.spans = pass->spans;
    pass->row.attention = pass->attention;
    pass->row.routing = pass->routing;
}

static void same_values(const float *stored, const float *original, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float rounded = erg_spans_round_value(original[i]);
        assert_true(isnan(rounded) ? isnan(stored[i])
                                   : memcmp(&stored[i], &rounded, sizeof rounded) == 0);
    }
}

static void same_details(const struct erg_pass_row *stored, const struct erg_pass_row *original)
{
    assert_int_equal(stored->n_attention, original->n_attention);
    assert_int_equal(stored->n_routing, original->n_routing);
    for (uint32_t i = 0; i < stored->n_attention; i++) {
        const struct erg_attention_row *a = &stored->attention[i], *b = &original->attention[i];
        assert_int_equal(a->span, b->span);
        assert_int_equal(a->heads, b->heads);
        same_values(a->entropy, b->entropy, a->heads);
        same_values(a->max_weight, b->max_weight, a->heads);
        same_values(a->sparsity, b->sparsity, a->heads);
    }
    for (uint32_t i = 0; i < stored->n_routing; i++) {
        const struct erg_routing_row *a = &stored->routing[i], *b = &original->routing[i];
        size_t n = (size_t)a->tokens * a->used;
        assert_int_equal(a->span, b->span);
        assert_int_equal(a->tokens, b->tokens);
        assert_int_equal(a->used, b->used);
        assert_int_equal(a->experts, b->experts);
        same_values(&a->entropy, &b->entropy, 1);
        assert_memory_equal(a->expert, b->expert, n * sizeof *a->expert);
        same_values(a->weight, b->weight, n);
    }
}

static void pack(const struct erg_pass_row *row, struct erg_buf *layout, struct erg_buf *packed)
{
    erg_buf_init(layout);
    erg_buf_init(packed);
    assert_int_equal(erg_spans_pack_layout(row->spans, row->n_spans, layout), 0);
    assert_int_equal(erg_pass_pack(row, packed), 0);
}

static void unpacking_gives_back_what_was_packed(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        struct make_pass pass;
        struct erg_buf layout, packed;
        struct erg_pass_row got = {0};
        struct erg_unpacked unpacked;
        wild_pass(&pass, &seed);
        pack(&pass.row, &layout, &packed);
        assert_int_equal(erg_pass_unpack(layout.data, layout.len, packed.data, packed.len, &got,
                                         &unpacked, NULL),
                         0);
        same_details(&got, &pass.row);
        erg_unpacked_deinit(&unpacked);
        erg_buf_deinit(&layout);
        erg_buf_deinit(&packed);
        make_pass_free(&pass);
    }
}

/* An error, or a pass whose details lie within it. */
static void check_damaged(const struct erg_buf *layout, const char *bytes, size_t len)
{
    struct erg_pass_row got = {0};
    struct erg_unpacked unpacked;
    struct erg_err err;
    int status = erg_pass_unpack(layout->data, layout->len, bytes, len, &got, &unpacked, &err);
    if (status) {
        assert_int_equal(status, ERG_CORRUPT);
        assert_int_equal(err.code, ERG_CORRUPT);
        return;
    }
    struct erg_buf again;
    erg_buf_init(&again);
    assert_int_equal(erg_details_pack(&got, &again), 0); /* which looks at every rule */
    erg_buf_deinit(&again);
    erg_unpacked_deinit(&unpacked);
}

static void damaged_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    struct make_shape shape = {.layers = 3,
                               .detail = MAKE_DEEP,
                               .time_scale = 1,
                               .noise = 0.2,
                               .spread = 0.3,
                               .heads = 5,
                               .experts = 6,
                               .seed = 5};
    struct make_pass pass;
    struct erg_buf layout, packed;
    make_pass(&pass, &shape, 0, ERG_PHASE_PREFILL, 0, 4, 0);
    pack(&pass.row, &layout, &packed);
    for (size_t len = 0; len < packed.len; len++)
        check_damaged(&layout, packed.data, len);
    for (size_t i = 0; i < packed.len; i++) {
        for (unsigned flip = 1; flip < 256; flip = flip < 128 ? flip * 2 : flip + 127) {
            packed.data[i] = (char)(packed.data[i] ^ (char)flip);
            check_damaged(&layout, packed.data, packed.len);
            packed.data[i] = (char)(packed.data[i] ^ (char)flip);
        }
    }
    erg_buf_deinit(&layout);
    erg_buf_deinit(&packed);
    make_pass_free(&pass);
}

static void what_cannot_be_read_back_is_not_packed(void **state)
{
    (void)state;
    struct erg_span spans[2] = {{.component = 1}, {.component = 1}};
    const float value[1] = {1};
    const uint16_t expert[1] = {2};
    const struct erg_attention_row good = {0, 1, value, value, value};
    const struct erg_routing_row routing = {1, 1, 1, 3, 0, expert, value};
    struct erg_attention_row attention[2] = {good, good};
    struct erg_routing_row other;
    struct erg_pass_row row = {
        .n_spans = 2, .spans = spans, .attention = attention, .n_attention = 2, .routing = &other};
    struct erg_buf out;
    erg_buf_init(&out);
    assert_int_equal(erg_details_pack(&row, &out), ERG_INVALID); /* twice the same span */
    attention[1].span = 2;
    assert_int_equal(erg_details_pack(&row, &out), ERG_INVALID);
    attention[1].span = 1;
    attention[1].heads = 0;
    assert_int_equal(erg_details_pack(&row, &out), ERG_INVALID);
    row.n_attention = 1;
    row.n_routing = 1;
    for (int i = 0; i < 6; i++) {
        other = routing;
        *(uint32_t *[]){&other.span, &other.tokens,  &other.used,
                        &other.used, &other.experts, &other.experts}[i] =
            (const uint32_t[]){2, 0, 0, 4, 2, ERG_MAX_EXPERTS + 1}[i];
        assert_int_equal(erg_details_pack(&row, &out), ERG_INVALID);
    }
    assert_int_equal(out.len, 0);
    erg_buf_deinit(&out);
}

/* --- the tables ------------------------------------------------------------------------------- */

#define RUN "0190a0b1-7d3c-4000-8000-00000000abcd"

/* A run of `passes` with all there is, each pass longer than a cell; the passes as they were. */
static void write_run(const char *path, const char *id, uint32_t passes, struct make_pass *out)
{
    struct make_shape shape = {.layers = 24,
                               .detail = MAKE_DEEP,
                               .noise = 0.3,
                               .spread = 0.5,
                               .time_scale = 1,
                               .energy = true,
                               .crowded = true,
                               .heads = 24,
                               .experts = 8,
                               .seed = 9};
    struct erg_run_row run = make_run(id, "running", NULL);
    struct erg_writer *writer;
    assert_int_equal(erg_writer_open(&writer, path, &run, make_name, NULL, NULL), 0);
    for (uint32_t i = 0; i < passes; i++) {
        make_pass(&out[i], &shape, i, i ? ERG_PHASE_DECODE : ERG_PHASE_PREFILL, i ? 2 + i : 0,
                  i ? 1 : 3, i * INT64_C(1000000000));
        erg_writer_pass(writer, &out[i].row);
        struct erg_token_row token = make_token(&out[i].row, 0, i);
        erg_writer_token(writer, &token);
    }
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
}

static void free_run(struct make_pass *passes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        make_pass_free(&passes[i]);
}

static int compare_pass(void *user, const struct erg_pass_row *row)
{
    const struct make_pass **next = user;
    same_details(row, &(*next)->row);
    ++*next;
    return 0;
}

static void long_passes_lie_in_parts(void **state)
{
    (void)state;
    enum { PASSES = 4 };
    struct temp_store temp = temp_store_new();
    struct make_pass passes[PASSES], others[PASSES], *next = passes;
    struct erg_store *store;
    write_run(temp.path, RUN, PASSES, passes);
    write_run(temp.path, RUN "x", PASSES, others);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_store_passes(store, RUN, true, compare_pass, &next, NULL), 0);
    assert_ptr_equal(next, passes + PASSES);
    assert_int_equal(erg_sql_int(store->db, "SELECT sum(length(spans)) FROM passes", -1), 0);
    assert_true(erg_sql_int(store->db, "SELECT count(*) FROM pass_parts", -1) > 2 * PASSES);
    /* one of a run goes with it, and only then */
    assert_int_equal(erg_store_delete(store, RUN, NULL), 0);
    assert_int_equal(erg_sql_int(store->db,
                                 "SELECT count(*) FROM pass_parts WHERE id >> 16 NOT IN "
                                 "(SELECT id FROM passes)",
                                 -1),
                     0);
    next = others;
    assert_int_equal(erg_store_passes(store, RUN "x", true, compare_pass, &next, NULL), 0);
    assert_ptr_equal(next, others + PASSES);
    /* a part that is missing is damage */
    assert_int_equal(erg_sql_exec(store->db, "DELETE FROM pass_parts WHERE id & 65535 = 1", NULL),
                     0);
    next = others;
    assert_int_equal(erg_store_passes(store, RUN "x", true, compare_pass, &next, NULL),
                     ERG_CORRUPT);
    erg_store_close(store);
    free_run(passes, PASSES);
    free_run(others, PASSES);
    temp_store_remove(&temp);
}

/* Each counts what contradicts a rule. */
static const char *const rules[] = {
    /* per head, with the averages of what is known */
    "SELECT count(*) FROM deep_operation_metrics WHERE operation_name = 'softmax' AND "
    "component_name = 'attention' AND (json_array_length(extra_metrics, '$.attention_entropy') "
    "<> 24 OR json_array_length(extra_metrics, '$.max_attention_weight') <> 24 OR "
    "json_array_length(extra_metrics, '$.attention_sparsity') <> 24 OR "
    "abs(json_extract(extra_metrics, '$.avg_attention_entropy') - (SELECT avg(value) FROM "
    "json_each(extra_metrics, '$.attention_entropy'))) > 1e-4 OR "
    "json_extract(extra_metrics, '$.includes') <> '[\"scale\",\"mask\"]')",
    /* every position's experts, of which the load is the sum */
    "SELECT count(*) FROM deep_operation_metrics m JOIN passes p ON p.id = m.pass_id WHERE "
    "operation_name = 'topk' AND (json_array_length(extra_metrics, '$.experts') <> p.n_tokens OR "
    "json_array_length(extra_metrics, '$.weights[0]') <> 2 OR "
    "json_array_length(extra_metrics, '$.expert_load') <> 8 OR "
    "(SELECT sum(value) FROM json_each(extra_metrics, '$.expert_load')) <> 2 * p.n_tokens OR "
    "json_extract(extra_metrics, '$.load_balance') NOT BETWEEN 0 AND 1 OR "
    "json_extract(extra_metrics, '$.routing_entropy') IS NULL)",
    "SELECT count(*) FROM deep_operation_metrics WHERE operation_name = 'activation' AND "
    "(json_extract(extra_metrics, '$.activation_kill_ratio') NOT BETWEEN 0.29 AND 0.91 OR "
    "json_extract(extra_metrics, '$.includes') <> '[\"activation\",\"product\"]')",
    "SELECT count(*) FROM deep_operation_metrics WHERE operation_name = 'normalize_scale' AND "
    "(json_extract(extra_metrics, '$.variance_ratio') > 0) IS NOT 1",
    "SELECT count(*) FROM deep_operation_metrics WHERE operation_name IN ('matmul', 'rope', 'add') "
    "AND extra_metrics IS NOT NULL",
    /* how many rows there are that have some: per layer an attention softmax and a router's top-k,
     * an activation, six norms */
    "SELECT count(*) - 2 * 24 * 9 FROM deep_operation_metrics WHERE extra_metrics IS NOT NULL",
};

static void extra_metrics_are_those_of_the_contract(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct make_pass passes[2];
    struct erg_store *store;
    write_run(temp.path, RUN, 2, passes);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    for (size_t i = 0; i < ERG_COUNT(rules); i++) {
        int64_t contradictions = erg_sql_int(store->db, rules[i], -1);
        if (contradictions)
            fail_msg("%lld: %s: %s", (long long)contradictions, rules[i],
                     sqlite3_errmsg(store->db));
    }
    erg_store_close(store);
    free_run(passes, 2);
    temp_store_remove(&temp);
}

/* --- the JSON --------------------------------------------------------------------------------- */

static const char *word(void *user, uint16_t id)
{
    const char *const *words = user;
    return words[id];
}

/* The object of span `span`, "" for none. */
static void extra_of(const struct erg_pass_row *pass, const char *const *words, uint32_t span,
                     char out[512])
{
    const struct erg_extra_source source = {pass, word, (void *)words};
    struct erg_buf text;
    struct erg_jsonw w;
    erg_buf_init(&text);
    erg_jsonw_init(&w, &text);
    bool any = erg_extra_write(&source, span, &w);
    assert_int_equal(any, text.len > 0);
    snprintf(out, 512, "%s", erg_buf_view(&text));
    erg_buf_deinit(&text);
}

static void objects_are_written_to_the_letter(void **state)
{
    (void)state;
    static const char *const words[] = {
        "",        "attention",       "softmax",         "router",    "topk",   "activation",
        "qk_norm", "normalize_scale", "flash_attention", "gate_proj", "lm_head"};
    struct erg_span spans[] = {
        {0, 1, 2, 0, 1}, {0, 3, 4, 0, 1}, {0, 5, 5, 0, 1}, {0, 6, 7, 0, 1},
        {0, 1, 8, 0, 1}, {1, 9, 4, 0, 1}, {1, 5, 5, 0, 1}, {-1, 10, 2, 0, 1},
    };
    float extra[] = {NAN, NAN, 0.25f, 1.5f, NAN, NAN, NAN, 3};
    const float entropy[] = {0.5f, NAN, 1}, most[] = {1, 0.25f, 0.25f},
                sparsity[] = {NAN, NAN, NAN};
    const uint16_t expert[] = {2, 0, 2, 1};
    const float weight[] = {0.75f, 0.25f, 0.5f, NAN};
    const struct erg_attention_row attention = {0, 3, entropy, most, sparsity};
    const struct erg_routing_row routing = {1, 2, 2, 4, 0.5f, expert, weight};
    struct erg_pass_row pass = {.n_spans = ERG_COUNT(spans),
                                .spans = spans,
                                .values = {[ERG_VALUE_EXTRA] = extra},
                                .n_attention = 1,
                                .attention = &attention,
                                .n_routing = 1,
                                .routing = &routing};
    static const char *const want[] = {
        "{\"attention_entropy\":[0.5,null,1],\"max_attention_weight\":[1,0.25,0.25],"
        "\"attention_sparsity\":[null,null,null],\"avg_attention_entropy\":0.75,"
        "\"avg_max_attention_weight\":0.5,\"avg_attention_sparsity\":null,"
        "\"includes\":[\"scale\",\"mask\"]}",
        "{\"experts\":[[2,0],[2,1]],\"weights\":[[0.75,0.25],[0.5,null]],\"routing_entropy\":0.5,"
        "\"expert_load\":[1,1,2,0],\"load_balance\":0.75}",
        "{\"activation_kill_ratio\":0.25}", /* no gate in the layer */
        "{\"variance_ratio\":1.5,\"includes\":[\"normalize\",\"scale\"]}",
        "{\"attention_statistics\":null,\"reason\":\"flash attention never forms the attention "
        "matrix (--flash-attn off shows it)\"}",
        "",
        "{\"includes\":[\"activation\",\"product\"]}",
        "", /* a softmax of something else, and a value nobody knows */
    };
    char text[512];
    for (uint32_t i = 0; i < ERG_COUNT(spans); i++) {
        extra_of(&pass, words, i, text);
        assert_string_equal(text, want[i]);
    }
    pass.flags = ERG_PASS_ROWS_SAMPLED;
    extra_of(&pass, words, 2, text);
    assert_string_equal(text, "{\"activation_kill_ratio\":0.25,\"rows_sampled\":true}");
    extra_of(&pass, words, 6, text);
    assert_string_equal(text, want[6]);
}

static void load_balance_is_normalised_entropy(void **state)
{
    (void)state;
    assert_true(erg_load_balance((uint64_t[]){5, 5, 5, 5}, 4) == 1);
    assert_true(erg_load_balance((uint64_t[]){0, 9, 0}, 3) == 0);
    assert_false(signbit(erg_load_balance((uint64_t[]){0, 9, 0}, 3)));
    assert_true(fabs(erg_load_balance((uint64_t[]){1, 1, 0, 0}, 4) - 0.5) < 1e-12);
    assert_true(isnan(erg_load_balance((uint64_t[]){7}, 1)));
    assert_true(isnan(erg_load_balance((uint64_t[]){0, 0}, 2)));
}

/* --- an older store --------------------------------------------------------------------------- */

/* Of version 1, made by the program that wrote no other: two layers of two spans, FLOPs. */
static const unsigned char old_layout[] = {0x01, 0x04, 0x0c, 0x18, 0x00, 0x00, 0x02, 0x00,
                                           0x01, 0x01, 0x01, 0x01, 0x02, 0x02, 0x02, 0x02};
static const unsigned char old_blob[] = {0x01, 0x01, 0x04, 0x07, 0x79, 0x94, 0x08, 0x41,
                                         0x0e, 0x07, 0x88, 0x38, 0x01, 0x00, 0x00};

static int see_old_pass(void *user, const struct erg_pass_row *row)
{
    int *seen = user;
    ++*seen;
    assert_int_equal(row->n_attention + row->n_routing, 0);
    assert_int_equal(row->n_spans, 4);
    for (uint32_t i = 0; i < row->n_spans; i++) {
        assert_int_equal(row->spans[i].layer, i / 2);
        assert_int_equal(row->spans[i].ticks, 100 + i);
        assert_true(row->values[ERG_VALUE_FLOPS][i] ==
                    erg_spans_round_value((float)(1000 * (i % 2 + 1))));
    }
    return 0;
}

static void a_store_of_version_1_is_migrated(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    struct make_pass passes[2], *next = passes;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int seen = 0;
    assert_int_equal(sqlite3_open(temp.path, &db), SQLITE_OK);
    assert_int_equal(erg_schema_migrate(db, erg_migrations, 1, NULL), 0);
    assert_int_equal(erg_sql_exec(db,
                                  "INSERT INTO profiling_runs(id, created_at, created_at_utc, "
                                  "status, duration_ns, input_tokens, output_tokens, summary_json) "
                                  "VALUES('old', '2026-01-01', '2026-01-01', 'complete', 1, 1, 1, "
                                  "'{}'); INSERT INTO names(id, name) VALUES(1, 'q_proj'), "
                                  "(2, 'matmul')",
                                  NULL),
                     0);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT INTO layouts(id, run_id, layout) "
                                        "VALUES(1, 'old', ?)",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, old_layout, sizeof old_layout, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT INTO passes(run_id, pass_index, phase_code, "
                                        "position, n_tokens, flags, start_ns, end_ns, grade_code, "
                                        "n_spans, layout_id, spans) VALUES('old', 0, 2, 0, 1, 1, "
                                        "0, 100000, 4, 4, 1, ?)",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, old_blob, sizeof old_blob, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    write_run(temp.path, RUN, 2, passes); /* takes the store to the newest version */
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_sql_int(store->db, "PRAGMA user_version", -1),
                     erg_migrations[erg_migration_count - 1].to);
    assert_int_equal(erg_store_passes(store, "old", true, see_old_pass, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(erg_store_passes(store, RUN, true, compare_pass, &next, NULL), 0);
    assert_int_equal(erg_store_delete(store, "old", NULL), 0);
    assert_int_equal(erg_sql_int(store->db, "SELECT count(*) FROM passes", -1), 2);
    erg_store_close(store);
    free_run(passes, 2);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacking_gives_back_what_was_packed),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
        cmocka_unit_test(what_cannot_be_read_back_is_not_packed),
        cmocka_unit_test(long_passes_lie_in_parts),
        cmocka_unit_test(extra_metrics_are_those_of_the_contract),
        cmocka_unit_test(objects_are_written_to_the_letter),
        cmocka_unit_test(load_balance_is_normalised_entropy),
        cmocka_unit_test(a_store_of_version_1_is_migrated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
