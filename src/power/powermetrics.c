/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"
#include "power/powermetrics_child.h"
#include "power/powermetrics_sample.h"
#include "power/powermetrics_time.h"
#include "power/sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * macOS: the program powermetrics runs beside us and writes a document every interval, with the
 * energy of the interval in mJ. Summed, they are a counter. Only root may run it, so that it is
 * started through `sudo -n`; Ergon itself needs no privilege.
 *
 * Of an energy that a document lacks, and of documents that could not be read, nothing is known: a
 * gap. A CPU that used nothing for a whole document is one whose energy has not been published yet
 * (macOS 27 does so every two seconds): the next document that has some is for the time since.
 */
#define POWERMETRICS  "/usr/bin/powermetrics"
#define SUDO          "/usr/bin/sudo"
#define NS_PER_MS     INT64_C(1000000)
#define DEFAULT_NS    (100 * NS_PER_MS)
#define START_NS      (5000 * NS_PER_MS) /* beyond the interval, to the first document */
#define LEAST_LULL_NS (1000 * NS_PER_MS) /* silence that is worth a warning, at least */
#define ZERO_NS       (5000 * NS_PER_MS) /* a CPU without energy for that long is not measured */
#define BATCH_NS      (1000 * NS_PER_MS) /* energy published that late is worth a warning */

enum { QUEUE = 64, CHUNK_BYTES = 65536, LULL_INTERVALS = 5, ARGUMENTS = 16 };

/* Which samplers a system has is found by trying: unknown ones are refused at once. */
static const char *const samplers[] = {
    "cpu_power,gpu_power,ane_power,thermal",
    "cpu_power,gpu_power,thermal",
    "cpu_power,gpu_power",
    "cpu_power",
};

enum { SAMPLER_SETS = sizeof samplers / sizeof samplers[0] };

static const struct {
    const char *name;
    enum erg_domain domain;
} rails[ERG_RAILS] = {
    [ERG_RAIL_CPU] = {"cpu", ERG_DOMAIN_CPU},         [ERG_RAIL_GPU] = {"gpu", ERG_DOMAIN_GPU},
    [ERG_RAIL_ANE] = {"ane", ERG_DOMAIN_ANE},         [ERG_RAIL_DRAM] = {"dram", ERG_DOMAIN_DRAM},
    [ERG_RAIL_PACKAGE] = {"package", ERG_DOMAIN_CPU},
};

/* A document, reduced to what readings are made of. */
struct interval {
    int64_t start_ns, end_ns, elapsed_ns;
    uint32_t present;
    int64_t nj[ERG_RAILS];
    bool lost_before; /* documents before it could not be read */
};

/* What is left to be told of the interval at the head of the queue. */
enum step { STEP_BREAK, STEP_START, STEP_END };

/* Bits of what there is to warn of; all but the last once. */
enum concern {
    CONCERN_LULL = 1,
    CONCERN_GARBAGE = 2,
    CONCERN_ZERO = 4,
    CONCERN_BATCH = 8,
    CONCERN_HEAT = 16,
};

struct erg_power_source {
    const char *program; /* ERGON_POWERMETRICS, or NULL */
    const char *samplers;
    const struct erg_clock *clock;
    int64_t interval_ns;
    struct erg_child child;
    struct erg_plist_stream stream;
    struct erg_interval_clock ends;
    struct erg_powermetrics_sample last; /* for its metadata */

    enum erg_rail channels[ERG_RAILS];
    uint32_t channel_count, seen; /* bit per rail that any document had */
    int64_t total_nj[ERG_RAILS];
    uint32_t holes; /* rails that have no reading at the head's start; all at first */

    struct interval queue[QUEUE];
    size_t head, count;
    enum step step;
    bool started;               /* a document has been taken */
    uint64_t lost, lost_seen;   /* documents that could not be read, in all and before the last */
    int64_t look_ns, silent_ns; /* when it was listened to last, and for how long in vain */
    int64_t cpu_quiet_ns;       /* length of the documents without CPU energy up to the last */

    uint32_t warned, to_warn; /* of enum concern */
    char garbage[160], warning[300], detail[200];
};

/* --- the program ------------------------------------------------------------------------------ */

static const char *chosen_program(void)
{
    const char *program = getenv("ERGON_POWERMETRICS");
    return program && *program ? program : NULL;
}

