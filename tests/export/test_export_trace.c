/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "export/export.h"
#include "export/make_recording.h"
#include "export/read_trace.h"
#include "record/session.h"
#include "store/make_store.h"
#include "store/temp_store.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>

#define RUN_ID  "20261120-131843-0a1b2c"
#define OWN_RUN "20261120-131843-ffffff"
#define REST_NJ INT64_C(1000003)
#define GAP_NS  INT64_C(100000)
#define CEILING (1l << 20)

/* --- memory ----------------------------------------------------------------------------------- */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void __real_free(void *block);
void __wrap_free(void *block);

static struct {
    bool watching;
    long live, peak; /* bytes */
} heap;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    long before = block ? (long)malloc_usable_size(block) : 0;
    void *moved = __real_erg_realloc(block, bytes);
    if (heap.watching && moved)
        heap.live += (long)malloc_usable_size(moved) - before;
    if (heap.live > heap.peak)
        heap.peak = heap.live;
    return moved;
}

void __wrap_free(void *block)
{
    if (heap.watching && block)
        heap.live -= (long)malloc_usable_size(block);
    __real_free(block);
}

/* --- stores ----------------------------------------------------------------------------------- */

struct fixture {
    struct temp_store temp;
    struct erg_store *store;
    const char *id;
};

static void open_store(struct fixture *fixture, const char *id)
{
    fixture->id = id;
    assert_int_equal(
        erg_store_open(&fixture->store, fixture->temp.path, ERG_STORE_READ, NULL, NULL), 0);
}

static struct fixture imported(const struct recording_shape *shape)
{
    struct fixture fixture = {.temp = temp_store_new()};
    struct erg_run_result result;
    struct erg_buf recording;
    struct erg_err err = {0};
    char path[160];
    bool torn;
    erg_buf_init(&recording);
    make_recording(&recording, shape);
    snprintf(path, sizeof path, "%s/x.erg", fixture.temp.folder);
    write_file(path, recording.data, recording.len);
    if (erg_import(path, fixture.temp.path, &result, &torn, &err))
        fail_msg("%s", err.text);
    erg_run_result_deinit(&result);
    erg_buf_deinit(&recording);
    unlink(path);
    open_store(&fixture, RUN_ID);
    return fixture;
}

/* A deep run of `tokens` decode passes of `layers`; text of token i is texts[i % n]. */
static struct fixture generated(int layers, uint32_t tokens, const char *const *texts, size_t n)
{
    struct fixture fixture = {.temp = temp_store_new()};
    struct make_shape shape = {.layers = layers,
                               .detail = MAKE_DEEP,
                               .time_scale = 1,
                               .noise = 0.1,
                               .spread = 0.3,
                               .energy = true,
                               .seed = 5};
    struct erg_run_row run = make_run(OWN_RUN, "running", "{}");
    struct erg_writer *writer;
    struct erg_err err = {0};
    int64_t t_ns = 7 * GAP_NS;
    if (erg_writer_open(&writer, fixture.temp.path, &run, make_name, NULL, &err))
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < tokens; i++) {
        struct make_pass pass;
        make_pass(&pass, &shape, i, ERG_PHASE_DECODE, i, 1, t_ns);
        struct erg_token_row token = make_token(&pass.row, 0, i);
        token.text = texts[i % n];
        token.text_len = strlen(token.text);
        erg_writer_pass(writer, &pass.row);
        erg_writer_token(writer, &token);
        erg_writer_throttle(writer);
        erg_energy_add(&run.energy, &pass.row.energy);
        t_ns = pass.row.t1_ns + GAP_NS;
        make_pass_free(&pass);
    }
    run.status = "complete";
    run.duration_ns = t_ns;
    run.energy.nj[ERG_DOMAIN_CPU] += REST_NJ;
    erg_writer_run(writer, &run);
    if (erg_writer_finish(writer, &err))
        fail_msg("%s", err.text);
    open_store(&fixture, OWN_RUN);
    return fixture;
}

