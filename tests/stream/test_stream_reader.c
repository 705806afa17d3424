/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/mem.h"
#include "stream/sample.h"
#include "stream/writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct erg_buf stream, dump, other;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    sample_stream(&f->stream);
    *state = f;
    return sample_read(f->stream.data, f->stream.len, f->stream.len, &f->dump, NULL);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    erg_buf_deinit(&f->stream);
    erg_buf_deinit(&f->dump);
    erg_buf_deinit(&f->other);
    free(f);
    return 0;
}

static void test_every_type_is_read(void **state)
{
    struct fixture *f = *state;
    struct erg_reader *reader;
    struct erg_event event;
    uint64_t seen = 0;
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    assert_int_equal(erg_reader_feed(reader, f->stream.data, f->stream.len, NULL), 0);
    size_t records = 0;
    while (erg_reader_next(reader, &event, NULL) == 1) {
        assert_memory_equal(event.record, f->stream.data + ERG_PREAMBLE_BYTES + records,
                            event.record_bytes);
        records += event.record_bytes;
        seen |= UINT64_C(1) << event.type;
    }
    assert_true(seen == (UINT64_C(0x3FFE) | UINT64_C(0x7F) << 32));
    assert_int_equal(erg_reader_pending(reader), 0);
    assert_int_equal(erg_reader_offset(reader), f->stream.len);
    erg_reader_free(reader);
}

/* The dump is compared with text written by hand, so that a misplaced field shows. */
static void test_fields_are_in_place(void **state)
{
    struct fixture *f = *state;
    static const char *const parts[] = {
        "32 t=999999999995 phase=0 name= level=0 wall=1800000000000000000 count=0 "
        "\"7b226964223a22616263227d\"\n",
        "1 t=0 phase=0 name=q_proj\xC3\xA9 level=0 wall=0 count=0 \"715f70726f6ac3a9\"\n",
        "3 t=1000000000001 phase=0 name=tokenization level=0",
        "5 t=1000000000100 phase=1 name= level=0 wall=0 count=0 \"\" t1=1000000001100 n=2 pos=5 "
        "flags=1 spans=3 (-1 embedding/ 300 1e+09 4096 nan nan nan nan nan) "
        "(0 q_proj\xC3\xA9/embedding 400 0 8 0.5 1 9 0.125 nan) "
        "(1 q_proj\xC3\xA9/ 299 2 0 0.25 2 inf 1 0.625)\n",
        "12 t=0 phase=0 name= level=0 wall=0 count=0 \"\" span=1 heads=3 (0.5 0.25 0) "
        "(nan 1 0.125) (2 0.75 nan)\n",
        "13 t=0 phase=0 name= level=0 wall=0 count=0 \"\" span=2 tokens=2 experts=8 entropy=1.5 | "
        "7:0.5 0:0.25 3:-1 | 1:3 2:nan 4:0.125\n",
        "6 t=0 phase=1 name= level=0 wall=0 count=0 \"6869c3\" pos=5 id=1234\n",
        "7 t=1000000000010 phase=0 name= level=0 wall=0 count=0 \"\" 1048576 2097152 3145728 "
        "4194304\n",
        "38 t=1000000000040 phase=0 name= level=0 wall=0 count=0 "
        "\"6e6f206361636865206d6973736573\" known=3 1000 500 0\n",
        "8 t=1000000000020 phase=1 name= level=0 wall=0 count=0 \"\" 7 12/300 1/2\n",
        "9 t=1000000001200 phase=0 name= level=2 wall=0 count=0 \"6361726566756c\"\n",
        "10 t=1000000001300 phase=0 name= level=1 wall=0 count=0 \"\"\n",
        "11 t=0 phase=0 name= level=0 wall=0 count=42 \"\"\n",
        "34 t=1000000000025 phase=0 name= level=0 wall=0 count=0 \"\" after=1000000000026 kind=1 "
        "(0 0 123456789) (1 4 0)\n",
        "35 t=1000000000030 phase=0 name= level=0 wall=0 count=0 \"\" 0.5 0.75 nan 1073741824 "
        "2147483648 3221225472\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(f->dump.data, parts[i]))
            fail_msg("not in the dump: %s\n%s", parts[i], f->dump.data);
    }
}