static int start(struct erg_power_source *source, const char *set, struct erg_err *err)
{
    char interval[24];
    const char *argv[ARGUMENTS];
    size_t n = 0;
    snprintf(interval, sizeof interval, "%" PRId64, source->interval_ns / NS_PER_MS);
    if (source->program) {
        argv[n++] = source->program;
    } else {
        if (geteuid() != 0) {
            argv[n++] = SUDO;
            argv[n++] = "-n";
        }
        argv[n++] = POWERMETRICS;
    }
    const char *const rest[] = {"-f", "plist", "-b", "1", "-i", interval, "--samplers", set, NULL};
    memcpy(argv + n, rest, sizeof rest);
    source->samplers = set;
    /* exec() does not change what it is given, whatever its type says. */
    return erg_child_start(&source->child, (char *const *)(uintptr_t)argv, err);
}

/* --- documents -------------------------------------------------------------------------------- */

static void lose(struct erg_power_source *source, const char *why)
{
    source->lost++;
    if (!source->garbage[0])
        snprintf(source->garbage, sizeof source->garbage, "%.150s", why);
    source->to_warn |= CONCERN_GARBAGE;
}

static void take_document(struct erg_power_source *source, const char *text, size_t len)
{
    struct erg_powermetrics_sample sample;
    struct erg_err err = {0};
    if (erg_powermetrics_parse(text, len, &sample, &err)) {
        lose(source, err.text);
        return;
    }
    if (!sample.is_delta) { /* what was used since the machine started */
        source->lost += source->started;
        return;
    }
    if (strcmp(sample.thermal_pressure, source->last.thermal_pressure) != 0 &&
        sample.thermal_pressure[0])
        source->to_warn |= CONCERN_HEAT;
    struct interval *interval = &source->queue[(source->head + source->count++) % QUEUE];
    *interval = (struct interval){.elapsed_ns = sample.elapsed_ns,
                                  .present = sample.present,
                                  .lost_before = source->lost != source->lost_seen};
    memcpy(interval->nj, sample.nj, sizeof interval->nj);
    source->lost_seen = source->lost;
    source->last = sample;
    source->seen |= sample.present;
    source->started = true;
}

/* Documents that are complete; false when there is no room for more. */
static bool take_documents(struct erg_power_source *source)
{
    const char *text;
    size_t len;
    while (source->count < QUEUE) {
        uint64_t lost = source->stream.lost;
        bool more = erg_plist_stream_next(&source->stream, &text, &len);
        if (lost != source->stream.lost)
            lose(source, "it is cut");
        if (!more)
            return true;
        take_document(source, text, len);
    }
    return false;
}

static struct interval *queued(struct erg_power_source *source, size_t i)
{
    return &source->queue[(source->head + i) % QUEUE];
}

/* Time of the intervals from the `from`th on, with what was lost before them: one at least. */
static int64_t time_from(struct erg_power_source *source, size_t from)
{
    int64_t sum_ns = 0;
    for (size_t i = from; i < source->count; i++)
        sum_ns += queued(source, i)->elapsed_ns +
                  (queued(source, i)->lost_before ? source->interval_ns : 0);
    return sum_ns;
}

/* When the intervals from the `from`th on, which arrived together, were. */
static void place(struct erg_power_source *source, size_t from, int64_t arrival_ns)
{
    int64_t lengths[QUEUE], ends[QUEUE];
    for (size_t n; from < source->count; from += n) {
        int64_t before = source->ends.last_end_ns;
        bool follows = before != INT64_MIN && !queued(source, from)->lost_before;
        if (!follows)
            erg_interval_clock_break(&source->ends);
        for (n = 0; from + n < source->count; n++) {
            if (n && queued(source, from + n)->lost_before)
                break;
            lengths[n] = queued(source, from + n)->elapsed_ns;
        }
        int64_t arrived_ns = arrival_ns - time_from(source, from + n);
        erg_interval_clock_place(&source->ends, lengths, n, arrived_ns, ends);
        for (size_t i = 0; i < n; i++) {
            struct interval *interval = queued(source, from + i);
            int64_t start = follows || i ? before : ends[i] - lengths[i];
            interval->start_ns = start < before ? before : start;
            before = interval->end_ns = ends[i];
        }
    }
}

/* Everything that has arrived, to the queue; GONE when the program has closed its output. */
static int drain(struct erg_power_source *source, int64_t now_ns)
{
    char bytes[CHUNK_BYTES];
    size_t before = source->count;
    ssize_t n = 0;
    int rc = 0;
    while (take_documents(source) &&
           (n = erg_child_read(&source->child, bytes, sizeof bytes)) > 0) {
        if (erg_plist_stream_feed(&source->stream, bytes, (size_t)n))
            lose(source, "out of memory");
    }
    if (n < 0 && source->count < QUEUE)
        rc = ERG_GONE;
    if (source->count > before) {
        place(source, before, now_ns);
        source->silent_ns = 0;
    } else {
        /* Only time in which it was listened to: one interval a look. */
        int64_t since = now_ns - source->look_ns;
        source->silent_ns += since < source->interval_ns ? since : source->interval_ns;
        if (source->silent_ns > LULL_INTERVALS * source->interval_ns &&
            source->silent_ns > LEAST_LULL_NS)
            source->to_warn |= CONCERN_LULL;
    }
    source->look_ns = now_ns;
    return rc;
}

