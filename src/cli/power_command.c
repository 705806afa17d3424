/* SPDX-License-Identifier: MIT */
#include "cli/power_command.h"

#include "base/mem.h"
#include "base/system.h"
#include "cli/power_report.h"
#include "record/meter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_SUCH_COMMAND = 127, NO_PROGRAM = 126, LOOK_AGAIN_MS = 1, FIRST_READING_S = 5 };

#define NS_PER_MS INT64_C(1000000)

struct measurement {
    struct erg_cli *cli;
    const struct erg_power_cli *options;
    struct erg_root root;
    struct erg_meter *meter; /* NULL = nothing is read */
    bool estimated;          /* some channel is a model of one process */
    char sources[256];
    struct erg_power_run *runs;
    size_t run_count;
    pthread_mutex_t lock; /* of the warnings, which come from the sampling threads */
    char *warnings[ERG_MAX_WARNINGS];
    size_t warning_count;
};

/* --- signals are for the command -------------------------------------------------------------- */

static _Atomic pid_t child;
static volatile sig_atomic_t stopped;

/* The terminal has sent its own to the command already. */
static void forward(int number, siginfo_t *info, void *context)
{
    int before = errno;
    pid_t pid = atomic_load(&child);
    (void)context;
    stopped = 1;
    if (pid > 0 && info->si_code <= 0)
        kill(pid, number);
    errno = before;
}

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { FORWARDED = sizeof forwarded / sizeof forwarded[0] };

