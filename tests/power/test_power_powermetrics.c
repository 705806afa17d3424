/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/limits.h"
#include "base/root.h"
#include "energy/timeline.h"
#include "power/powermetrics_sample.h"
#include "power/powermetrics_time.h"
#include "power/sources.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)
#define MJ INT64_C(1000000) /* nanojoules */

/* --- one document ----------------------------------------------------------------------------- */

static char *load(const char *name, size_t *out_len)
{
    char path[100], *text = NULL;
    snprintf(path, sizeof path, "power/powermetrics/%s.plist", name);
    assert_int_equal(erg_read_file(path, 1 << 20, &text, out_len, NULL), 0);
    return text;
}

static struct erg_powermetrics_sample parse(const char *name)
{
    struct erg_powermetrics_sample sample;
    size_t len;
    char *text = load(name, &len);
    assert_int_equal(erg_powermetrics_parse(text, len, &sample, NULL), 0);
    free(text);
    return sample;
}

static void documents_of_each_system_are_read(void **state)
{
    (void)state;
    /* in mJ, as the files have them; -1 = not reported */
    static const struct {
        const char *name, *model, *pressure;
        int64_t elapsed_ns;
        double mj[ERG_RAILS];
        uint32_t clusters;
    } rows[] = {
        {"m1-macos14", "MacBookPro18,3", "Nominal", 135333750, {287, 12, 0, -1, -1}, 3},
        {"m4-macos15", "Mac16,8", "Moderate", 107912500, {1530, 641, 3, -1, -1}, 3},
        {"m5-macos26", "Mac17,2", "Nominal", 100104166, {911, 20, -1, -1, -1}, 2},
        {"m1-macos12", "MacBookAir10,1", "", 1023700000, {276, 8, 0, 61, 398}, 1},
        {"intel-macos14", "MacBookPro16,1", "Nominal", 1005120331, {-1, -1, -1, -1, 11311.7}, 0},
        {"zero-cpu", "MacBookAir10,1", "", 100 * MS, {0, 7, -1, -1, -1}, 0},
        {"nothing", "VirtualMac2,1", "", 100 * MS, {-1, -1, -1, -1, -1}, 0},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_powermetrics_sample sample = parse(rows[i].name);
        assert_true(sample.is_delta);
        assert_int_equal(sample.elapsed_ns, rows[i].elapsed_ns);
        assert_string_equal(sample.model, rows[i].model);
        assert_string_equal(sample.thermal_pressure, rows[i].pressure);
        assert_int_equal(sample.cluster_count, rows[i].clusters);
        for (int rail = 0; rail < ERG_RAILS; rail++) {
            assert_int_equal(sample.present >> rail & 1, rows[i].mj[rail] >= 0);
            if (rows[i].mj[rail] >= 0)
                assert_int_equal(sample.nj[rail], llround(rows[i].mj[rail] * 1e6));
        }
    }
    struct erg_powermetrics_sample m4 = parse("m4-macos15");
    assert_string_equal(m4.clusters[1].name, "P0-Cluster");
    assert_true(m4.clusters[1].frequency_hz == 4.512e9 && m4.clusters[1].active_ratio == 0.875);
    assert_false(parse("usage-since-boot").is_delta);
}

/* Energy over time is the power that the document states itself, so energies are millijoules. */
static void energy_agrees_with_the_stated_power(void **state)
{
    (void)state;
    struct erg_powermetrics_sample m1 = parse("m1-macos14");
    double seconds = (double)m1.elapsed_ns / 1e9;
    assert_true(fabs((double)m1.nj[ERG_RAIL_CPU] / 1e6 / seconds - 2120.68) < 0.01);
    assert_true(fabs((double)m1.nj[ERG_RAIL_GPU] / 1e6 / seconds - 88.6697) < 0.01);
}

#define ELAPSED "<key>elapsed_ns</key><integer>5</integer>"