/* --- readings --------------------------------------------------------------------------------- */

/* Is energy of this rail of 0 energy that is not known yet? */
static bool is_held(const struct interval *interval, enum erg_rail rail)
{
    bool quiet = interval->present >> ERG_RAIL_CPU & 1 && interval->nj[ERG_RAIL_CPU] == 0;
    return quiet && interval->nj[rail] == 0 && rail != ERG_RAIL_GPU;
}

static void watch_cpu(struct erg_power_source *source, const struct interval *interval)
{
    if (!(interval->present >> ERG_RAIL_CPU & 1))
        return;
    if (interval->nj[ERG_RAIL_CPU] == 0) {
        source->cpu_quiet_ns += interval->elapsed_ns;
        if (source->cpu_quiet_ns >= ZERO_NS)
            source->to_warn |= CONCERN_ZERO;
        return;
    }
    if (source->cpu_quiet_ns >= BATCH_NS && source->total_nj[ERG_RAIL_CPU] > 0)
        source->to_warn |= CONCERN_BATCH;
    source->cpu_quiet_ns = 0;
}

static void tell_end(struct erg_power_source *source, const struct interval *interval,
                     struct erg_channel_value *values)
{
    watch_cpu(source, interval);
    for (uint32_t i = 0; i < source->channel_count; i++) {
        enum erg_rail rail = source->channels[i];
        if (!(interval->present >> rail & 1)) {
            values[i].status = (uint32_t)-ERG_OVERRUN;
            source->holes |= 1u << rail;
            continue;
        }
        source->total_nj[rail] = erg_add_sat_i64(source->total_nj[rail], interval->nj[rail]);
        if (is_held(interval, rail))
            values[i].status = (uint32_t)-ERG_BUSY;
        else
            values[i].value = source->total_nj[rail];
    }
}

static void tell_start(struct erg_power_source *source, const struct interval *interval,
                       struct erg_channel_value *values)
{
    for (uint32_t i = 0; i < source->channel_count; i++) {
        enum erg_rail rail = source->channels[i];
        if (source->holes & interval->present & 1u << rail)
            values[i].value = source->total_nj[rail];
        else
            values[i].status = (uint32_t)-ERG_BUSY;
    }
    source->holes &= ~interval->present;
}

/* The next reading of the interval at the head. */
static void tell(struct erg_power_source *source, int64_t *out_t_ns,
                 struct erg_channel_value *values)
{
    struct interval *interval = &source->queue[source->head];
    if (source->step == STEP_BREAK && !interval->lost_before)
        source->step = STEP_START;
    if (source->step == STEP_BREAK) {
        for (uint32_t i = 0; i < source->channel_count; i++)
            values[i].status = (uint32_t)-ERG_OVERRUN;
        source->holes = UINT32_MAX;
        *out_t_ns = interval->start_ns;
        source->step = STEP_START;
        return;
    }
    if (source->step == STEP_START && source->holes & interval->present) {
        tell_start(source, interval, values);
        *out_t_ns = interval->start_ns;
        source->step = STEP_END;
        return;
    }
    tell_end(source, interval, values);
    *out_t_ns = interval->end_ns;
    source->step = STEP_BREAK;
    source->head = (source->head + 1) % QUEUE;
    source->count--;
}

static int fail_gone(struct erg_power_source *source, struct erg_err *err)
{
    char end[60];
    erg_child_stop(&source->child, 100, 500, end, sizeof end);
    return erg_fail(err, ERG_GONE, "powermetrics %s%s%.150s", end,
                    source->child.words[0] ? ": " : "", source->child.words);
}