static void test_chunks_do_not_matter(void **state)
{
    struct fixture *f = *state;
    for (size_t chunk = 1; chunk <= f->stream.len; chunk++) {
        size_t pending;
        erg_buf_clear(&f->other);
        assert_int_equal(sample_read(f->stream.data, f->stream.len, chunk, &f->other, &pending), 0);
        assert_int_equal(pending, 0);
        assert_string_equal(f->other.data, f->dump.data);
    }
}

static void test_truncation_keeps_a_prefix(void **state)
{
    struct fixture *f = *state;
    for (size_t len = 0; len < f->stream.len; len++) {
        size_t pending = 0;
        erg_buf_clear(&f->other);
        assert_int_equal(sample_read(f->stream.data, len, 97, &f->other, &pending), 0);
        assert_memory_equal(erg_buf_view(&f->other), f->dump.data, f->other.len);
        assert_true(f->other.len < f->dump.len || pending == 0);
        assert_true(len % 8 == 0 || pending > 0);
    }
}

static void test_damage_keeps_a_prefix(void **state)
{
    struct fixture *f = *state;
    for (size_t at = 0; at < f->stream.len; at++) {
        for (unsigned flip = 1; flip < 256; flip = flip < 128 ? flip << 1 : flip + 127) {
            f->stream.data[at] ^= (char)flip;
            size_t pending = 0;
            erg_buf_clear(&f->other);
            int rc = sample_read(f->stream.data, f->stream.len, f->stream.len, &f->other, &pending);
            f->stream.data[at] ^= (char)flip;
            assert_memory_equal(erg_buf_view(&f->other), f->dump.data, f->other.len);
            bool minor = at == 10 || at == 11, major = at == 8 || at == 9;
            if (minor)
                assert_true(rc == 0 && f->other.len == f->dump.len);
            else if (major)
                assert_int_equal(rc, ERG_UNSUPPORTED);
            else
                assert_true(rc == ERG_CORRUPT || (rc == 0 && pending > 0));
        }
    }
}

static void test_failure_stays(void **state)
{
    struct fixture *f = *state;
    struct erg_reader *reader;
    struct erg_event event;
    struct erg_err err;
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    f->stream.data[ERG_PREAMBLE_BYTES + 20] ^= 1;
    assert_int_equal(erg_reader_feed(reader, f->stream.data, f->stream.len, NULL), 0);
    for (int i = 0; i < 3; i++) {
        err = (struct erg_err){0};
        assert_int_equal(erg_reader_next(reader, &event, &err), ERG_CORRUPT);
        assert_non_null(strstr(err.text, "at byte 16"));
        assert_int_equal(erg_reader_offset(reader), ERG_PREAMBLE_BYTES);
        assert_int_equal(erg_reader_feed(reader, f->stream.data, 100, NULL), 0);
    }
    assert_int_equal(erg_reader_pending(reader), f->stream.len + 300 - ERG_PREAMBLE_BYTES);
    f->stream.data[ERG_PREAMBLE_BYTES + 20] ^= 1;
    erg_reader_free(reader);
}

static void test_unknown_types_are_skipped(void **state)
{
    struct fixture *f = *state;
    struct erg_reader *reader;
    struct erg_event event;
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    erg_buf_clear(&f->other);
    erg_write_preamble(&f->other);
    for (int type = 100; type < 110; type++)
        erg_write_record(&f->other, (enum erg_record_type)type, "0123456789abc", (size_t)type % 14);
    erg_buf_append(&f->other, f->stream.data + 16, f->stream.len - 16);
    assert_int_equal(erg_reader_feed(reader, f->other.data, f->other.len, NULL), 0);
    struct erg_buf dump = {0};
    while (erg_reader_next(reader, &event, NULL) == 1)
        sample_dump(reader, &event, &dump);
    assert_string_equal(dump.data, f->dump.data);
    assert_int_equal(erg_reader_skipped(reader), 10);
    erg_buf_deinit(&dump);
    erg_reader_free(reader);
}

