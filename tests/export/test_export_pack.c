/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "export/pack.h"

#include <math.h>
#include <string.h>

/* web/src/report/numbers.test.ts reads the same bytes. */
static void assert_bytes(const struct erg_buf *out, const unsigned char *expected, size_t len)
{
    assert_int_equal(erg_buf_status(out), 0);
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, expected, len);
}

static void test_ticks(void **state)
{
    static const struct {
        float ms[6];
        size_t passes;
        unsigned char bytes[6];
        size_t len;
    } cases[] = {
        {{0.0005f, 0.0007f, 0.0005f, 0.0006f}, 2, {6, 6, 8, 7}, 4},
        {{0.03f, 0}, 1, {173, 2, 1}, 3},
        {{NAN, 0.0002f, 0.0001f, NAN, 0.0003f, 0.0003f}, 3, {0, 2, 4, 3, 0, 4}, 6},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        struct erg_buf out;
        erg_buf_init(&out);
        erg_pack_ticks(cases[i].ms, cases[i].passes, 2, &out);
        assert_bytes(&out, cases[i].bytes, cases[i].len);
        erg_buf_deinit(&out);
    }
}

/* A pass of 7 nJ and two ticks: a cell of one tick has 4 nJ by time (3.5 rounds up). */
static void test_share(void **state)
{
    const struct erg_pack_pass pass = {0, 2, 7};
    const float ms[] = {0.0001f, 0.0001f, 0.0001f, 0.0001f, 0.0002f, 0};
    const float mj[] = {0.000004f, 0.000003f, 0.000005f, 0.000002f, 0.000007f, NAN};
    const unsigned char expected[] = {1, 2, 3, 4, 1, 0};
    struct erg_buf out;
    (void)state;
    erg_buf_init(&out);
    erg_pack_share(mj, ms, &pass, 1, 6, &out);
    assert_bytes(&out, expected, sizeof expected);
    erg_buf_clear(&out);
    const struct erg_pack_pass nothing = {0, 0, 0};
    erg_pack_share(mj, ms, &nothing, 1, 1, &out);
    assert_bytes(&out, (const unsigned char[]){9}, 1); /* 4 beyond nothing */
    erg_buf_deinit(&out);
}

static void test_float24(void **state)
{
    const float values[] = {1, -2.5f, 0.001234f, NAN, 0, 3e20f};
    struct erg_buf out;
    (void)state;
    erg_buf_init(&out);
    erg_pack_float24(values, 3, 2, &out);
    assert_int_equal(out.len, 18);
    for (size_t i = 0; i < ERG_COUNT(values); i++) {
        size_t at = i % 2 * 3 + i / 2; /* cell by cell */
        uint32_t bits = 0;
        float found;
        for (size_t plane = 0; plane < 3; plane++)
            bits |= (uint32_t)(unsigned char)out.data[plane * 6 + at] << (24 - 8 * plane);
        memcpy(&found, &bits, sizeof found);
        if (isnan(values[i]))
            assert_true(isnan(found));
        else
            assert_true(fabsf(found - values[i]) <= fabsf(values[i]) * 0x1p-13f);
    }
    erg_buf_deinit(&out);
}

static const struct erg_pack_pass some[] = {{1, 10, 100}, {2, 1, 5}, {2, 2, 6}, {2, 3, 7}};

static void join(enum erg_pack_join how, float expected[static 6])
{
    float values[] = {1, NAN, 2, 4, NAN, 8, NAN, 3};
    struct erg_pack_pass passes[4];
    memcpy(passes, some, sizeof passes);
    assert_int_equal(erg_pack_join(values, passes, 4, 2, 2, how), 3);
    for (size_t i = 0; i < 6; i++) {
        if (isnan(expected[i]))
            assert_true(isnan(values[i]));
        else
            assert_true(values[i] == expected[i]);
    }
    assert_int_equal(passes[0].energy_nj, 100); /* the prefill alone */
    assert_int_equal(passes[1].energy_nj, 11);
    assert_int_equal(passes[1].duration_ticks, 3);
    assert_int_equal(passes[2].energy_nj, 7);
    assert_int_equal(passes[2].phase, 2);
}

static void test_join(void **state)
{
    (void)state;
    join(ERG_PACK_SUM, (float[]){1, NAN, 2, 12, NAN, 3});
    join(ERG_PACK_MEAN, (float[]){1, NAN, 2, 6, NAN, 3});
    join(ERG_PACK_ROOT_MEAN_SQUARE, (float[]){1, NAN, 2, sqrtf(40), NAN, 3});
    join(ERG_PACK_MOST, (float[]){1, NAN, 2, 8, NAN, 3});
}

static void test_join_nothing(void **state)
{
    float values[] = {1, 2, 3, 4};
    struct erg_pack_pass passes[4];
    (void)state;
    memcpy(passes, some, sizeof passes);
    assert_int_equal(erg_pack_join(values, passes, 4, 1, 1, ERG_PACK_SUM), 4);
    assert_true(values[0] == 1 && values[3] == 4);
    assert_int_equal(erg_pack_join(values, passes, 0, 1, 4, ERG_PACK_SUM), 0);
    assert_int_equal(erg_pack_join(values, passes, 4, 1, 100, ERG_PACK_SUM), 2);
    assert_true(values[0] == 1 && values[1] == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),        cmocka_unit_test(test_share),
        cmocka_unit_test(test_float24),      cmocka_unit_test(test_join),
        cmocka_unit_test(test_join_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
