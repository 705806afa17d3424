/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "store/make_store.h"
#include "store/spans.h"
#include "test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct unpacked {
    struct erg_span *spans;
    uint32_t count;
    float *values[ERG_VALUE_COLUMNS];
};

static void free_unpacked(struct unpacked *unpacked)
{
    free(unpacked->spans);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(unpacked->values[c]);
}

static int unpack(const struct erg_buf *layout, const struct erg_buf *blob, struct unpacked *out)
{
    return erg_spans_unpack(layout->data, layout->len, blob->data, blob->len, &out->spans,
                            &out->count, out->values, NULL);
}

static void pack(const struct erg_pass_row *row, struct erg_buf *layout, struct erg_buf *blob)
{
    erg_buf_init(layout);
    erg_buf_init(blob);
    assert_int_equal(erg_spans_pack_layout(row->spans, row->n_spans, layout), 0);
    assert_int_equal(erg_spans_pack(row, blob), 0);
}

static void assert_same_value(float stored, float original)
{
    float rounded = erg_spans_round_value(original);
    assert_true(isnan(rounded) ? isnan(stored) : memcmp(&stored, &rounded, sizeof(float)) == 0);
}

static void assert_same_times(const struct erg_buf *layout, const struct erg_buf *blob,
                              const struct unpacked *whole)
{
    struct unpacked got = {.spans = NULL};
    assert_int_equal(erg_spans_unpack(layout->data, layout->len, blob->data, blob->len, &got.spans,
                                      &got.count, NULL, NULL),
                     0);
    assert_int_equal(got.count, whole->count);
    if (got.count)
        assert_memory_equal(got.spans, whole->spans, got.count * sizeof(*got.spans));
    free_unpacked(&got);
}

static void assert_round_trip(const struct erg_pass_row *row)
{
    struct erg_buf layout, blob;
    struct unpacked got;
    pack(row, &layout, &blob);
    assert_int_equal(unpack(&layout, &blob, &got), 0);
    assert_int_equal(got.count, row->n_spans);
    if (got.count)
        assert_memory_equal(got.spans, row->spans, got.count * sizeof(*got.spans));
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        assert_int_equal(got.values[c] == NULL, row->values[c] == NULL);
        for (uint32_t i = 0; row->values[c] && i < got.count; i++)
            assert_same_value(got.values[c][i], row->values[c][i]);
    }
    assert_same_times(&layout, &blob, &got);
    free_unpacked(&got);
    erg_buf_deinit(&layout);
    erg_buf_deinit(&blob);
}

static float random_value(uint64_t *seed)
{
    static const float special[] = {0,        -0.0f,   1,  NAN,    INFINITY, -INFINITY, FLT_MIN,
                                    1.0e-45f, FLT_MAX, -1, 5e-13f, 1e-12f,   2.6e16f,   3e16f};
    uint64_t pick = test_below(seed, 20);
    if (pick < ERG_COUNT(special))
        return special[pick];
    return (float)exp((double)test_below(seed, 1000000) / 1e6 * 64 - 27.5);
}

/* Spans with no order in them: any layer, name and time. */
static void wild_pass(struct make_pass *pass, uint64_t *seed, uint32_t count)
{
    *pass = (struct make_pass){.spans = calloc(count + 1, sizeof(struct erg_span))};
    pass->row.n_spans = count;
    pass->row.spans = pass->spans;
    for (uint32_t i = 0; i < count; i++) {
        unsigned bits = (unsigned)test_below(seed, 33);
        pass->spans[i] = (struct erg_span){
            .layer = (int16_t)((int)test_below(seed, i % 3 ? 4 : ERG_MAX_LAYERS + 1) - 1),
            .component = (uint16_t)(1 + test_below(seed, i % 5 ? 30 : 65535)),
            .operation = (uint16_t)test_below(seed, i % 7 ? 3 : 65536),
            .ticks = bits ? (uint32_t)(test_random(seed) >> (64 - bits)) : 0,
        };
    }
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        if (test_below(seed, 3) == 0)
            continue;
        pass->values[c] = calloc(count + 1, sizeof(float));
        pass->row.values[c] = pass->values[c];
        for (uint32_t i = 0; i < count; i++)
            pass->values[c][i] = random_value(seed);
    }
}

static void unpacking_gives_back_what_was_packed(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        struct make_pass pass;
        wild_pass(&pass, &seed, (uint32_t)test_below(&seed, round % 10 ? 40 : 2000));
        assert_round_trip(&pass.row);
        make_pass_free(&pass);
    }
}

static void the_largest_pass_is_packed_and_a_larger_one_refused(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct make_pass pass;
    wild_pass(&pass, &seed, ERG_MAX_SPANS_PER_PASS);
    assert_round_trip(&pass.row);
    make_pass_free(&pass);
    wild_pass(&pass, &seed, ERG_MAX_SPANS_PER_PASS + 1);
    struct erg_buf out;
    erg_buf_init(&out);
    assert_int_equal(erg_spans_pack(&pass.row, &out), ERG_LIMIT);
    assert_int_equal(erg_spans_pack_layout(pass.spans, pass.row.n_spans, &out), ERG_LIMIT);
    erg_buf_deinit(&out);
    make_pass_free(&pass);
}