/* Every payload without a variable part has 24 bytes more, and the pass two more columns. */
static void test_payloads_may_grow(void **state)
{
    struct fixture *f = *state;
    struct erg_buf grown = {0};
    erg_write_preamble(&grown);
    for (size_t at = ERG_PREAMBLE_BYTES; at < f->stream.len;) {
        unsigned char payload[1024];
        uint32_t bytes;
        uint16_t type;
        memcpy(&bytes, f->stream.data + at, 4);
        memcpy(&type, f->stream.data + at + 4, 2);
        memcpy(payload, f->stream.data + at + 16, bytes);
        at += 16 + (size_t)erg_format_padded(bytes);
        bool fixed = type == ERG_REC_SECTION_BEGIN || type == ERG_REC_SECTION_END ||
                     type == ERG_REC_MEMORY || type == ERG_REC_PROGRESS ||
                     type == ERG_REC_DROPPED || type == ERG_REC_IDLE || type == ERG_REC_HOST ||
                     type == ERG_REC_PASS;
        if (type == ERG_REC_PASS)
            payload[38] |= 0x03;
        memset(payload + bytes, 0xAB, 24);
        erg_write_record(&grown, (enum erg_record_type)type, payload, bytes + (fixed ? 24 : 0));
    }
    erg_buf_clear(&f->other);
    assert_int_equal(sample_read(grown.data, grown.len, 51, &f->other, NULL), 0);
    assert_string_equal(f->other.data, f->dump.data);
    erg_buf_deinit(&grown);
}

/* One rule broken at a time: bytes `at` of a record of the sample replaced, check value renewed. */
struct breach {
    uint16_t type;
    uint32_t at;
    uint32_t len;
    int64_t value;
};

