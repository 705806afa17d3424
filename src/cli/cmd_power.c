/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/live.h"
#include "cli/power_command.h"
#include "cli/power_monitor.h"
#include "record/meter.h"

#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* Between looks for Ctrl-C, and how long slow sensors are waited for at the end of an interval. */
enum { LOOK_MS = 50, SETTLE_MS = 20, REDRAW_MS = 100, FRAME_MS = 250 };

#define FIELD(name) .offset = offsetof(struct erg_power_cli, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .name = "power",
     .value = "SPEC",
     .help = "power sources, as of 'ergon run' [auto]",
     FIELD(power)},
    {.kind = ERG_OPT_DURATION,
     .letter = 'i',
     .name = "interval",
     .value = "TIME",
     .min = NS_PER_MS,
     .max = 3600 * NS_PER_S,
     .help = "between samples [1s; 250ms on a terminal; of a command as the sources like]",
     FIELD(interval_ns)},
    {.kind = ERG_OPT_INT,
     .letter = 'n',
     .name = "count",
     .value = "N",
     .min = 1,
     .max = INT64_C(1000000000),
     .help = "stop after N samples",
     FIELD(sample_count)},
    {.kind = ERG_OPT_DURATION,
     .name = "duration",
     .value = "TIME",
     .min = NS_PER_MS,
     .max = 366 * 86400 * NS_PER_S,
     .help = "stop after that time",
     FIELD(duration_ns)},
    {.kind = ERG_OPT_FLAG, .name = "csv", .help = "a row of CSV for each sample", FIELD(csv)},
    {.kind = ERG_OPT_HEADING, .help = "Of a command:"},
    {.kind = ERG_OPT_INT,
     .letter = 'r',
     .name = "repeat",
     .value = "N",
     .min = 1,
     .max = 10000,
     .help = "run it N times: means with their 95 % intervals",
     FIELD(repeat_count)},
    {.kind = ERG_OPT_STRING,
     .letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "what is measured goes to FILE",
     FIELD(output)},
    {.kind = ERG_OPT_HEADING},
};

struct watch {
    struct erg_cli *cli;
    const struct erg_power_cli *options;
    struct erg_meter *meter; /* NULL = nothing is read */
    struct erg_monitor monitor;
    int64_t t0_ns, last_ns;
    bool frames;  /* redrawn in place */
    size_t lines; /* of the last frame */
    struct erg_buf text;
};

static void on_warning(void *user, const char *text)
{
    erg_cli_note(user, "warning: %s", text);
}

static int64_t now_ns(void)
{
    return erg_clock_now_ns(erg_clock_system());
}

/* Sleep, in steps short enough for Ctrl-C. */
static void wait_until(int64_t deadline_ns)
{
    const struct erg_clock *clock = erg_clock_system();
    for (int64_t now = now_ns(); now < deadline_ns && !erg_live_interrupted(); now = now_ns()) {
        int64_t next = now + LOOK_MS * NS_PER_MS;
        clock->sleep_until_ns(clock->user, next < deadline_ns ? next : deadline_ns);
    }
}

/* How far the sensors have been read; those that are not far behind are waited for. */
static int64_t settled_ns(const struct watch *watch, int64_t t_ns, bool last)
{
    const struct erg_clock *clock = erg_clock_system();
    int64_t patience = (last ? 5 : 1) * SETTLE_MS * NS_PER_MS;
    if (!watch->meter)
        return t_ns;
    for (int64_t now = now_ns(); !erg_meter_has_seen(watch->meter, t_ns) && now < t_ns + patience;
         now = now_ns())
        clock->sleep_until_ns(clock->user, now + NS_PER_MS);
    int64_t settled = erg_meter_settled_ns(watch->meter);
    return settled < t_ns ? settled : t_ns;
}

static int show(struct watch *watch)
{
    struct erg_buf *text = &watch->text;
    erg_buf_clear(text);
    if (watch->cli->globals.json) {
        erg_monitor_json(&watch->monitor, text);
    } else if (watch->options->csv) {
        if (watch->monitor.samples == 1)
            erg_monitor_csv_head(text);
        erg_monitor_csv(&watch->monitor, text);
    } else if (watch->frames) {
        if (watch->lines)
            erg_buf_printf(text, "\033[%zuA\033[J", watch->lines);
        watch->lines = erg_monitor_frame(&watch->monitor, &watch->cli->term, text);
    } else {
        erg_monitor_line(&watch->monitor, text);
    }
    return erg_cli_put(watch->cli, text);
}

/* A sample of what has been read since the last one, if anything has. */
static int sample(struct watch *watch, int64_t t_ns, bool last)
{
    struct erg_window now = {.grade = ERG_GRADE_UNAVAILABLE}, all = now;
    int64_t settled = settled_ns(watch, t_ns, last);
    if (settled <= watch->last_ns)
        return ERG_EXIT_OK;
    if (watch->meter) {
        now = erg_meter_window(watch->meter, watch->last_ns, settled);
        all = erg_meter_window(watch->meter, watch->t0_ns, settled);
    }
    erg_monitor_add(&watch->monitor, settled - watch->t0_ns, settled - watch->last_ns, &now, &all);
    watch->last_ns = settled;
    return show(watch);
}