static void values_are_right_to_half_a_thousandth(void **state)
{
    (void)state;
    uint64_t seed = 3;
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        double exact =
            exp((double)test_below(&seed, 1000000000) / 1e9 * (log(2.6e16) - log(1.001e-12)) +
                log(1.001e-12));
        float value = (float)exact, rounded = erg_spans_round_value(value);
        double error = fabs((double)rounded / (double)value - 1);
        worst = error > worst ? error : worst;
        float again = erg_spans_round_value(rounded);
        assert_memory_equal(&again, &rounded, sizeof(float));
    }
    assert_true(worst <= 5e-4);
    assert_true(worst > 4e-4); /* else a coarser step would do */
}

static void values_outside_the_codes_have_a_rule(void **state)
{
    (void)state;
    assert_true(erg_spans_round_value(0) == 0);
    assert_false(signbit(erg_spans_round_value(-0.0f)));
    assert_true(erg_spans_round_value(1e-45f) == 0);
    assert_true(erg_spans_round_value(9e-13f) == 0);
    assert_true(isnan(erg_spans_round_value(NAN)));
    assert_true(isnan(erg_spans_round_value(-1e-30f)));
    assert_true(isnan(erg_spans_round_value(-INFINITY)));
    float most = erg_spans_round_value(INFINITY);
    assert_true(most > 2.6e16f && most < 3e16f);
    assert_true(erg_spans_round_value(FLT_MAX) == most);
    assert_true(erg_spans_round_value(most) == most);
}

static void rounding_keeps_order(void **state)
{
    (void)state;
    float before = 0;
    for (float value = 1e-13f; value < 1e17f; value *= 1.00007f) {
        float rounded = erg_spans_round_value(value);
        assert_true(rounded >= before);
        before = rounded;
    }
}

/* What comes out of damaged bytes is an error or a pass within its bounds. */
static void check_damaged(const struct erg_buf *layout, const struct erg_buf *blob)
{
    struct unpacked got;
    struct erg_err err;
    int status = erg_spans_unpack(layout->data, layout->len, blob->data, blob->len, &got.spans,
                                  &got.count, got.values, &err);
    if (status) {
        struct unpacked times = {.spans = NULL};
        assert_int_equal(status, ERG_CORRUPT);
        assert_int_equal(err.code, ERG_CORRUPT);
        /* the times may be whole all the same */
        status = erg_spans_unpack(layout->data, layout->len, blob->data, blob->len, &times.spans,
                                  &times.count, NULL, NULL);
        assert_true(status == 0 || status == ERG_CORRUPT);
        free_unpacked(&times);
        return;
    }
    assert_same_times(layout, blob, &got);
    assert_true(got.count <= ERG_MAX_SPANS_PER_PASS);
    for (uint32_t i = 0; i < got.count; i++) {
        assert_true(got.spans[i].layer >= -1 && got.spans[i].layer < ERG_MAX_LAYERS);
        assert_true(got.spans[i].component > 0);
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
            assert_false(got.values[c] && got.values[c][i] < 0);
    }
    free_unpacked(&got);
}

static void damage(struct erg_buf *bytes, const struct erg_buf *layout, const struct erg_buf *blob)
{
    size_t len = bytes->len;
    for (bytes->len = 0; bytes->len < len; bytes->len++) {
        struct unpacked got;
        assert_int_equal(unpack(layout, blob, &got), ERG_CORRUPT);
    }
    for (size_t i = 0; i < len; i++) {
        for (unsigned flip = 1; flip < 256; flip = flip < 128 ? flip * 2 : flip + 127) {
            bytes->data[i] = (char)(bytes->data[i] ^ (char)flip);
            check_damaged(layout, blob);
            bytes->data[i] = (char)(bytes->data[i] ^ (char)flip);
        }
    }
}

static void damaged_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    for (int detail = MAKE_MINIMAL; detail <= MAKE_DEEP; detail++) {
        struct make_shape shape = {.layers = 4,
                                   .detail = (enum make_detail)detail,
                                   .time_scale = 1,
                                   .noise = 0.2,
                                   .spread = 0.3,
                                   .seed = 5};
        struct make_pass pass;
        struct erg_buf layout, blob;
        make_pass(&pass, &shape, 0, ERG_PHASE_DECODE, 0, 1, 0);
        pack(&pass.row, &layout, &blob);
        damage(&layout, &layout, &blob);
        damage(&blob, &layout, &blob);
        erg_buf_putc(&blob, 0);
        struct unpacked got;
        assert_int_equal(unpack(&layout, &blob, &got), ERG_CORRUPT);
        erg_buf_deinit(&layout);
        erg_buf_deinit(&blob);
        make_pass_free(&pass);
    }
}

static void a_layout_of_another_pass_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct make_pass a, b;
    struct erg_buf layout_a, blob_a, layout_b, blob_b;
    wild_pass(&a, &seed, 20);
    wild_pass(&b, &seed, 21);
    pack(&a.row, &layout_a, &blob_a);
    pack(&b.row, &layout_b, &blob_b);
    struct unpacked got;
    assert_int_equal(unpack(&layout_a, &blob_b, &got), ERG_CORRUPT);
    assert_int_equal(unpack(&layout_b, &blob_a, &got), ERG_CORRUPT);
    erg_buf_deinit(&layout_a);
    erg_buf_deinit(&blob_a);
    erg_buf_deinit(&layout_b);
    erg_buf_deinit(&blob_b);
    make_pass_free(&a);
    make_pass_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacking_gives_back_what_was_packed),
        cmocka_unit_test(the_largest_pass_is_packed_and_a_larger_one_refused),
        cmocka_unit_test(values_are_right_to_half_a_thousandth),
        cmocka_unit_test(values_outside_the_codes_have_a_rule),
        cmocka_unit_test(rounding_keeps_order),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
        cmocka_unit_test(a_layout_of_another_pass_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