static void close_fixture(struct fixture *fixture)
{
    erg_store_close(fixture->store);
    temp_store_remove(&fixture->temp);
}

static int to_buf(void *user, const void *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return erg_buf_status(user);
}

static void export_to(const struct fixture *fixture, const char *format, struct erg_buf *out)
{
    struct erg_export_request request = {
        .store = fixture->store, .run_id = fixture->id, .sink = to_buf, .user = out};
    struct erg_err err = {0};
    erg_buf_init(out);
    if (erg_exporter_find(format)->write(&request, &err))
        fail_msg("%s: %s", format, err.text);
}

static const char *const timelines[] = {"perfetto", "chrome"};

static struct trace trace_of(const struct fixture *fixture, const char *format)
{
    struct erg_buf bytes;
    export_to(fixture, format, &bytes);
    struct trace trace =
        strcmp(format, "chrome") == 0 ? read_chrome(&bytes) : read_perfetto(&bytes);
    erg_buf_deinit(&bytes);
    return trace;
}

/* --- the store beside a trace ----------------------------------------------------------------- */

struct check {
    const struct fixture *fixture;
    struct trace trace;
    size_t at;         /* next slice that is looked at */
    int64_t origin_ns; /* of t = 0 */
    struct erg_energy energy;
    int64_t duration_ns;
    json_t *summary;
    size_t rows;
    uint32_t pass; /* of the last token, and where that ended */
    int64_t token_ns;
};

static const struct trace_slice *next_of(struct check *check, const char *track,
                                         const char *category)
{
    for (; check->at < check->trace.n_slices; check->at++) {
        const struct trace_slice *slice = &check->trace.slices[check->at];
        if (strncmp(slice->track, track, strlen(track)) == 0 &&
            strcmp(slice->category, category) == 0) {
            check->at++;
            return slice;
        }
    }
    return NULL;
}

static void same_energy(const struct trace_slice *slice, const struct erg_energy *energy)
{
    assert_int_equal(slice->has_energy, erg_energy_known(energy));
    if (slice->has_energy)
        assert_int_equal(slice->energy_nj, erg_energy_total_nj(energy));
}

static void same_domains(const struct trace_slice *slice, const struct erg_energy *energy)
{
    same_energy(slice, energy);
    assert_int_equal(slice->domains, energy->present);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            assert_int_equal(slice->domain_nj[d], energy->nj[d]);
    }
}

static int on_run(void *user, const struct erg_run_row *row)
{
    struct check *check = user;
    check->energy = row->energy;
    check->duration_ns = row->duration_ns;
    check->summary = json_loads(row->summary_json, 0, NULL);
    return 0;
}

static struct check begin_check(const struct fixture *fixture, const char *format)
{
    struct check check = {.fixture = fixture, .trace = trace_of(fixture, format)};
    assert_int_equal(erg_store_run(fixture->store, fixture->id, on_run, &check, NULL), 0);
    const struct trace_slice *run = next_of(&check, "inference", "run");
    assert_non_null(run);
    assert_string_equal(run->run_id, fixture->id);
    assert_int_equal(run->t0_ns, run->origin_ns);
    assert_int_equal(run->t1_ns - run->t0_ns, check.duration_ns);
    same_domains(run, &check.energy);
    check.origin_ns = run->origin_ns;
    assert_null(next_of(&check, "inference", "run"));
    return check;
}

static void end_check(struct check *check)
{
    json_decref(check->summary);
    free_trace(&check->trace);
}