static const struct breach breaches[] = {
    {ERG_REC_NAME, 0, 4, 0},
    {ERG_REC_NAME, 0, 4, ERG_MAX_NAMES},
    {ERG_REC_NAME, 4, 4, 1},
    {ERG_REC_NAME, 8, 1, 0},
    {ERG_REC_NAME, 8, 1, 0xFF},
    {ERG_REC_SECTION_BEGIN, 8, 4, ERG_PHASE_PREFILL},
    {ERG_REC_SECTION_BEGIN, 8, 4, ERG_PHASES},
    {ERG_REC_SECTION_BEGIN, 12, 4, 0},
    {ERG_REC_SECTION_END, 12, 4, 4},
    {ERG_REC_SECTION_END, 12, 4, 0xFFFFFFFF},
    {ERG_REC_PASS, 8, 8, 1000000000099}, /* t1 < t0 */
    {ERG_REC_PASS, 8, 8, 1000000001098}, /* shorter than its spans */
    {ERG_REC_PASS, 16, 4, ERG_PHASE_PRE_INFERENCE},
    {ERG_REC_PASS, 20, 4, 0},
    {ERG_REC_PASS, 20, 4, 0xFFFFFFFF},
    {ERG_REC_PASS, 24, 4, ERG_MAX_TOKENS - 1},
    {ERG_REC_PASS, 32, 4, ERG_MAX_SPANS_PER_PASS + 1},
    {ERG_REC_PASS, 32, 4, 8},
    {ERG_REC_PASS, 32, 4, 0},
    {ERG_REC_PASS, 36, 4, ERG_COL_KNOWN - ERG_COL_LAYER},
    {ERG_REC_PASS, 36, 4, ERG_COL_KNOWN - ERG_COL_COMPONENT},
    {ERG_REC_PASS, 36, 4, ERG_COL_KNOWN - ERG_COL_DURATION},
    {ERG_REC_PASS, 36, 4, ERG_COL_KNOWN - ERG_COL_MAX},
    {ERG_REC_PASS, 40, 2, -2}, /* layer */
    {ERG_REC_PASS, 40, 2, ERG_MAX_LAYERS},
    {ERG_REC_PASS, 46, 2, 1}, /* padding of the column */
    {ERG_REC_PASS, 48, 2, 0}, /* component */
    {ERG_REC_PASS, 48, 2, 4},
    {ERG_REC_PASS, 56, 2, 0xFFFF}, /* operation */
    {ERG_REC_PASS, 64, 8, 302},    /* durations: sum, and sum modulo 2^64 */
    {ERG_REC_PASS, 64, 8, -100},
    {ERG_REC_TOKEN, 0, 4, ERG_MAX_TOKENS},
    {ERG_REC_TOKEN, 8, 4, ERG_PHASE_POST_INFERENCE},
    {ERG_REC_TOKEN, 12, 4, 1},
    {ERG_REC_PROGRESS, 8, 4, ERG_PHASES},
    {ERG_REC_PROGRESS, 12, 4, -2},
    {ERG_REC_PROGRESS, 12, 4, ERG_MAX_LAYERS},
    {ERG_REC_PROGRESS, 24, 4, ERG_MAX_TOKENS + 1},
    {ERG_REC_PROGRESS, 28, 4, ERG_MAX_TOKENS + 1},
    {ERG_REC_LOG, 8, 4, ERG_LOG_ERROR + 1},
    {ERG_REC_LOG, 12, 4, 1},
    {ERG_REC_RUN_END, 8, 4, ERG_END_FAILED + 1},
    {ERG_REC_RUN_END, 12, 4, 1},
    {ERG_REC_READING, 8, 8, 1000000000024}, /* after < before */
    {ERG_REC_IDLE, 8, 8, 999999999995},
    {ERG_REC_COUNTERS, 24, 8, 1}, /* a count that is not known */
    {ERG_REC_COUNTERS, 32, 4, 8},
    {ERG_REC_COUNTERS, 36, 4, 1},
    {ERG_REC_READING, 16, 4, 2},
    {ERG_REC_READING, 20, 4, 1},
    {ERG_REC_READING, 20, 4, 3},
    {ERG_REC_READING, 20, 4, 0x10000002}, /* count × 16 overflows 32 bits */
    {ERG_REC_READING, 24, 4, ERG_MAX_CHANNELS},
    {ERG_REC_READING, 48, 8, 1},  /* a failed read with a value */
    {ERG_REC_ATTENTION, 0, 4, 3}, /* the pass has spans 0 … 2 */
    {ERG_REC_ATTENTION, 0, 4, 0xFFFFFFFF},
    {ERG_REC_ATTENTION, 4, 4, 0},
    {ERG_REC_ATTENTION, 4, 4, 1}, /* bytes behind */
    {ERG_REC_ATTENTION, 4, 4, 5},
    {ERG_REC_ATTENTION, 4, 4, 0x40000001}, /* × 4 overflows 32 bits */
    {ERG_REC_ATTENTION, 4, 4, ERG_MAX_HEADS + 1},
    {ERG_REC_ATTENTION, 20, 4, 1},           /* padding of the array */
    {ERG_REC_ATTENTION, 8, 4, 0x7F800000},   /* infinite */
    {ERG_REC_ATTENTION, 48, 4, 0xFF800000L}, /* of the last array */
    {ERG_REC_ROUTING, 0, 4, 3},
    {ERG_REC_ROUTING, 4, 4, 0},
    {ERG_REC_ROUTING, 4, 4, 1},
    {ERG_REC_ROUTING, 4, 4, 3}, /* positions that the pass does not have */
    {ERG_REC_ROUTING, 8, 4, 0},
    {ERG_REC_ROUTING, 8, 4, 9},
    {ERG_REC_ROUTING, 8, 4, 0x80000003},
    {ERG_REC_ROUTING, 12, 4, 7}, /* expert 7 of 0 … 6 */
    {ERG_REC_ROUTING, 12, 4, ERG_MAX_EXPERTS + 1},
    {ERG_REC_ROUTING, 16, 4, 0x7F800000},
    {ERG_REC_ROUTING, 20, 4, 1},
    {ERG_REC_ROUTING, 34, 2, 8},
    {ERG_REC_ROUTING, 36, 2, 1}, /* padding of the array */
    {ERG_REC_ROUTING, 60, 4, 0x7F800000},
};