static int powermetrics_read(struct erg_power_source *source, int64_t *inout_t_ns,
                             struct erg_channel_value *values, struct erg_err *err)
{
    int rc = drain(source, *inout_t_ns);
    if (source->count) {
        tell(source, inout_t_ns, values);
        return 0;
    }
    return rc ? fail_gone(source, err) : ERG_POWER_NOTHING_NEW;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void release(struct erg_power_source *source)
{
    /* sudo's child cannot be signalled by us: it ends at its next write. */
    int64_t patience_ms = source->program ? 1000 : 2 * source->interval_ns / NS_PER_MS + 500;
    erg_child_stop(&source->child, 0, patience_ms > 3000 ? 3000 : (int)patience_ms, NULL, 0);
    erg_plist_stream_deinit(&source->stream);
    free(source);
}

static bool was_denied(const char *words)
{
    static const char *const refusals[] = {"password is required", "superuser", "not allowed",
                                           "may not run", "not in the sudoers"};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strstr(words, refusals[i]))
            return true;
    }
    return false;
}

/* Wait for the first document with energies: it tells what there is to measure. */
static int await_first(struct erg_power_source *source, struct erg_err *err)
{
    int64_t deadline = erg_system_now_ns() + source->interval_ns + START_NS, left;
    int rc = 0;
    while (!source->count && rc == 0) {
        left = deadline - erg_system_now_ns();
        if (left <= 0)
            return erg_fail(err, ERG_IO, "powermetrics has sent no document in %" PRId64 " ms",
                            (source->interval_ns + START_NS) / NS_PER_MS);
        erg_child_wait(&source->child, left);
        rc = drain(source, erg_clock_now_ns(source->clock));
    }
    if (source->count)
        return 0;
    fail_gone(source, err);
    if (was_denied(source->child.words))
        return erg_fail(err, ERG_DENIED,
                        "powermetrics needs root: %.100s (docs/power.md has the sudoers line)",
                        source->child.words);
    return rc;
}

/* The samplers this system has: as many as possible. */
static int start_with_samplers(struct erg_power_source *source, struct erg_err *err)
{
    int rc = ERG_UNSUPPORTED;
    for (size_t i = 0; i < SAMPLER_SETS; i++) {
        struct erg_err why = {0};
        rc = start(source, samplers[i], &why);
        if (rc == 0)
            rc = await_first(source, &why);
        if (rc && err)
            *err = why;
        if (rc == 0 || !strstr(source->child.words, "sampler"))
            return rc;
    }
    return rc;
}

static void name_channels(struct erg_power_source *source, struct erg_channel *channels)
{
    uint32_t parts = source->seen & ~(1u << ERG_RAIL_PACKAGE);
    for (int rail = 0; rail < ERG_RAILS; rail++) {
        if (!(source->seen >> rail & 1))
            continue;
        struct erg_channel *channel = &channels[source->channel_count];
        *channel = (struct erg_channel){.domain = rails[rail].domain,
                                        .quantity = ERG_QUANTITY_ENERGY,
                                        .update_period_ns = source->interval_ns};
        snprintf(channel->name, sizeof channel->name, "%s", rails[rail].name);
        snprintf(channel->source, sizeof channel->source, "powermetrics");
        if (rail == ERG_RAIL_PACKAGE && parts) {
            channel->raw = true;
            snprintf(channel->measures, sizeof channel->measures, "package");
        }
        source->channels[source->channel_count++] = (enum erg_rail)rail;
    }
}

static int powermetrics_open(const struct erg_power_options *options, const char *argument,
                             struct erg_power_source **out, struct erg_channel *out_channels,
                             uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'powermetrics': out of memory");
    source->program = chosen_program();
    source->clock = options->clock;
    source->interval_ns = options->interval_ns > 0 ? options->interval_ns : DEFAULT_NS;
    if (source->interval_ns < NS_PER_MS)
        source->interval_ns = NS_PER_MS;
    source->holes = UINT32_MAX;
    source->child = (struct erg_child){.fd = -1, .text_fd = -1};
    erg_plist_stream_init(&source->stream);
    erg_interval_clock_init(&source->ends);
    int rc = start_with_samplers(source, err);
    if (rc == 0 && !source->seen)
        rc = erg_fail(err, ERG_UNSUPPORTED, "powermetrics reports no energy on this machine");
    if (rc) {
        release(source);
        return rc;
    }
    name_channels(source, out_channels);
    snprintf(source->detail, sizeof source->detail,
             "powermetrics%s%s%s%s every %" PRId64 " ms; estimated by the system, not for "
             "comparison between devices",
             source->last.model[0] ? " on " : "", source->last.model,
             source->last.system[0] ? ", build " : "", source->last.system,
             source->interval_ns / NS_PER_MS);
    *out = source;
    *out_count = source->channel_count;
    *out_exact = false;
    return 0;
}

static void powermetrics_close(struct erg_power_source *source)
{
    if (source)
        release(source);
}

/* --- what else it says ------------------------------------------------------------------------ */