/* Time and energy of the leaves below a slice. */
static void add_leaves(const struct trace *trace, long of, int64_t *out_ns, int64_t *out_nj)
{
    *out_ns = *out_nj = 0;
    for (size_t i = 0; i < trace->n_slices; i++) {
        const struct trace_slice *slice = &trace->slices[i];
        if (!slice->is_leaf || strcmp(slice->track, "inference") != 0)
            continue;
        long up = (long)i;
        while (up >= 0 && up != of)
            up = trace->slices[up].parent;
        if (up < 0)
            continue;
        *out_ns += slice->t1_ns - slice->t0_ns;
        *out_nj += slice->energy_nj;
    }
}

/* What the leaves of every slice add up to is the slice. */
static void check_sums(const struct check *check)
{
    const struct trace *trace = &check->trace;
    for (size_t i = 0; i < trace->n_slices; i++) {
        const struct trace_slice *slice = &trace->slices[i];
        int64_t ns, nj;
        if (slice->is_leaf || strcmp(slice->track, "inference") != 0)
            continue;
        add_leaves(trace, (long)i, &ns, &nj);
        assert_int_equal(ns, slice->t1_ns - slice->t0_ns);
        if (slice->has_energy)
            assert_int_equal(nj, slice->energy_nj);
    }
}

/* The phases of the summary. */
static void check_phases(struct check *check)
{
    const json_t *phases = json_object_get(check->summary, "phases");
    size_t i;
    json_t *phase;
    check->at = 0;
    assert_true(json_array_size(phases) > 1);
    json_array_foreach(phases, i, phase)
    {
        const struct trace_slice *slice = next_of(check, "inference", "phase");
        const json_t *mj = json_object_get(phase, "energy_mj");
        assert_non_null(slice);
        assert_string_equal(slice->name, json_string_value(json_object_get(phase, "phase")));
        assert_int_equal(slice->t1_ns - slice->t0_ns,
                         llround(json_number_value(json_object_get(phase, "duration_ms")) * 1e6));
        assert_int_equal(slice->has_energy, json_is_number(mj));
        if (slice->has_energy)
            assert_int_equal(slice->energy_nj, llround(json_number_value(mj) * 1e6));
    }
    assert_null(next_of(check, "inference", "phase"));
}

/* Operations in the order in which they ran; a bare pass is one slice. */
static void check_operations(struct check *check, const struct erg_pass_row *row)
{
    int64_t t_ns = row->t0_ns + check->origin_ns;
    for (uint32_t i = 0; i < row->n_spans; i++) {
        const struct erg_span *span = &row->spans[i];
        const char *name = erg_store_name(check->fixture->store, span->operation);
        int64_t end_ns = t_ns + (int64_t)span->ticks * ERG_TICK_NS;
        if (name) {
            size_t before = check->at;
            const struct trace_slice *slice;
            do {
                slice = next_of(check, "inference", "operation");
                assert_non_null(slice);
            } while (slice->t0_ns != t_ns || slice->t1_ns != end_ns ||
                     strcmp(slice->name, name) != 0);
            assert_true(check->at > before);
            const struct trace_slice *component = &check->trace.slices[slice->parent];
            assert_string_equal(component->name,
                                erg_store_name(check->fixture->store, span->component));
            const struct trace_slice *layer = &check->trace.slices[component->parent];
            char text[16];
            snprintf(text, sizeof text, "layer %d", span->layer);
            assert_string_equal(layer->category, span->layer < 0 ? "pass" : "layer");
            if (span->layer >= 0)
                assert_string_equal(layer->name, text);
        }
        t_ns = end_ns;
    }
}

static int check_pass(void *user, const struct erg_pass_row *row)
{
    struct check *check = user;
    const struct trace_slice *slice = next_of(check, "inference", "pass");
    assert_non_null(slice);
    assert_int_equal(slice->t0_ns, row->t0_ns + check->origin_ns);
    assert_int_equal(slice->t1_ns, row->t1_ns + check->origin_ns);
    same_domains(slice, &row->energy);
    assert_false(slice->is_leaf);
    if (row->n_spans == 0) {
        assert_true(slice[1].is_leaf);
        assert_string_equal(slice[1].name, "not profiled");
        assert_ptr_equal(&check->trace.slices[slice[1].parent], slice);
        assert_int_equal(slice[1].t1_ns - slice[1].t0_ns, row->t1_ns - row->t0_ns);
        same_energy(&slice[1], &row->energy);
        check->rows++;
    }
    check_operations(check, row);
    return 0;
}