static void what_is_no_document_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "<plist>",
        "<plist></plist>",
        "<plist><dict></dict></plist>",
        "<plist><dict><key>elapsed_ns</key><integer>0</integer></dict></plist>",
        "<plist><dict><key>elapsed_ns</key><integer>-5</integer></dict></plist>",
        "<plist><dict><key>elapsed_ns</key><integer>86400000000001</integer></dict></plist>",
        "<plist><dict><key>elapsed_ns</key><real>5</real></dict></plist>",
        "<plist><array><integer>5</integer></array></plist>",
        "<plist><!-- <dict> --><dict>" ELAPSED "</dict></plist>",
        "<!DOCTYPE plist [<!ENTITY a 'b'>]><plist><dict>" ELAPSED "</dict></plist>",
    };
    struct erg_powermetrics_sample sample;
    for (size_t i = 0; i < ERG_COUNT(texts); i++) {
        struct erg_err err = {0};
        assert_int_equal(erg_powermetrics_parse(texts[i], strlen(texts[i]), &sample, &err),
                         ERG_CORRUPT);
        assert_true(err.text[0]);
    }
    /* A tower of arrays does not fell the parser. */
    static char tower[1 << 20];
    size_t len = (size_t)snprintf(tower, sizeof tower, "<plist>");
    while (len + 7 < sizeof tower) {
        memcpy(tower + len, "<array>", 7);
        len += 7;
    }
    assert_int_equal(erg_powermetrics_parse(tower, len, &sample, NULL), ERG_CORRUPT);
    /* Absurd energies are not reported. */
    static const char wild[] = "<plist><dict><key>elapsed_ns</key><integer>5</integer>"
                               "<key>processor</key><dict><key>cpu_energy</key><real>1e30</real>"
                               "<key>gpu_energy</key><real>-1</real></dict></dict></plist>";
    assert_int_equal(erg_powermetrics_parse(wild, sizeof wild - 1, &sample, NULL), 0);
    assert_int_equal(sample.present, 0);
}

/* --- the stream ------------------------------------------------------------------------------- */

struct recorded {
    char bytes[20000];
    size_t len, count, starts[8], ends[8];
};

static void record(struct recorded *stream, const char *name)
{
    size_t len;
    char *text = load(name, &len);
    if (stream->count)
        stream->bytes[stream->len++] = '\0';
    stream->starts[stream->count] = stream->len;
    memcpy(stream->bytes + stream->len, text, len);
    stream->len += len;
    stream->ends[stream->count++] = stream->len - 1; /* without the newline behind the tag */
    free(text);
}

/* Feed [from, to) and compare what comes out with the next documents; their new number. */
static size_t feed(struct erg_plist_stream *stream, const struct recorded *r, size_t from,
                   size_t to, size_t next)
{
    const char *text;
    size_t len;
    assert_int_equal(erg_plist_stream_feed(stream, r->bytes + from, to - from), 0);
    while (erg_plist_stream_next(stream, &text, &len)) {
        assert_true(next < r->count);
        assert_int_equal(len, r->ends[next] - r->starts[next]);
        assert_memory_equal(text, r->bytes + r->starts[next], len);
        next++;
    }
    /* At once when it is complete, without waiting for what follows. */
    assert_int_equal(next < r->count && r->ends[next] <= to, 0);
    return next;
}

static void every_split_of_a_stream_gives_the_same(void **state)
{
    (void)state;
    static struct recorded r;
    record(&r, "m1-macos14");
    record(&r, "m4-macos15");
    record(&r, "m1-macos12");
    for (size_t cut = 0; cut <= r.len; cut++) {
        struct erg_plist_stream stream;
        erg_plist_stream_init(&stream);
        size_t next = feed(&stream, &r, 0, cut, 0);
        next = feed(&stream, &r, cut, r.len, next);
        assert_int_equal(next, 3);
        assert_int_equal(stream.lost, 0);
        erg_plist_stream_deinit(&stream);
    }
    uint64_t seed = 5;
    for (int round = 0; round < 50; round++) {
        struct erg_plist_stream stream;
        erg_plist_stream_init(&stream);
        size_t next = 0;
        for (size_t at = 0, to; at < r.len; at = to) {
            to = at + 1 + test_below(&seed, round ? 40 : 1);
            to = to < r.len ? to : r.len;
            next = feed(&stream, &r, at, to, next);
        }
        assert_int_equal(next, 3);
        erg_plist_stream_deinit(&stream);
    }
}