static void powermetrics_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    const char *program = chosen_program();
    (void)root;
    if (program || access(POWERMETRICS, F_OK) == 0) {
        bool found = access(program ? program : POWERMETRICS, X_OK) == 0;
        out->state = found ? ERG_POWER_READY : ERG_POWER_BROKEN;
        snprintf(out->reason, sizeof out->reason, "%.150s%s", program ? program : POWERMETRICS,
                 found ? "" : " cannot be run");
        if (!found)
            snprintf(out->remedy, sizeof out->remedy, "set ERGON_POWERMETRICS to a program");
        if (program || !found || geteuid() == 0)
            return;
    } else {
        out->state = ERG_POWER_ABSENT;
        snprintf(out->reason, sizeof out->reason,
                 "there is no " POWERMETRICS ": it is a part of macOS");
        return;
    }
    /* Asks sudo, runs nothing. */
    char *const argv[] = {(char *)SUDO, (char *)"-n", (char *)"-l", (char *)POWERMETRICS, NULL};
    struct erg_child child;
    char end[60] = "";
    if (erg_child_start(&child, argv, NULL) == 0)
        erg_child_stop(&child, 1000, 1000, end, sizeof end);
    if (strcmp(end, "ended with status 0") == 0)
        return;
    out->state = ERG_POWER_DENIED;
    snprintf(out->reason, sizeof out->reason, "only root may run " POWERMETRICS);
    snprintf(out->remedy, sizeof out->remedy,
             "allow it with 'sudo visudo -f /etc/sudoers.d/ergon' (docs/power.md has the line)");
}

static const char *powermetrics_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void powermetrics_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    const struct erg_powermetrics_sample *last = &source->last;
    erg_jsonw_kstr(w, "samplers", source->samplers);
    erg_jsonw_kmicro(w, "document_interval_ms", source->interval_ns);
    erg_jsonw_kstr(w, "model", last->model[0] ? last->model : NULL);
    erg_jsonw_kstr(w, "system_build", last->system[0] ? last->system : NULL);
    erg_jsonw_kstr(w, "thermal_pressure",
                   last->thermal_pressure[0] ? last->thermal_pressure : NULL);
    erg_jsonw_key(w, "clusters");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < last->cluster_count; i++) {
        const struct erg_cluster *cluster = &last->clusters[i];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "name", cluster->name);
        if (cluster->frequency_hz > 0)
            erg_jsonw_kreal(w, "frequency_hz", cluster->frequency_hz);
        if (cluster->active_ratio >= 0)
            erg_jsonw_kreal(w, "active_ratio", cluster->active_ratio);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static const char *word(struct erg_power_source *source, uint32_t concern)
{
    char *text = source->warning;
    size_t bytes = sizeof source->warning;
    switch (concern) {
    case CONCERN_LULL:
        snprintf(text, bytes,
                 "powermetrics has sent no document for %d intervals: a gap unless it "
                 "makes up for it",
                 LULL_INTERVALS);
        break;
    case CONCERN_GARBAGE:
        snprintf(text, bytes, "a document of powermetrics could not be read: a gap (%.140s)",
                 source->garbage);
        break;
    case CONCERN_ZERO:
        snprintf(text, bytes,
                 "powermetrics says that the CPU uses no energy at all: its energy is "
                 "not known (builds of macOS 27 do so)");
        break;
    case CONCERN_BATCH:
        snprintf(text, bytes,
                 "powermetrics tells the CPU's energy only every second or more: "
                 "within that it is spread evenly");
        break;
    default:
        if (strcmp(source->last.thermal_pressure, "Nominal") == 0)
            return NULL;
        snprintf(text, bytes, "thermal pressure: %s (the system slows down to cool)",
                 source->last.thermal_pressure);
    }
    return text;
}

static const char *powermetrics_warning(struct erg_power_source *source)
{
    uint32_t news = source->to_warn & ~source->warned;
    uint32_t concern = news & (~news + 1); /* the lowest bit */
    source->to_warn &= ~concern;
    if (!concern)
        return NULL;
    if (concern != CONCERN_HEAT)
        source->warned |= concern;
    return word(source, concern);
}

const struct erg_power_driver erg_power_driver_powermetrics = {
    .name = "powermetrics",
    .summary = "macOS: CPU, GPU and Neural Engine energy from powermetrics (needs sudo)",
    .default_interval_ns = DEFAULT_NS,
    .automatic = true,
    .batches = true,
    .probe = powermetrics_probe,
    .open = powermetrics_open,
    .read = powermetrics_read,
    .detail = powermetrics_detail,
    .describe = powermetrics_describe,
    .warning = powermetrics_warning,
    .close = powermetrics_close,
};
