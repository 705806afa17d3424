/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"
#include "stream/taxonomy.h"

#include <signal.h>

/* What an observer is told of a run is what the store has of it; and a run may be interrupted. */

static const char script[] = "run_begin {}\n"
                             "section pre_inference tokenization 1ms\n"
                             "section pre_inference kv_cache_init 2ms\n"
                             "pass prefill tokens=2 duration=10ms stats\n"
                             "token 5 \"x\"\ntoken 6 \"y\"\n"
                             "progress decode 1 2 3 4 5\n"
                             "repeat 30\npass decode duration=10ms stats\ntoken 7 \"z\"\nend\n"
                             "section post_inference detokenization 1ms\n"
                             "run_end\n";

/* The same rows as text, told or read. */
struct told {
    struct erg_buf passes, tokens, samples, begun, sources;
    struct erg_section_row sections[32];
    char section_names[32][32]; /* "" = found in the store */
    size_t section_count;
    int progress;
};

static void put_energy(struct erg_buf *out, const struct erg_energy *energy)
{
    erg_buf_printf(out, " %x", energy->present);
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_buf_printf(out, " %lld", (long long)energy->nj[d]);
}

static void put_pass(struct erg_buf *out, const struct erg_pass_row *row)
{
    erg_buf_printf(out, "%u %u %u %u %lld %lld %d", row->index, row->phase, row->n_tokens,
                   row->n_spans, (long long)row->t0_ns, (long long)row->t1_ns, row->grade);
    put_energy(out, &row->energy);
    for (uint32_t i = 0; i < row->n_spans; i++)
        erg_buf_printf(out, " %d:%u", row->spans[i].layer, row->spans[i].ticks);
    erg_buf_putc(out, '\n');
}

static void put_token(struct erg_buf *out, const struct erg_token_row *row)
{
    erg_buf_printf(out, "%u %u %u %u %d %.*s %lld %lld %d", row->index, row->pass, row->phase,
                   row->position, row->id, (int)row->text_len, row->text, (long long)row->t0_ns,
                   (long long)row->duration_ns, row->grade);
    put_energy(out, &row->energy);
    erg_buf_putc(out, '\n');
}

static void put_sample(struct erg_buf *out, const struct erg_sample_row *row)
{
    erg_buf_printf(out, "%lld %d %a %a\n", (long long)row->t_ns, row->phase,
                   row->mw[ERG_DOMAIN_CPU], row->total_mw);
}

static void on_opened(void *user, const struct erg_channel *channels, uint32_t count)
{
    struct told *told = user;
    for (uint32_t i = 0; i < count; i++)
        erg_buf_printf(&told->sources, "%s ", channels[i].source);
}

static void on_section_begins(void *user, uint32_t phase, const char *name, int64_t t_ns)
{
    struct told *told = user;
    erg_buf_printf(&told->begun, "%s %s %lld\n", erg_phase_name(phase), name, (long long)t_ns);
}

/* The newest row of each section counts. */
static void on_section(void *user, const struct erg_section_row *row)
{
    struct told *told = user;
    size_t i = 0;
    while (i < told->section_count && (told->sections[i].phase != row->phase ||
                                       strcmp(told->section_names[i], row->name) != 0))
        i++;
    assert_true(i < ERG_COUNT(told->sections));
    told->section_count += i == told->section_count;
    told->sections[i] = *row;
    assert_true((size_t)snprintf(told->section_names[i], sizeof told->section_names[i], "%s",
                                 row->name) < sizeof told->section_names[i]);
}

static void on_pass(void *user, const struct erg_extra_source *pass)
{
    struct told *told = user;
    const struct erg_span *spans = pass->pass->spans;
    assert_string_equal(pass->name(pass->user, spans[0].component), "embedding");
    assert_null(pass->name(pass->user, UINT16_MAX));
    put_pass(&told->passes, pass->pass);
}

static void on_token(void *user, const struct erg_token_row *row)
{
    put_token(&((struct told *)user)->tokens, row);
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    put_sample(&((struct told *)user)->samples, row);
}

static void on_progress(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total)
{
    (void)phase;
    (void)layer;
    (void)done;
    (void)total;
    ((struct told *)user)->progress++;
}

static int read_pass(void *user, const struct erg_pass_row *row)
{
    put_pass(user, row);
    return 0;
}

static int read_token(void *user, const struct erg_token_row *row)
{
    put_token(user, row);
    return 0;
}

static int read_sample(void *user, const struct erg_sample_row *row)
{
    put_sample(user, row);
    return 0;
}

/* Is it what was told last of that section? Names it by clearing it. */
static int read_section(void *user, const struct erg_section_row *row)
{
    struct told *told = user;
    for (size_t i = 0; i < told->section_count; i++) {
        const struct erg_section_row *mine = &told->sections[i];
        if (mine->phase != row->phase || strcmp(told->section_names[i], row->name) != 0)
            continue;
        assert_int_equal(mine->t0_ns, row->t0_ns);
        assert_int_equal(mine->t1_ns, row->t1_ns);
        assert_int_equal(mine->duration_ns, row->duration_ns);
        assert_memory_equal(&mine->energy, &row->energy, sizeof row->energy);
        told->section_names[i][0] = '\0';
        return 0;
    }
    fail_msg("a section %s that was not told", row->name);
    return 0;
}