static void cut_documents_are_counted_and_left_out(void **state)
{
    (void)state;
    static const char good[] = "<?xml?><plist>b</plist>";
    static const struct {
        const char *text;
        size_t documents, lost;
    } rows[] = {
        {"<?xml?><plist>b</plist>", 1, 0},
        {"\n <?xml?><plist>b</plist>", 1, 0},
        {"noise<?xml?><plist>b</plist>", 1, 1},
        {"<?xml?><plist>half <?xml?><plist>b</plist>", 1, 1},
        {"<?xml?><plist>b</plist><?xml?><plist>b</plist>", 2, 0},
        {"no beginning</plist><?xml?><plist>b</plist>", 1, 1},
        {"</plist></plist><?xml?><plist>b</plist>", 1, 0},
        {"<?xml?><plist>never ends", 0, 0},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_plist_stream stream;
        const char *text;
        size_t len, documents = 0;
        erg_plist_stream_init(&stream);
        erg_plist_stream_feed(&stream, rows[i].text, strlen(rows[i].text));
        for (; erg_plist_stream_next(&stream, &text, &len); documents++)
            assert_memory_equal(text, good, len);
        assert_int_equal(documents, rows[i].documents);
        assert_int_equal(stream.lost, rows[i].lost);
        erg_plist_stream_deinit(&stream);
    }
    /* One that never ends does not fill the memory. */
    struct erg_plist_stream stream;
    static char chunk[1 << 20];
    memset(chunk, 'x', sizeof chunk);
    erg_plist_stream_init(&stream);
    for (int i = 0; i < 20; i++) {
        erg_plist_stream_feed(&stream, chunk, sizeof chunk);
        assert_true(stream.bytes.len <= ERG_MAX_PLIST_BYTES);
    }
    assert_true(stream.lost > 0);
    erg_plist_stream_deinit(&stream);
}

/* --- times ------------------------------------------------------------------------------------ */

/* Intervals of random lengths, seen late by random delays, some together: ends near the truth. */
static void ends_follow_the_lengths(void **state)
{
    (void)state;
    uint64_t seed = 77;
    for (int round = 0; round < 100; round++) {
        struct erg_interval_clock clock;
        erg_interval_clock_init(&clock);
        int64_t drift_ppm = (int64_t)test_below(&seed, 400) - 200;
        int64_t truth = S, before = INT64_MIN, worst = 0;
        for (int k = 0; k < 300; k++) {
            int64_t lengths[4], ends[4], truths[4];
            size_t n = 1 + test_below(&seed, 4);
            for (size_t i = 0; i < n; i++) {
                int64_t real = 90 * MS + (int64_t)test_below(&seed, 30) * MS;
                truths[i] = truth += real;
                lengths[i] = real + real * drift_ppm / 1000000;
            }
            int64_t arrival = truth + (int64_t)test_below(&seed, 100) * MS;
            erg_interval_clock_place(&clock, lengths, n, arrival, ends);
            for (size_t i = 0; i < n; i++) {
                assert_true(ends[i] >= before && ends[i] <= arrival);
                before = ends[i];
                int64_t off = ends[i] - truths[i];
                off = off < 0 ? -off : off;
                if (k > 40 && off > worst)
                    worst = off;
            }
        }
        assert_true(worst < 40 * MS); /* of delays of up to 100 ms */
    }
}

static void a_sleep_does_not_shift_what_follows(void **state)
{
    (void)state;
    struct erg_interval_clock clock;
    erg_interval_clock_init(&clock);
    int64_t length = 100 * MS, end;
    for (int k = 1; k <= 10; k++)
        erg_interval_clock_place(&clock, &length, 1, k * 100 * MS, &end);
    assert_int_equal(end, S);
    int64_t slept = 3600 * S;
    erg_interval_clock_place(&clock, &slept, 1, 1100 * MS, &end);
    assert_int_equal(end, 1100 * MS);
    erg_interval_clock_place(&clock, &length, 1, 1200 * MS, &end);
    assert_int_equal(end, 1200 * MS);
}