static bool is_over(const struct watch *watch, int64_t t_ns)
{
    const struct erg_power_cli *o = watch->options;
    return erg_live_interrupted() ||
           (o->sample_count && watch->monitor.samples >= (size_t)o->sample_count) ||
           (o->duration_ns && t_ns - watch->t0_ns >= o->duration_ns);
}

static int watch_power(struct watch *watch)
{
    const struct erg_power_cli *o = watch->options;
    int64_t interval = o->interval_ns;
    int64_t end = o->duration_ns ? watch->t0_ns + o->duration_ns : INT64_MAX, due = watch->t0_ns;
    int status = ERG_EXIT_OK;
    if (!interval)
        interval = watch->frames ? FRAME_MS * NS_PER_MS : NS_PER_S;
    if (watch->frames && interval < REDRAW_MS * NS_PER_MS)
        interval = REDRAW_MS * NS_PER_MS;
    do {
        due = due + interval < end ? due + interval : end;
        int64_t now = now_ns();
        if (due < now && due < end) /* this machine was too slow, or slept */
            due = now;
        wait_until(due);
        now = now_ns();
        status = sample(watch, now < due ? now : due, now < due || due == end);
    } while (!status && !is_over(watch, due));
    if (!watch->frames && !watch->cli->globals.quiet) {
        erg_buf_clear(&watch->text);
        erg_monitor_totals(&watch->monitor, &watch->text);
        fputs(erg_buf_view(&watch->text), stderr);
    }
    return status;
}

static int open_meter(struct watch *watch, const struct erg_root *root, bool *out_unusable,
                      struct erg_err *err)
{
    const char *spec = watch->options->power ? watch->options->power : "auto";
    struct erg_power_options power = {
        .spec = spec,
        .interval_ns =
            watch->options->interval_ns < 100 * NS_PER_MS ? watch->options->interval_ns : 0,
        .root = root,
        .clock = erg_clock_system(),
        .allow_files = true,
    };
    if (strcmp(spec, "none") == 0)
        return 0;
    int rc = erg_meter_open(&watch->meter, &power, on_warning, watch->cli, out_unusable, err);
    if (rc == ERG_NOT_FOUND && strcmp(spec, "auto") == 0) {
        *out_unusable = true;
        return erg_fail(err, rc, "no power source is ready (see 'ergon doctor')");
    }
    return rc;
}

static int monitor(struct erg_cli *cli, const struct erg_power_cli *o)
{
    struct watch watch = {.cli = cli, .options = o, .monitor = {.sources = ""}};
    struct erg_root root;
    struct erg_err err = {0};
    bool unusable = false;
    int rc = erg_cli_root(cli, &root, &err);
    if (rc == 0)
        rc = open_meter(&watch, &root, &unusable, &err);
    if (rc) {
        int status = erg_cli_fail(cli, &err);
        return unusable ? ERG_EXIT_POWER : status;
    }
    erg_live_catch_interrupts();
    watch.frames = cli->term.colors && !cli->globals.json && !o->csv;
    watch.t0_ns = now_ns();
    if (watch.meter) {
        watch.monitor.sources = erg_meter_sources(watch.meter);
        watch.t0_ns = settled_ns(&watch, watch.t0_ns, true);
        watch.t0_ns = watch.t0_ns == INT64_MIN ? now_ns() : watch.t0_ns;
    }
    watch.last_ns = watch.t0_ns;
    int status = watch_power(&watch);
    erg_meter_close(watch.meter);
    erg_buf_deinit(&watch.text);
    return status;
}

static int run(struct erg_cli *cli)
{
    const struct erg_power_cli *o = cli->options;
    if (cli->globals.json && o->csv)
        return erg_cli_usage(cli, "--json and --csv exclude each other");
    if (cli->arg_count && (o->csv || o->sample_count || o->duration_ns))
        return erg_cli_usage(cli, "--csv, --count and --duration are not for commands");
    if (!cli->arg_count && (o->repeat_count || o->output))
        return erg_cli_usage(cli, "--repeat and --output are for commands: ergon power -- CMD");
    return cli->arg_count ? erg_power_command(cli, o) : monitor(cli, o);
}

const struct erg_command erg_cmd_power = {
    .name = "power",
    .summary = "watch power, or measure the energy of any command",
    .usage = "[options] [-- CMD…]",
    .description =
        "Show the power of this machine as it is, by domain, until Ctrl-C; or run a\n"
        "command and say what it has cost. Its input, output and exit status stay as they\n"
        "are; what is measured is written to stderr, with --json to stdout.\n\n"
        "  ergon power\n"
        "  ergon power --json --interval 100ms --duration 10s\n"
        "  ergon power --repeat 5 -- make -j4",
    .options = options,
    .options_bytes = sizeof(struct erg_power_cli),
    .max_args = SIZE_MAX,
    .run = run,
};