/* The stream with one record changed; its padding is taken as it is. */
static void break_rule(const struct erg_buf *stream, const struct breach *breach,
                       struct erg_buf *out, size_t *out_at)
{
    bool done = false;
    erg_write_preamble(out);
    for (size_t at = ERG_PREAMBLE_BYTES; at < stream->len;) {
        unsigned char payload[1024];
        uint32_t bytes;
        uint16_t type;
        memcpy(&bytes, stream->data + at, 4);
        memcpy(&type, stream->data + at + 4, 2);
        memcpy(payload, stream->data + at + 16, bytes);
        if (type == breach->type && !done) {
            memcpy(payload + breach->at, &breach->value, breach->len);
            *out_at = at;
            done = true;
        }
        erg_write_record(out, (enum erg_record_type)type, payload, bytes);
        at += 16 + (size_t)erg_format_padded(bytes);
    }
}

static void test_broken_rules_are_found(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
        struct erg_reader *reader;
        struct erg_event event;
        struct erg_err err = {0};
        size_t at = 0;
        int rc;
        erg_buf_clear(&f->other);
        break_rule(&f->stream, &breaches[i], &f->other, &at);
        assert_int_equal(erg_reader_new(&reader, NULL), 0);
        assert_int_equal(erg_reader_feed(reader, f->other.data, f->other.len, NULL), 0);
        while ((rc = erg_reader_next(reader, &event, &err)) == 1)
            continue;
        if (rc != ERG_CORRUPT || erg_reader_offset(reader) != at)
            fail_msg("breach %zu: %d at %d (%s)", i, rc, (int)erg_reader_offset(reader), err.text);
        erg_reader_free(reader);
    }
}

static void test_short_payloads_are_corrupt(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint16_t type;
        uint32_t min_bytes;
    } types[] = {
        {1, 9},   {2, 8},  {3, 16}, {4, 16},  {5, 40},  {6, 16},  {7, 40},  {8, 32}, {9, 16},
        {10, 16}, {11, 8}, {12, 8}, {13, 24}, {32, 16}, {34, 24}, {35, 56}, {36, 8}, {37, 16},
    };
    char zeros[64] = {0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (uint32_t len = 0; len < types[i].min_bytes; len++) {
            erg_buf_clear(&f->other);
            erg_write_preamble(&f->other);
            erg_write_record(&f->other, (enum erg_record_type)types[i].type, zeros, len);
            struct erg_buf dump = {0};
            assert_int_equal(sample_read(f->other.data, f->other.len, 1000, &dump, NULL),
                             ERG_CORRUPT);
            erg_buf_deinit(&dump);
        }
    }
}

/* The record of `type` in the sample. */
static const char *find_record(const struct erg_buf *stream, uint16_t wanted, size_t *out_bytes)
{
    for (size_t at = ERG_PREAMBLE_BYTES;;) {
        uint32_t bytes;
        uint16_t type;
        memcpy(&bytes, stream->data + at, 4);
        memcpy(&type, stream->data + at + 4, 2);
        *out_bytes = ERG_RECORD_HEADER_BYTES + (size_t)erg_format_padded(bytes);
        if (type == wanted)
            return stream->data + at;
        at += *out_bytes;
    }
}

/* A span is described once in each way, and only until the next pass or run. */
static void test_a_span_is_described_once(void **state)
{
    struct fixture *f = *state;
    static const uint16_t types[] = {ERG_REC_ATTENTION, ERG_REC_ROUTING};
    /* between pass and detail, and whether the detail may follow */
    static const struct {
        uint16_t between;
        int rc;
    } cases[] = {{ERG_REC_TOKEN, 0},
                 {ERG_REC_ATTENTION, ERG_CORRUPT},
                 {ERG_REC_ROUTING, ERG_CORRUPT},
                 {ERG_REC_RUN_BEGIN, ERG_CORRUPT},
                 {ERG_REC_PASS, 0}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        size_t pass_bytes, bytes, between_bytes, names;
        const char *pass = find_record(&f->stream, ERG_REC_PASS, &pass_bytes);
        const char *detail = find_record(&f->stream, types[i % 2], &bytes);
        const char *between = find_record(&f->stream, cases[i / 2].between, &between_bytes);
        const char *begin = find_record(&f->stream, ERG_REC_RUN_BEGIN, &names);
        erg_buf_clear(&f->other);
        erg_buf_clear(&f->dump);
        erg_buf_append(&f->other, f->stream.data, (size_t)(begin - f->stream.data));
        erg_buf_append(&f->other, pass, pass_bytes);
        erg_buf_append(&f->other, detail, bytes);
        assert_int_equal(sample_read(f->other.data, f->other.len, 64, &f->dump, NULL), 0);
        f->other.len -= bytes;
        erg_buf_append(&f->other, between, between_bytes);
        erg_buf_append(&f->other, detail, bytes);
        bool other_kind =
            cases[i / 2].between != types[i % 2] &&
            (cases[i / 2].between == ERG_REC_ATTENTION || cases[i / 2].between == ERG_REC_ROUTING);
        assert_int_equal(sample_read(f->other.data, f->other.len, 64, &f->dump, NULL),
                         other_kind ? 0 : cases[i / 2].rc);
    }
}