/* --- the source, with a program in place of powermetrics ---------------------------------------
 */

struct sensor {
    int64_t now_ns; /* the clock */
    struct erg_clock clock;
    struct erg_power_source *source;
    struct erg_channel channels[ERG_MAX_CHANNELS];
    uint32_t count;
    struct erg_timeline *timeline;
    struct erg_err err;
    char warnings[1000];
    int64_t last_ns, first_ns;
};

static int64_t sensor_now(void *user)
{
    return ((struct sensor *)user)->now_ns;
}

static int sensor_open(struct sensor *m, const char *script)
{
    bool exact = true;
    *m = (struct sensor){.now_ns = 100 * S, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    m->clock = (struct erg_clock){.now_ns = sensor_now, .wall_ns = sensor_now, .user = m};
    setenv("ERGON_FAKE_POWERMETRICS", script, 1);
    struct erg_power_options options = {.clock = &m->clock, .interval_ns = 100 * MS};
    int rc = erg_power_driver_powermetrics.open(&options, NULL, &m->source, m->channels, &m->count,
                                                &exact, &m->err);
    if (rc == 0) {
        assert_false(exact);
        assert_int_equal(erg_timeline_new(&m->timeline, m->channels, m->count, NULL), 0);
    }
    return rc;
}

static void add_reading(struct sensor *m, int64_t t_ns, const struct erg_channel_value *values)
{
    assert_true(t_ns <= m->now_ns);
    for (uint32_t i = 0; i < m->count; i++) {
        if (values[i].status == (uint32_t)-ERG_OVERRUN)
            erg_timeline_break(m->timeline, i);
        if (values[i].status)
            assert_int_equal(values[i].value, 0);
        else
            assert_int_equal(erg_timeline_add(m->timeline, i, t_ns, values[i].value, NULL), 0);
    }
    m->first_ns = t_ns < m->first_ns ? t_ns : m->first_ns;
    m->last_ns = t_ns > m->last_ns ? t_ns : m->last_ns;
}

/* All there is, as the sampler asks for it; 0 or the failure. */
static int sensor_read(struct sensor *m)
{
    int rc = 0;
    while (rc == 0) {
        struct erg_channel_value values[ERG_RAILS] = {0};
        int64_t t_ns = m->now_ns;
        rc = erg_power_driver_powermetrics.read(m->source, &t_ns, values, &m->err);
        if (rc == 0)
            add_reading(m, t_ns, values);
    }
    const char *warning;
    while ((warning = erg_power_driver_powermetrics.warning(m->source))) {
        size_t len = strlen(m->warnings);
        snprintf(m->warnings + len, sizeof m->warnings - len, "%s\n", warning);
    }
    return rc < 0 ? rc : 0;
}

/* All of a program that ends, which may write no more than a pipe holds. */
static void sensor_read_to_end(struct sensor *m)
{
    siginfo_t info;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(sensor_read(m), ERG_GONE);
}

static void sensor_close(struct sensor *m)
{
    erg_power_driver_powermetrics.close(m->source);
    erg_timeline_free(m->timeline);
    /* Nothing of it is left, not even a zombie. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int64_t energy_nj(const struct sensor *m, enum erg_domain domain)
{
    return erg_timeline_window(m->timeline, m->first_ns, m->last_ns).energy.nj[domain];
}

#define FILE_OF(name) "power/powermetrics/" name ".plist"

static void energy_is_the_sum_of_the_documents(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m, "words proc_pid 17 gone;doc " FILE_OF("m1-macos14") " 20"), 0);
    assert_int_equal(m.count, 3);
    assert_string_equal(m.channels[2].name, "ane");
    assert_non_null(strstr(erg_power_driver_powermetrics.detail(m.source), "MacBookPro18,3"));
    assert_non_null(strstr(erg_power_driver_powermetrics.detail(m.source), "not for comparison"));
    m.now_ns += 20 * INT64_C(135333750);
    sensor_read_to_end(&m);
    assert_int_equal(m.err.code, ERG_GONE);
    assert_string_equal(m.err.text, "powermetrics ended with status 0");
    assert_int_equal(energy_nj(&m, ERG_DOMAIN_CPU), 20 * 287 * MJ);
    assert_int_equal(energy_nj(&m, ERG_DOMAIN_GPU), 20 * 12 * MJ);
    assert_int_equal(energy_nj(&m, ERG_DOMAIN_ANE), 0);
    assert_string_equal(m.warnings, "");
    /* also after its end */
    assert_int_equal(sensor_read(&m), ERG_GONE);
    sensor_close(&m);
}

static void each_system_has_its_channels(void **state)
{
    (void)state;
    static const struct {
        const char *name, *channels;
        enum erg_domain domain;
        double mj;
    } rows[] = {
        {FILE_OF("m1-macos12"), "cpu gpu ane dram package(raw) ", ERG_DOMAIN_DRAM, 61},
        {FILE_OF("m4-macos15"), "cpu gpu ane ", ERG_DOMAIN_GPU, 641},
        {FILE_OF("m5-macos26"), "cpu gpu ", ERG_DOMAIN_CPU, 911},
        {FILE_OF("intel-macos14"), "package ", ERG_DOMAIN_CPU, 11311.7},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct sensor m;
        char script[200], names[200] = "";
        snprintf(script, sizeof script, "doc %s;doc %s 2", FILE_OF("usage-since-boot"),
                 rows[i].name);
        assert_int_equal(sensor_open(&m, script), 0);
        for (uint32_t c = 0; c < m.count; c++) {
            size_t len = strlen(names);
            snprintf(names + len, sizeof names - len, "%s%s ", m.channels[c].name,
                     m.channels[c].raw ? "(raw)" : "");
        }
        assert_string_equal(names, rows[i].channels);
        m.now_ns += 3 * S;
        sensor_read_to_end(&m);
        int64_t nj = 0;
        for (uint32_t c = 0; c < m.count; c++) {
            if (m.channels[c].domain == rows[i].domain && !m.channels[c].raw)
                assert_true(erg_timeline_channel_energy(m.timeline, c, m.first_ns, m.last_ns, &nj));
        }
        assert_int_equal(nj, llround(2 * rows[i].mj * 1e6));
        sensor_close(&m);
    }
}

/* What a document that could not be read held is not known: a gap, and not a zero. */
static void unreadable_documents_are_a_gap(void **state)
{
    (void)state;
    static const char *const troubles[] = {
        "cut " FILE_OF("no-ane") " 300",
        "text <?xml?><plist><dict></plist>",
        "doc " FILE_OF("usage-since-boot"),
    };
    for (size_t i = 0; i < ERG_COUNT(troubles); i++) {
        struct sensor m;
        char script[300];
        snprintf(script, sizeof script, "doc %s 10;%s;doc %s 10", FILE_OF("no-ane"), troubles[i],
                 FILE_OF("no-ane"));
        assert_int_equal(sensor_open(&m, script), 0);
        m.now_ns += 5 * S;
        sensor_read_to_end(&m);
        assert_int_equal(energy_nj(&m, ERG_DOMAIN_CPU), 20 * 50 * MJ);
        struct erg_window window = erg_timeline_window(m.timeline, m.first_ns, m.last_ns);
        double covered = window.coverage_ratio * (double)(m.last_ns - m.first_ns);
        assert_true(covered <= 2e9 + 1 && window.coverage_ratio < 1);
        if (i < 2)
            assert_non_null(strstr(m.warnings, "could not be read: a gap"));
        assert_null(strchr(m.warnings, '\n') && m.warnings[0]
                        ? strchr(strchr(m.warnings, '\n') + 1, '\n')
                        : NULL); /* one warning */
        sensor_close(&m);
    }
}

static void a_missing_energy_is_a_gap_of_its_channel(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m, "doc " FILE_OF("m1-macos14") ";doc " FILE_OF(
                                         "no-ane") " 3;doc " FILE_OF("m1-macos14")),
                     0);
    m.now_ns += S;
    sensor_read_to_end(&m);
    assert_int_equal(energy_nj(&m, ERG_DOMAIN_CPU), (2 * 287 + 3 * 50) * MJ);
    double whole = (double)(m.last_ns - m.first_ns);
    struct erg_window window = erg_timeline_window(m.timeline, m.first_ns, m.last_ns);
    /* of three channels, one lacks 300 ms */
    assert_true(fabs(window.coverage_ratio - (1 - 3e8 / whole / 3)) < 1e-9);
    sensor_close(&m);
}