static int check_token(void *user, const struct erg_token_row *row)
{
    struct check *check = user;
    const struct trace_slice *slice = next_of(check, "tokens", "token");
    assert_non_null(slice);
    bool is_first = row->index == 0 || row->pass != check->pass;
    assert_int_equal(slice->t0_ns, is_first ? row->t0_ns + check->origin_ns : check->token_ns);
    assert_int_equal(slice->t1_ns - slice->t0_ns, row->duration_ns);
    check->pass = row->pass;
    check->token_ns = slice->t1_ns;
    assert_int_equal(slice->text_len, row->text_len);
    assert_memory_equal(slice->text, row->text, row->text_len);
    assert_true(slice->name[0]);
    same_domains(slice, &row->energy);
    return 0;
}

static int check_section(void *user, const struct erg_section_row *row)
{
    struct check *check = user;
    bool inside = row->phase == ERG_PHASE_PREFILL || row->phase == ERG_PHASE_DECODE;
    char track[64];
    check->at = 0;
    snprintf(track, sizeof track, inside ? "%s: %s" : "inference", erg_phase_name(row->phase),
             row->name);
    const struct trace_slice *slice;
    do {
        slice = next_of(check, track, "section");
        assert_non_null(slice);
    } while (strcmp(slice->name, row->name) != 0);
    assert_int_equal(slice->t0_ns, row->t0_ns + check->origin_ns);
    assert_int_equal(slice->t1_ns, row->t1_ns + check->origin_ns);
    same_domains(slice, &row->energy);
    return 0;
}

/* --- counters --------------------------------------------------------------------------------- */

static const char *const counters[] = {"cpu", "gpu", "ane", "dram", "soc", "other", "total"};

/* Energy starts at 0, never falls, and ends at the run's. */
static void check_energies(const struct check *check)
{
    for (int d = 0; d <= ERG_DOMAINS; d++) {
        char name[24];
        double last = NAN;
        int64_t t_ns = check->origin_ns;
        snprintf(name, sizeof name, "energy %s", counters[d]);
        for (size_t i = 0; i < check->trace.n_values; i++) {
            const struct trace_value *value = &check->trace.values[i];
            if (strcmp(value->counter, name) != 0)
                continue;
            assert_true(isnan(last) ? value->value == 0 : value->value >= last);
            assert_true(value->t_ns >= t_ns);
            last = value->value;
            t_ns = value->t_ns;
        }
        bool known =
            d == ERG_DOMAINS ? erg_energy_known(&check->energy) : check->energy.present >> d & 1;
        assert_int_equal(!isnan(last), known);
        if (known)
            assert_int_equal(llround(last * 1e6), d == ERG_DOMAINS
                                                      ? erg_energy_total_nj(&check->energy)
                                                      : check->energy.nj[d]);
        if (known)
            assert_int_equal(t_ns, check->origin_ns + check->duration_ns);
    }
}

struct samples {
    const struct check *check;
    size_t at[ERG_DOMAINS + 1];
    int64_t before_ns;
    bool any;
};