static void catch_signals(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = forward;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FORWARDED; i++) {
        struct sigaction before;
        if (sigaction(forwarded[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(forwarded[i], &action, NULL);
    }
}

/* --- the command ------------------------------------------------------------------------------ */

/* In the child: wait at the gate, then become the command. Async-signal-safe calls only. */
static void become_command(const char *const *argv, int gate[2], int report)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    char go;
    ssize_t n;
    sigaction(SIGPIPE, &usual, NULL);
    sigaction(SIGXFSZ, &usual, NULL);
    for (size_t i = 0; i < FORWARDED; i++) {
        struct sigaction before;
        if (sigaction(forwarded[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(forwarded[i], &usual, NULL);
    }
    close(gate[1]);
    do
        n = read(gate[0], &go, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        execvp(argv[0], (char *const *)argv);
    int reason = errno;
    n = write(report, &reason, sizeof reason);
    (void)n;
    _exit(NO_SUCH_COMMAND);
}

struct process {
    pid_t pid;
    int gate, report; /* open it; read what kept it from starting */
};

static int start(const char *const *argv, struct process *out, struct erg_err *err)
{
    int gate[2], report[2];
    if (erg_system_pipe(gate))
        return erg_fail_errno(err, errno, "cannot run '%.128s'", argv[0]);
    if (erg_system_pipe(report)) {
        close(gate[0]);
        close(gate[1]);
        return erg_fail_errno(err, errno, "cannot run '%.128s'", argv[0]);
    }
    fflush(stdout);
    pid_t pid = fork();
    int failure = errno;
    if (pid == 0)
        become_command(argv, gate, report[1]);
    close(gate[0]);
    close(report[1]);
    *out = (struct process){pid, gate[1], report[0]};
    if (pid > 0) {
        atomic_store(&child, pid);
        return 0;
    }
    close(gate[1]);
    close(report[0]);
    return erg_fail_errno(err, failure, "cannot run '%.128s'", argv[0]);
}

/* Let it go; 0, or the errno that kept it from becoming the command. */
static int release(struct process *process)
{
    int reason = 0;
    ssize_t n = write(process->gate, "", 1);
    close(process->gate);
    do
        n = read(process->report, &reason, sizeof reason);
    while (n < 0 && errno == EINTR);
    close(process->report);
    return n == (ssize_t)sizeof reason ? reason : 0;
}

/* Wait for the end and leave the process there, whose CPU time is still to be read. */
static void wait_for_end(pid_t pid)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        ;
}

static int collect(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    atomic_store(&child, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- measuring -------------------------------------------------------------------------------- */

static void on_warning(void *user, const char *text)
{
    struct measurement *m = user;
    pthread_mutex_lock(&m->lock);
    bool known = m->warning_count == ERG_MAX_WARNINGS;
    for (size_t i = 0; i < m->warning_count && !known; i++)
        known = strcmp(m->warnings[i], text) == 0;
    char *copy = known ? NULL : erg_strdup(text);
    if (copy)
        m->warnings[m->warning_count++] = copy;
    pthread_mutex_unlock(&m->lock);
}

static void look_at_channels(struct measurement *m)
{
    const struct erg_channel *channels;
    uint32_t count = erg_meter_channels(m->meter, &channels);
    bool simulated = false;
    m->estimated = false;
    for (uint32_t i = 0; i < count; i++) {
        m->estimated |= channels[i].estimated;
        simulated |= channels[i].synthetic;
    }
    snprintf(m->sources, sizeof m->sources, "%s", erg_meter_sources(m->meter));
    if (m->estimated)
        on_warning(m, "energies are estimates from a power model of the CPU, not read from a "
                      "sensor (see 'ergon doctor')");
    if (simulated)
        on_warning(m, "energies come from a simulated source, not from this machine");
}

/* Without any source there is still a duration to be told. */
static int open_meter(struct measurement *m, pid_t pid, bool *out_unusable, struct erg_err *err)
{
    const char *spec = m->options->power ? m->options->power : "auto";
    if (strcmp(spec, "none") == 0 || (m->meter && !m->estimated))
        return 0;
    struct erg_power_options options = {
        .spec = spec,
        .interval_ns = m->options->interval_ns,
        .root = &m->root,
        .clock = erg_clock_system(),
        .allow_files = true,
        .engine_pid = pid,
    };
    erg_meter_close(m->meter);
    m->meter = NULL;
    int rc = erg_meter_open(&m->meter, &options, on_warning, m, out_unusable, err);
    if (rc == 0)
        look_at_channels(m);
    if (rc != ERG_NOT_FOUND || strcmp(spec, "auto") != 0)
        return rc;
    on_warning(m, err->text);
    *out_unusable = false;
    return 0;
}

/* Until the sensors have been read past that time, or are not going to be. */
static void wait_for_reading(struct erg_meter *meter, int64_t t_ns)
{
    const struct erg_clock *clock = erg_clock_system();
    int64_t deadline = t_ns + FIRST_READING_S * 1000 * NS_PER_MS;
    while (meter && !erg_meter_has_seen(meter, t_ns)) {
        int64_t now = erg_clock_now_ns(clock);
        if (now >= deadline)
            return;
        clock->sleep_until_ns(clock->user, now + LOOK_AGAIN_MS * NS_PER_MS);
    }
}

static void measure(struct measurement *m, int64_t t0_ns, pid_t pid)
{
    struct erg_power_run run = {.peak_mw = -1};
    int64_t t1_ns = erg_clock_now_ns(erg_clock_system());
    wait_for_reading(m->meter, t1_ns);
    run.duration_ns = t1_ns - t0_ns;
    run.exit_code = collect(pid);
    run.window.grade = ERG_GRADE_UNAVAILABLE;
    if (m->meter) {
        run.window = erg_meter_window(m->meter, t0_ns, t1_ns);
        run.peak_mw = erg_meter_peak_mw(m->meter, t0_ns, t1_ns);
    }
    if (m->meter && run.window.coverage_ratio < 0.995)
        on_warning(m, "the power sources covered only a part of the time: energies are too low");
    m->runs[m->run_count++] = run;
}

/* One run of the command; 0, or an exit status when there is none to report. */
static int run_once(struct measurement *m)
{
    struct process process;
    struct erg_err err = {0};
    bool unusable = false;
    if (start(m->cli->args, &process, &err))
        return erg_cli_fail(m->cli, &err);
    if (open_meter(m, process.pid, &unusable, &err)) {
        close(process.gate);
        close(process.report);
        collect(process.pid);
        int status = erg_cli_fail(m->cli, &err);
        return unusable ? ERG_EXIT_POWER : status;
    }
    wait_for_reading(m->meter, erg_clock_now_ns(erg_clock_system()));
    int64_t t0_ns = erg_clock_now_ns(erg_clock_system());
    int reason = release(&process);
    if (reason) {
        collect(process.pid);
        erg_fail_errno(&err, reason, "cannot run '%.128s'", m->cli->args[0]);
        erg_cli_fail(m->cli, &err);
        return reason == ENOENT ? NO_SUCH_COMMAND : NO_PROGRAM;
    }
    wait_for_end(process.pid);
    measure(m, t0_ns, process.pid);
    return 0;
}

int erg_power_put(const struct erg_cli *cli, const char *path, FILE *otherwise,
                  const struct erg_buf *text)
{
    struct erg_err err = {0};
    int rc = erg_buf_status(text);
    if (rc)
        erg_fail(&err, rc, "cannot print: %s", erg_code_text(rc));
    else if (!path && otherwise == stdout)
        return erg_cli_put(cli, text);
    ERG_AUTO_FILE FILE *file = rc || !path ? NULL : fopen(path, "w");
    if (!rc && path && !file)
        rc = erg_fail_errno(&err, errno, "cannot write '%.128s'", path);
    FILE *to = path ? file : otherwise;
    if (!rc && (fwrite(text->data, 1, text->len, to) != text->len || fflush(to)))
        rc = erg_fail_errno(&err, errno, "cannot write '%.128s'", path ? path : "stderr");
    return rc ? erg_cli_fail(cli, &err) : ERG_EXIT_OK;
}

static int report(struct measurement *m)
{
    struct erg_buf text = {0};
    struct erg_power_report r = {
        .command = m->cli->args,
        .command_count = m->cli->arg_count,
        .sources = m->sources,
        .runs = m->runs,
        .run_count = m->run_count,
        .repeated = m->options->repeat_count > 0,
        .warnings = (const char *const *)m->warnings,
        .warning_count = m->warning_count,
    };
    bool json = m->cli->globals.json;
    if (json)
        erg_power_report_json(&r, &text);
    else
        erg_power_report_text(&r, &text);
    int status = ERG_EXIT_OK;
    if (json || m->options->output || !m->cli->globals.quiet)
        status = erg_power_put(m->cli, m->options->output, json ? stdout : stderr, &text);
    erg_buf_deinit(&text);
    int code = erg_power_report_exit_code(&r);
    return code ? code : status;
}

int erg_power_command(struct erg_cli *cli, const struct erg_power_cli *options)
{
    struct measurement m = {.cli = cli, .options = options};
    struct erg_err err = {0};
    size_t wanted = options->repeat_count > 0 ? (size_t)options->repeat_count : 1;
    if (erg_cli_root(cli, &m.root, &err))
        return erg_cli_fail(cli, &err);
    m.runs = erg_calloc(wanted, sizeof *m.runs);
    if (!m.runs)
        return erg_cli_usage(cli, "out of memory");
    pthread_mutex_init(&m.lock, NULL);
    catch_signals();
    int status = 0;
    for (size_t i = 0; i < wanted && !status && !stopped; i++)
        status = run_once(&m);
    erg_meter_close(m.meter);
    if (!status)
        status = report(&m);
    for (size_t i = 0; i < m.warning_count; i++)
        free(m.warnings[i]);
    pthread_mutex_destroy(&m.lock);
    free(m.runs);
    return status;
}