static void test_names_are_bound_once(void **state)
{
    struct fixture *f = *state;
    unsigned char payload[9 + ERG_MAX_NAME_BYTES] = {7, 0, 0, 0, 0, 0, 0, 0};
    memset(payload + 8, 'n', sizeof payload - 8);
    erg_buf_clear(&f->other);
    erg_write_preamble(&f->other);
    erg_write_record(&f->other, ERG_REC_NAME, payload, 8 + ERG_MAX_NAME_BYTES);
    struct erg_buf dump = {0};
    assert_int_equal(sample_read(f->other.data, f->other.len, 64, &dump, NULL), 0);
    erg_write_record(&f->other, ERG_REC_NAME, payload, 9);
    assert_int_equal(sample_read(f->other.data, f->other.len, 64, &dump, NULL), ERG_CORRUPT);
    erg_buf_clear(&f->other);
    erg_write_preamble(&f->other);
    erg_write_record(&f->other, ERG_REC_NAME, payload, 9 + ERG_MAX_NAME_BYTES);
    assert_int_equal(sample_read(f->other.data, f->other.len, 64, &dump, NULL), ERG_CORRUPT);
    erg_buf_deinit(&dump);
}

static void test_padding_and_length_are_checked(void **state)
{
    struct fixture *f = *state;
    uint32_t announced = ERG_MAX_RECORD_BYTES + 1;
    erg_buf_clear(&f->other);
    erg_write_preamble(&f->other);
    erg_write_record(&f->other, (enum erg_record_type)99, "abc", 3);
    char *record = f->other.data + ERG_PREAMBLE_BYTES;
    record[16 + 5] = 1;
    uint64_t check = erg_format_check(99, 3, record + 16, 8);
    memcpy(record + 8, &check, 8);
    struct erg_buf dump = {0};
    assert_int_equal(sample_read(f->other.data, f->other.len, 5, &dump, NULL), ERG_CORRUPT);
    memcpy(record, &announced, 4);
    assert_int_equal(sample_read(f->other.data, 32, 5, &dump, NULL), ERG_CORRUPT);
    announced--;
    memcpy(record, &announced, 4);
    assert_int_equal(sample_read(f->other.data, 32, 5, &dump, NULL), 0);
    erg_buf_deinit(&dump);
}

static void test_feeding_has_a_ceiling(void **state)
{
    (void)state;
    struct erg_reader *reader;
    struct erg_err err = {0};
    size_t chunk = 16u << 20;
    char *bytes = calloc(1, chunk);
    int rc = 0, fed = 0;
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    while (!rc && fed < 100) {
        rc = erg_reader_feed(reader, bytes, chunk, &err);
        fed += !rc;
    }
    assert_int_equal(rc, ERG_LIMIT);
    assert_int_equal(fed, 8);
    erg_reader_free(reader);
    free(bytes);
}

/* A long record and many short ones, fed byte by byte: would take hours if feeding were not linear.
 */