/* Each value stands from the end of the sample before on. */
static int check_sample(void *user, const struct erg_sample_row *row)
{
    struct samples *samples = user;
    const struct trace *trace = &samples->check->trace;
    for (int d = 0; d <= ERG_DOMAINS; d++) {
        double mw = d == ERG_DOMAINS ? row->total_mw : row->mw[d];
        char name[24];
        snprintf(name, sizeof name, "power %s", counters[d]);
        if (isnan(mw))
            continue;
        size_t i = samples->at[d];
        while (i < trace->n_values && strcmp(trace->values[i].counter, name) != 0)
            i++;
        assert_true(i < trace->n_values);
        assert_true(trace->values[i].value == mw);
        if (samples->any)
            assert_int_equal(trace->values[i].t_ns, samples->before_ns);
        else
            assert_true(trace->values[i].t_ns < row->t_ns + samples->check->origin_ns);
        samples->at[d] = i + 1;
    }
    samples->before_ns = row->t_ns + samples->check->origin_ns;
    samples->any = true;
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void check_everything(const struct fixture *f, const char *format)
{
    struct check check = begin_check(f, format);
    check_sums(&check);
    check_phases(&check);
    check.at = 0;
    assert_int_equal(erg_store_passes(f->store, f->id, true, check_pass, &check, NULL), 0);
    assert_true(check.rows > 0);
    assert_null(next_of(&check, "inference", "pass"));
    check.at = 0;
    assert_int_equal(erg_store_tokens(f->store, f->id, check_token, &check, NULL), 0);
    assert_null(next_of(&check, "tokens", "token"));
    assert_int_equal(erg_store_sections(f->store, f->id, check_section, &check, NULL), 0);
    check_energies(&check);
    struct samples samples = {.check = &check};
    assert_int_equal(erg_store_samples(f->store, f->id, check_sample, &samples, NULL), 0);
    assert_int_equal(samples.any, erg_energy_known(&check.energy));
    end_check(&check);
}

static void test_timelines_are_the_store(void **state)
{
    (void)state;
    static const struct recording_shape shapes[] = {
        {.seed = 3,
         .passes = 12,
         .domains = 2,
         .prompt = 5,
         .exact = true,
         .deep = true,
         .idle = true,
         .load = true,
         .status = "complete"},
        {.seed = 4, .passes = 7, .domains = 3, .prompt = 9, .dies = true, .status = "failed"},
        {.seed = 5, .passes = 6, .prompt = 1, .load = true, .status = "complete"},
    };
    for (size_t i = 0; i < ERG_COUNT(shapes); i++) {
        struct fixture f = imported(&shapes[i]);
        for (size_t t = 0; t < ERG_COUNT(timelines); t++)
            check_everything(&f, timelines[t]);
        close_fixture(&f);
    }
}

/* What lies between passes is there, and has what they do not account for. */
static void test_gaps_are_unattributed(void **state)
{
    (void)state;
    static const char *const texts[] = {"x"};
    struct fixture f = generated(2, 9, texts, 1);
    for (size_t t = 0; t < ERG_COUNT(timelines); t++) {
        struct check check = begin_check(&f, timelines[t]);
        const struct trace_slice *slice;
        int64_t ns = 0, nj = 0;
        check_sums(&check);
        check.at = 0;
        while ((slice = next_of(&check, "inference", "unattributed")) != NULL) {
            const char *above = check.trace.slices[slice->parent].category;
            if (strcmp(above, "pass") == 0)
                continue;
            ns += slice->t1_ns - slice->t0_ns;
            nj += slice->energy_nj;
        }
        assert_int_equal(ns, (7 + 9) * GAP_NS);
        assert_int_equal(nj, REST_NJ);
        check_energies(&check);
        end_check(&check);
    }
    close_fixture(&f);
}

/* Whatever a model says is data: exactly kept beside a name that shows what it is. */
static void test_hostile_text_stays_data(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "</script><script>alert(1)</script>",
        "\"},{\"ph\":\"X\"}]}",
        "\x01\x1f\x7f\n\t\r\\",
        "\xE2\x80\xAE"
        "abc"
        "\xE2\x80\xAC",
        "\xE2\x80\xA8\xE2\x81\xA6\xC2\x85\xEF\xBB\xBF",
        "",
        "\xF0\x9F\x94\xA5",
    };
    static const char *const names[] = {
        "</script><script>alert(1)</script>",
        "\"},{\"ph\":\"X\"}]}",
        "\\u0001\\u001f\\u007f\\n\\t\\u000d\\",
        "\\u202eabc\\u202c",
        "\\u2028\\u2066\\u0085\\ufeff",
        "token 1185",
        "\xF0\x9F\x94\xA5",
    };
    struct fixture f = generated(1, ERG_COUNT(texts), texts, ERG_COUNT(texts));
    for (size_t t = 0; t < ERG_COUNT(timelines); t++) {
        struct check check = begin_check(&f, timelines[t]);
        check.at = 0;
        for (size_t i = 0; i < ERG_COUNT(texts); i++) {
            const struct trace_slice *slice = next_of(&check, "tokens", "token");
            assert_non_null(slice);
            assert_string_equal(slice->text, texts[i]);
            assert_string_equal(slice->name, names[i]);
        }
        assert_null(next_of(&check, "tokens", "token"));
        end_check(&check);
    }
    close_fixture(&f);
}