static void published_late_is_spread_over_the_time_since(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(
        sensor_open(&m, "doc " FILE_OF("batch") ";doc " FILE_OF("zero-cpu") " 21;doc " FILE_OF(
                            "batch") ";doc " FILE_OF("zero-cpu") " 5"),
        0);
    m.now_ns += 28 * 100 * MS;
    sensor_read_to_end(&m);
    /* 4.4 J over the 2.2 s since the first batch: 0.2 J in each 100 ms; the tail is not known. */
    for (int i = 0; i < 22; i++) {
        int64_t t0 = m.first_ns + (i + 1) * 100 * MS;
        struct erg_window window = erg_timeline_window(m.timeline, t0, t0 + 100 * MS);
        assert_int_equal(window.energy.nj[ERG_DOMAIN_CPU], 200 * MJ);
        assert_int_equal(window.energy.nj[ERG_DOMAIN_GPU], 7 * MJ);
    }
    struct erg_window tail = erg_timeline_window(m.timeline, m.last_ns - 500 * MS, m.last_ns);
    assert_int_equal(tail.energy.present, 1u << ERG_DOMAIN_GPU);
    assert_non_null(strstr(m.warnings, "only every second or more"));
    sensor_close(&m);
}

static void a_cpu_without_energy_is_not_measured(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m, "doc " FILE_OF("zero-cpu") " 60"), 0);
    m.now_ns += 7 * S;
    sensor_read_to_end(&m);
    struct erg_window window = erg_timeline_window(m.timeline, m.first_ns, m.last_ns);
    assert_int_equal(window.energy.present, 1u << ERG_DOMAIN_GPU);
    assert_int_equal(window.energy.nj[ERG_DOMAIN_GPU], 60 * 7 * MJ);
    assert_non_null(strstr(m.warnings, "no energy at all"));
    sensor_close(&m);
}