static void read_all(const struct fake_session *fake, struct told *told)
{
    struct erg_buf passes = {0}, tokens = {0}, samples = {0};
    struct erg_store *store = NULL;
    const char *id = fake->result.id;
    assert_int_equal(erg_store_open(&store, fake->store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_passes(store, id, true, read_pass, &passes, NULL), 0);
    assert_int_equal(erg_store_tokens(store, id, read_token, &tokens, NULL), 0);
    assert_int_equal(erg_store_samples(store, id, read_sample, &samples, NULL), 0);
    assert_int_equal(erg_store_sections(store, id, read_section, told, NULL), 0);
    assert_string_equal(erg_buf_view(&told->passes), erg_buf_view(&passes));
    assert_string_equal(erg_buf_view(&told->tokens), erg_buf_view(&tokens));
    assert_string_equal(erg_buf_view(&told->samples), erg_buf_view(&samples));
    assert_true(samples.len > 0);
    erg_store_close(store);
    erg_buf_deinit(&passes);
    erg_buf_deinit(&tokens);
    erg_buf_deinit(&samples);
}

static void told_deinit(struct told *told)
{
    struct erg_buf *texts[] = {&told->passes, &told->tokens, &told->samples, &told->begun,
                               &told->sources};
    for (size_t i = 0; i < ERG_COUNT(texts); i++)
        erg_buf_deinit(texts[i]);
}

static void test_rows_as_they_are_stored(void **state)
{
    (void)state;
    struct fake_session fake;
    struct told told = {0};
    fake_session_init(&fake, script);
    fake.options.power_spec = "synthetic:cpu=square(5W,25W,7ms)";
    fake.options.power_interval_ns = 5000000;
    fake.observer = (struct erg_run_observer){
        .user = &told,
        .opened = on_opened,
        .section_begins = on_section_begins,
        .section = on_section,
        .pass = on_pass,
        .token = on_token,
        .sample = on_sample,
        .progress = on_progress,
    };
    assert_int_equal(fake_session_run(&fake), 0);
    assert_string_equal(fake.result.status, "complete");
    assert_string_equal(erg_buf_view(&told.sources), "synthetic ");
    assert_string_equal(erg_buf_view(&told.begun), "pre_inference tokenization 0\n"
                                                   "pre_inference kv_cache_init 1000000\n"
                                                   "post_inference detokenization 313000000\n");
    assert_int_equal(told.progress, 1);
    assert_true(told.section_count >= 6);
    read_all(&fake, &told);
    for (size_t i = 0; i < told.section_count; i++)
        assert_string_equal(told.section_names[i], ""); /* each is stored */
    told_deinit(&told);
    fake_session_deinit(&fake);
}

/* Says so from the tenth token on. */
struct interruption {
    int tokens;
    bool at_once;
};

static void count_token(void *user, const struct erg_token_row *row)
{
    (void)row;
    ((struct interruption *)user)->tokens++;
}

static bool interrupted(void *user)
{
    const struct interruption *interruption = user;
    return interruption->at_once || interruption->tokens >= 10;
}

static int read_status(void *user, const struct erg_run_row *row)
{
    assert_string_equal(row->status, "interrupted");
    assert_non_null(strstr(row->failure, "was ended"));
    assert_true(row->output_tokens >= 9);
    ++*(int *)user;
    return 0;
}

/* An engine that would neither end nor listen: nobody waits for it. */
static void test_interrupted_in_the_run(void **state)
{
    (void)state;
    struct fake_session fake;
    struct interruption interruption = {0};
    struct erg_store *store = NULL;
    int seen = 0;
    fake_session_init(&fake, "run_begin {}\npass prefill\ntoken 5 \"x\"\n"
                             "repeat 12\npass decode duration=1ms\ntoken 6 \"y\"\nend\nstall\n");
    fake.observer = (struct erg_run_observer){
        .user = &interruption, .token = count_token, .interrupted = interrupted};
    int64_t begun = erg_clock_now_ns(erg_clock_system());
    assert_int_equal(fake_session_run(&fake), 0);
    assert_true(erg_clock_now_ns(erg_clock_system()) - begun < INT64_C(9000000000));
    assert_string_equal(fake.result.status, "interrupted");
    assert_null(fake.result.store_failure);
    assert_int_equal(erg_store_open(&store, fake.store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_run(store, fake.result.id, read_status, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    erg_store_close(store);
    fake_session_deinit(&fake);
}

static void test_interrupted_before_the_run(void **state)
{
    (void)state;
    struct fake_session fake;
    struct interruption interruption = {.at_once = true};
    fake_session_init(&fake, script);
    fake.options.power_spec = "estimate";
    fake.options.idle_ns = INT64_C(600000000000);
    fake.observer = (struct erg_run_observer){.user = &interruption, .interrupted = interrupted};
    assert_int_equal(fake_session_run(&fake), ERG_CANCELLED);
    assert_null(fake.result.summary_json);
    fake_session_deinit(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_as_they_are_stored),
        cmocka_unit_test(test_interrupted_in_the_run),
        cmocka_unit_test(test_interrupted_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