/* A name is for reading: the argument has the rest. */
static void test_long_text_is_cut_in_names_only(void **state)
{
    (void)state;
    enum { LONG = 100000 };
    char *text = calloc(LONG + 1, 1);
    assert_non_null(text);
    memset(text, 'x', LONG);
    const char *const texts[] = {text};
    struct fixture f = generated(1, 2, texts, 1);
    for (size_t t = 0; t < ERG_COUNT(timelines); t++) {
        struct check check = begin_check(&f, timelines[t]);
        check.at = 0;
        const struct trace_slice *slice = next_of(&check, "tokens", "token");
        assert_non_null(slice);
        assert_string_equal(slice->text, text);
        assert_in_range(strlen(slice->name), 10, 300);
        end_check(&check);
    }
    close_fixture(&f);
    free(text);
}

/* Bytes that are no UTF-8 are replaced, whatever the store holds (here it refuses none). */
static void test_broken_text_is_mended(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\xFF", "\xC3", "\xED\xA0\x80"};
    struct fixture f = generated(1, ERG_COUNT(texts), texts, ERG_COUNT(texts));
    for (size_t t = 0; t < ERG_COUNT(timelines); t++) {
        struct check check = begin_check(&f, timelines[t]); /* readers refuse broken UTF-8 */
        const struct trace_slice *slice;
        check.at = 0;
        while ((slice = next_of(&check, "tokens", "token")) != NULL)
            assert_non_null(strstr(slice->text, "\xEF\xBF\xBD"));
        end_check(&check);
    }
    close_fixture(&f);
}

/* --- speedscope ------------------------------------------------------------------------------- */

static int64_t whole(const json_t *number, double unit)
{
    assert_true(json_is_number(number));
    assert_true(json_number_value(number) > 0);
    return llround(json_number_value(number) * unit);
}

/* Weights of all samples that begin with `frame` (NULL: of all). */
static int64_t weigh(const json_t *root, size_t profile, const char *frame, double unit)
{
    const json_t *frames = json_object_get(json_object_get(root, "shared"), "frames");
    const json_t *it = json_array_get(json_object_get(root, "profiles"), profile);
    const json_t *samples = json_object_get(it, "samples");
    const json_t *weights = json_object_get(it, "weights");
    int64_t sum = 0;
    assert_string_equal(json_string_value(json_object_get(it, "type")), "sampled");
    assert_int_equal(json_array_size(samples), json_array_size(weights));
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *stack = json_array_get(samples, i);
        const char *first = NULL;
        assert_in_range(json_array_size(stack), 1, 4);
        for (size_t k = 0; k < json_array_size(stack); k++) {
            json_int_t at = json_integer_value(json_array_get(stack, k));
            const json_t *name = json_object_get(json_array_get(frames, (size_t)at), "name");
            assert_true(at >= 0 && json_is_string(name));
            first = first ? first : json_string_value(name);
        }
        if (!frame || strcmp(frame, first) == 0)
            sum += whole(json_array_get(weights, i), unit);
    }
    return sum;
}