static void it_says_why_it_died(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m,
                                 "doc " FILE_OF("no-ane") " 3;cut " FILE_OF(
                                     "no-ane") " 200;words Second underflow occured.;words out of"
                                               " luck;words proc_pid 1;exit 9"),
                     0);
    m.now_ns += S;
    sensor_read_to_end(&m);
    assert_string_equal(m.err.text, "powermetrics ended with status 9: out of luck");
    assert_int_equal(energy_nj(&m, ERG_DOMAIN_CPU), 150 * MJ);
    assert_int_equal(m.last_ns - m.first_ns, 300 * MS);
    sensor_close(&m);
}

static void silence_is_told_once(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m, "doc " FILE_OF("no-ane") ";stall"), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(sensor_read(&m), 0);
        assert_int_equal(m.warnings[0] != '\0', i > 10);
        m.now_ns += 100 * MS;
    }
    assert_non_null(strstr(m.warnings, "has sent no document for 5 intervals"));
    assert_null(strstr(strchr(m.warnings, '\n') + 1, "document"));
    sensor_close(&m);
}

static void heat_is_told_as_it_comes(void **state)
{
    (void)state;
    struct sensor m;
    assert_int_equal(sensor_open(&m, "doc " FILE_OF("m1-macos14") ";doc " FILE_OF("m4-macos15")),
                     0);
    m.now_ns += S;
    sensor_read_to_end(&m);
    assert_string_equal(m.warnings, "thermal pressure: Moderate (the system slows down to cool)\n");
    sensor_close(&m);
}