static void test_single_bytes_are_linear(void **state)
{
    struct fixture *f = *state;
    size_t len = 2u << 20;
    char *payload = calloc(1, len);
    struct erg_reader *reader;
    struct erg_event event;
    uint64_t count = 7;
    int events = 0, rc = 0;
    erg_buf_clear(&f->other);
    erg_write_preamble(&f->other);
    erg_write_record(&f->other, ERG_REC_DROPPED, &count, 8);
    erg_write_record(&f->other, ERG_REC_POWER, payload, len);
    for (int i = 0; i < 20000; i++)
        erg_write_record(&f->other, ERG_REC_DROPPED, &count, 8);
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    for (size_t i = 0; i < f->other.len && rc >= 0; i++) {
        rc = erg_reader_feed(reader, f->other.data + i, 1, NULL);
        while (rc >= 0 && (rc = erg_reader_next(reader, &event, NULL)) == 1)
            events++;
    }
    assert_int_equal(events, 20002);
    assert_int_equal(erg_reader_pending(reader), 0);
    erg_reader_free(reader);
    free(payload);
}

/* The allocation that fails, counted down from there; 0 = none. */
static int fail_at;

static bool fails_now(void)
{
    return fail_at > 0 && --fail_at == 0;
}

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes)
{
    return fails_now() ? NULL : __real_erg_realloc(block, bytes);
}

void *__real_erg_calloc(size_t count, size_t size);
void *__wrap_erg_calloc(size_t count, size_t size);
void *__wrap_erg_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_erg_calloc(count, size);
}

char *__real_erg_strndup(const char *text, size_t len);
char *__wrap_erg_strndup(const char *text, size_t len);
char *__wrap_erg_strndup(const char *text, size_t len)
{
    return fails_now() ? NULL : __real_erg_strndup(text, len);
}

/* Read the sample with the k-th allocation failing; whatever failed is asked for again. */
static int read_with_failure(const struct fixture *f, int k, struct erg_buf *dump)
{
    struct erg_reader *reader = NULL;
    struct erg_event event;
    int rc, failures = 0;
    fail_at = k;
    while ((rc = erg_reader_new(&reader, NULL)) == ERG_NOMEM)
        failures++;
    while ((rc = erg_reader_feed(reader, f->stream.data, f->stream.len, NULL)) == ERG_NOMEM)
        failures++;
    while ((rc = erg_reader_next(reader, &event, NULL)) != 0) {
        int waiting = fail_at; /* the dump allocates too, and is not what is tested */
        fail_at = 0;
        if (rc == 1)
            sample_dump(reader, &event, dump);
        else if (rc == ERG_NOMEM)
            failures++;
        else
            break;
        fail_at = waiting;
    }
    fail_at = 0;
    erg_reader_free(reader);
    return rc ? rc : failures;
}

static void test_memory_may_run_out(void **state)
{
    struct fixture *f = *state;
    for (int k = 1; k <= 5; k++) { /* the reader, its buffer, three names */
        struct erg_buf dump = {0};
        assert_int_equal(read_with_failure(f, k, &dump), 1);
        assert_string_equal(dump.data, f->dump.data);
        erg_buf_deinit(&dump);
    }
}

static void test_nothing_is_needed(void **state)
{
    (void)state;
    struct erg_reader *reader;
    struct erg_event event;
    assert_int_equal(erg_reader_new(&reader, NULL), 0);
    assert_int_equal(erg_reader_feed(reader, "", 0, NULL), 0);
    assert_int_equal(erg_reader_next(reader, &event, NULL), 0);
    assert_null(erg_reader_name(reader, 1));
    assert_string_equal(erg_reader_name(reader, 0), "");
    assert_null(erg_reader_name(reader, ERG_MAX_NAMES));
    erg_reader_free(reader);
    erg_reader_free(NULL);
}

static void test_writer_refuses_giants(void **state)
{
    struct fixture *f = *state;
    erg_buf_clear(&f->other);
    erg_write_record(&f->other, ERG_REC_POWER, "", (size_t)ERG_MAX_RECORD_BYTES + 1);
    assert_int_equal(erg_buf_status(&f->other), ERG_LIMIT);
    assert_int_equal(f->other.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_type_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_are_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunks_do_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncation_keeps_a_prefix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_keeps_a_prefix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_types_are_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_payloads_may_grow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_rules_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_payloads_are_corrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_span_is_described_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_are_bound_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_padding_and_length_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_feeding_has_a_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_bytes_are_linear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_may_run_out, set_up, tear_down),
        cmocka_unit_test(test_nothing_is_needed),
        cmocka_unit_test_setup_teardown(test_writer_refuses_giants, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("stream_reader", tests, NULL, NULL);
}