static void test_flame_graphs_are_the_store(void **state)
{
    (void)state;
    static const struct recording_shape shape = {.seed = 3,
                                                 .passes = 12,
                                                 .domains = 2,
                                                 .prompt = 5,
                                                 .exact = true,
                                                 .deep = true,
                                                 .status = "complete"};
    struct fixture f = imported(&shape);
    struct check check = begin_check(&f, "chrome");
    struct erg_buf bytes;
    size_t i;
    json_t *phase;
    export_to(&f, "speedscope", &bytes);
    json_t *root = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(weigh(root, 0, NULL, 1e6), erg_energy_total_nj(&check.energy));
    assert_int_equal(weigh(root, 1, NULL, 1), check.duration_ns);
    json_array_foreach(json_object_get(check.summary, "phases"), i, phase)
    {
        const char *name = json_string_value(json_object_get(phase, "phase"));
        assert_int_equal(weigh(root, 0, name, 1e6),
                         whole(json_object_get(phase, "energy_mj"), 1e6));
        assert_int_equal(weigh(root, 1, name, 1),
                         whole(json_object_get(phase, "duration_ms"), 1e6));
    }
    json_decref(root);
    erg_buf_deinit(&bytes);
    end_check(&check);
    close_fixture(&f);
}

static void test_no_energy_is_no_flame_graph_of_it(void **state)
{
    (void)state;
    static const struct recording_shape shape = {
        .seed = 3, .passes = 3, .prompt = 2, .status = "complete"};
    struct fixture f = imported(&shape);
    struct erg_buf bytes;
    export_to(&f, "speedscope", &bytes);
    json_t *root = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *profiles = json_object_get(root, "profiles");
    assert_int_equal(json_array_size(profiles), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(profiles, 0), "name")),
                        "time");
    json_decref(root);
    erg_buf_deinit(&bytes);
    close_fixture(&f);
}

/* --- size and memory -------------------------------------------------------------------------- */

static int count_bytes(void *user, const void *bytes, size_t len)
{
    size_t *total = user;
    (void)bytes;
    *total += len;
    return 0;
}

/* 1000 tokens of 32 layers: little memory, and few bytes for each operation. */
static void test_large_runs_are_streamed(void **state)
{
    (void)state;
    enum { TOKENS = 1000, LAYERS = 32 };
    static const char *const texts[] = {" the", " energy", " of"};
    static const char *const formats[] = {"perfetto", "chrome", "speedscope"};
    static const size_t most_per_token[] = {100000, 250000, 500};
    struct fixture f = generated(LAYERS, TOKENS, texts, ERG_COUNT(texts));
    for (size_t i = 0; i < ERG_COUNT(formats); i++) {
        size_t bytes = 0;
        struct erg_export_request request = {
            .store = f.store, .run_id = f.id, .sink = count_bytes, .user = &bytes};
        heap.live = heap.peak = 0;
        heap.watching = true;
        assert_int_equal(erg_exporter_find(formats[i])->write(&request, NULL), 0);
        heap.watching = false;
        print_message("%s: %zu bytes per token, %ld bytes of memory\n", formats[i], bytes / TOKENS,
                      heap.peak);
        assert_true(bytes / TOKENS < most_per_token[i]);
        assert_true(heap.peak < CEILING);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timelines_are_the_store),
        cmocka_unit_test(test_gaps_are_unattributed),
        cmocka_unit_test(test_hostile_text_stays_data),
        cmocka_unit_test(test_long_text_is_cut_in_names_only),
        cmocka_unit_test(test_broken_text_is_mended),
        cmocka_unit_test(test_flame_graphs_are_the_store),
        cmocka_unit_test(test_no_energy_is_no_flame_graph_of_it),
        cmocka_unit_test(test_large_runs_are_streamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