static void options_fit_the_system(void **state)
{
    (void)state;
    static const struct {
        const char *lacks, *samplers;
    } rows[] = {
        {"", "cpu_power,gpu_power,ane_power,thermal"},
        {"lacks ane_power;", "cpu_power,gpu_power,thermal"},
        {"lacks thermal;", "cpu_power,gpu_power"},
        {"lacks gpu_power;", "cpu_power"},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct sensor m;
        char script[200], path[] = "/tmp/ergon-powermetrics-XXXXXX", expected[200];
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        snprintf(script, sizeof script, "%sargs %s;doc %s;stall", rows[i].lacks, path,
                 FILE_OF("no-ane"));
        assert_int_equal(sensor_open(&m, script), 0);
        char *text = NULL;
        size_t len;
        assert_int_equal(erg_read_file(path, 1000, &text, &len, NULL), 0);
        snprintf(expected, sizeof expected, "-f plist -b 1 -i 100 --samplers %s", rows[i].samplers);
        assert_string_equal(text, expected);
        free(text);
        unlink(path);
        sensor_close(&m);
    }
}

static void what_cannot_be_used_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *script, *text;
        int code;
    } rows[] = {
        {"words sudo: a_password_is_required",
         "powermetrics ended with status 0: sudo: "
         "a_password_is_required",
         ERG_GONE},
        {"words must_be_invoked_as the superuser;exit 1",
         "powermetrics needs root: must_be_invoked_as the superuser (docs/power.md has the sudoers "
         "line)",
         ERG_DENIED},
        {"doc " FILE_OF("nothing") ";stall", "powermetrics reports no energy on this machine",
         ERG_UNSUPPORTED},
        {"text rubbish", "powermetrics ended with status 0", ERG_GONE},
        {"lacks cpu_power",
         "powermetrics ended with status 64: powermetrics: unrecognized "
         "sampler: cpu_power",
         ERG_GONE},
    };
    struct sensor m;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        assert_int_equal(sensor_open(&m, rows[i].script), rows[i].code);
        assert_string_equal(m.err.text, rows[i].text);
        sensor_close(&m);
    }
    const char *program = getenv("ERGON_POWERMETRICS");
    char *kept = strdup(program);
    struct erg_power_probe probe = {.state = ERG_POWER_ABSENT};
    erg_power_driver_powermetrics.probe(NULL, &probe);
    assert_int_equal(probe.state, ERG_POWER_READY);
    setenv("ERGON_POWERMETRICS", "/nowhere/powermetrics", 1);
    assert_int_equal(sensor_open(&m, ""), ERG_NOT_FOUND);
    sensor_close(&m);
    erg_power_driver_powermetrics.probe(NULL, &probe);
    assert_int_equal(probe.state, ERG_POWER_BROKEN);
    setenv("ERGON_POWERMETRICS", kept, 1);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_of_each_system_are_read),
        cmocka_unit_test(energy_agrees_with_the_stated_power),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(every_split_of_a_stream_gives_the_same),
        cmocka_unit_test(cut_documents_are_counted_and_left_out),
        cmocka_unit_test(ends_follow_the_lengths),
        cmocka_unit_test(a_sleep_does_not_shift_what_follows),
        cmocka_unit_test(energy_is_the_sum_of_the_documents),
        cmocka_unit_test(each_system_has_its_channels),
        cmocka_unit_test(unreadable_documents_are_a_gap),
        cmocka_unit_test(a_missing_energy_is_a_gap_of_its_channel),
        cmocka_unit_test(published_late_is_spread_over_the_time_since),
        cmocka_unit_test(a_cpu_without_energy_is_not_measured),
        cmocka_unit_test(it_says_why_it_died),
        cmocka_unit_test(silence_is_told_once),
        cmocka_unit_test(heat_is_told_as_it_comes),
        cmocka_unit_test(options_fit_the_system),
        cmocka_unit_test(what_cannot_be_used_is_said),
    };
    setenv("ERGON_POWERMETRICS", ERGON_FAKE_POWERMETRICS_PROGRAM, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
