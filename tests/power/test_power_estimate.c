/* SPDX-License-Identifier: MIT */
#include "base/system.h"
#include "power/cpu_models.h"
#include "power/cpufreq.h"
#include "power/fake_clock.h"
#include "power/power.h"
#include "power/procstat.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static struct erg_root recorded(const char *name)
{
    char path[200];
    struct erg_root root;
    snprintf(path, sizeof path, "power/roots/%s", name);
    assert_int_equal(erg_root_init(&root, path, NULL), 0);
    return root;
}

static void probe_estimate(const struct erg_root *root, struct erg_power_probe *out)
{
    size_t i = 0;
    while (erg_power_probe(i, root, out) && strcmp(out->name, "estimate") != 0)
        i++;
    assert_string_equal(out->name, "estimate");
}

static void recorded_machines_have_their_power(void **state)
{
    (void)state;
    static const struct {
        const char *name, *reason;
    } rows[] = {
        /* 280 W for 128 threads, of which 2 are seen; a fifth of it idle */
        {"epyc-vm", "estimate, no sensor: AMD EPYC 7763 64-Core Processor, 0.9 W idle to 4.4 W for "
                    "2 CPUs of a virtual machine (table of design powers, 2026-11)"},
        {"desktop", "estimate, no sensor: AMD Ryzen 5 5600X 6-Core Processor, 6.5 W idle to 65.0 W "
                    "for 12 CPUs (table of design powers, 2026-11)"},
        {"two-socket", "estimate, no sensor: Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz, 48.0 W "
                       "idle to 240.0 W for 56 CPUs (table of design powers, 2026-11)"},
        {"raspberry-pi", "estimate, no sensor: Raspberry Pi 5 Model B Rev 1.0, 0.8 W idle to 8.0 W "
                         "for 4 CPUs (table of design powers, 2026-11)"},
        {"old-kernel", "estimate, no sensor: unknown CPU, 0.8 W idle to 3.5 W for 1 CPUs (not in "
                       "the table of 2026-11)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_root root = recorded(rows[i].name);
        struct erg_power_probe probe;
        probe_estimate(&root, &probe);
        assert_string_equal(erg_power_state_name(probe.state), "ready");
        assert_string_equal(probe.reason, rows[i].reason);
        assert_string_equal(probe.remedy, "");
    }
}

static void instances_that_hide_being_virtual_are_shared(void **state)
{
    (void)state;
    struct erg_cpu_power power;
    erg_cpu_power_find("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n", 8, &power);
    assert_true(power.matched && power.shared);
    assert_string_equal(power.model, "ARM 0x41 0xd40");
    assert_int_equal(power.full_mw, 13750);
    erg_cpu_power_find("", 3, &power);
    assert_false(power.matched);
    assert_int_equal(power.full_mw, 3 * 3500);
}

static void unreadable_or_garbage_is_reported(void **state)
{
    (void)state;
    static const struct {
        const char *name, *state, *reason;
        int code;
        bool unusable;
    } rows[] = {
        {"empty", "absent", "cannot read '/proc/stat': no such file or directory", ERG_NOT_FOUND,
         true},
        {"garbage", "broken", "'/proc/stat' does not hold CPU times", ERG_CORRUPT, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_root root = recorded(rows[i].name);
        struct erg_power_probe probe;
        probe_estimate(&root, &probe);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        assert_string_equal(probe.reason, rows[i].reason);
        assert_string_not_equal(probe.remedy, "");

        struct erg_power_options options = {.spec = "estimate", .root = &root};
        struct erg_power *power = NULL;
        struct erg_err err = {.text = ""};
        bool unusable = false;
        assert_int_equal(erg_power_open(&power, &options, &unusable, &err), rows[i].code);
        assert_int_equal(unusable, rows[i].unusable);
        assert_null(power);
        /* "auto" goes on without it. */
        options.spec = "auto";
        const struct erg_channel *channels;
        assert_int_equal(erg_power_open(&power, &options, &unusable, &err), 0);
        assert_int_equal(erg_power_channels(power, &channels), 0);
        erg_power_close(power);
    }
}

static void texts_that_are_not_proc_stat_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "cpu",
                                        "cpu ",
                                        "cpu  1 2 3\ncpu0 1 2 3\n",
                                        "cpu  1 2 3 4\n",
                                        "cpu  1 2 -3 4\ncpu0 1 2 3 4\n",
                                        "cpu  1 2 99999999999999999999 4\ncpu0 1 2 3 4\n",
                                        "cpux 1 2 3 4 5\ncpu0 1 2 3 4\n"};
    struct erg_procstat stat;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(erg_procstat_parse(texts[i], &stat, NULL), ERG_CORRUPT);
    assert_int_equal(erg_procstat_parse("cpu  1 2 3 4 5 6 7 8 1 1\ncpu0 0\ncpu1 0", &stat, NULL),
                     0);
    assert_int_equal(stat.busy_jiffies, 1 + 2 + 3 + 6 + 7);
    assert_int_equal(stat.total_jiffies, 36);
    assert_int_equal(stat.cpus, 2);
}

/* --- energy of a machine whose /proc/stat the test writes ------------------------------------- */

struct machine {
    struct fake_clock clock;
    char dir[64], stat_path[100];
    struct erg_root root;
    struct erg_timeline *timeline;
    uint32_t statuses;
    char warning[200];
};

static void write_stat(struct machine *m, const char *text)
{
    int fd = open(m->stat_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void set_busy(struct machine *m, int64_t jiffies)
{
    char text[200];
    snprintf(text, sizeof text, "cpu  %lld 0 0 1000000 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n",
             (long long)jiffies);
    write_stat(m, text);
}

static void on_reading(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                       const struct erg_channel_value *values, uint32_t count)
{
    struct machine *m = user;
    (void)after, (void)kind;
    assert_int_equal(count, 1);
    if (values[0].status)
        m->statuses = values[0].status;
    else
        assert_int_equal(erg_timeline_add(m->timeline, 0, before, values[0].value, NULL), 0);
}

static void on_warning(void *user, const char *text)
{
    struct machine *m = user;
    snprintf(m->warning, sizeof m->warning, "%s", text);
}

static double joules(const struct machine *m, int64_t t0, int64_t t1)
{
    struct erg_window window = erg_timeline_window(m->timeline, t0, t1);
    assert_int_equal(window.grade, ERG_GRADE_ESTIMATED);
    return (double)window.energy.nj[ERG_DOMAIN_CPU] / 1e9;
}

/* Two CPUs not in the table: 1.5 W idle, 7 W full. */
#define IDLE_W     1.5
#define PER_CPU_W  2.75
#define JIFFIES(s) ((s)*S / erg_procstat_jiffy_ns())

/* The test's own CPU time is counted as well, before its window ends: it is small. */
#define OWN_J 0.1

static struct erg_power *start_machine(struct machine *m, pid_t engine_pid)
{
    const struct erg_channel *channels;
    struct erg_power *power = NULL;
    char proc[80];
    *m = (struct machine){.dir = "/tmp/ergon-estimate-XXXXXX"};
    fake_clock_init(&m->clock, 10 * S);
    assert_non_null(mkdtemp(m->dir));
    snprintf(proc, sizeof proc, "%s/proc", m->dir);
    assert_int_equal(mkdir(proc, 0700), 0);
    snprintf(m->stat_path, sizeof m->stat_path, "%s/stat", proc);
    set_busy(m, 5000);
    assert_int_equal(erg_root_init(&m->root, m->dir, NULL), 0);
    struct erg_power_options options = {
        .root = &m->root, .clock = &m->clock.clock, .engine_pid = engine_pid};
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_channels(power, &channels), 1);
    assert_true(channels[0].estimated && !channels[0].synthetic);
    assert_int_equal(channels[0].update_period_ns, 10 * MS);
    assert_int_equal(erg_timeline_new(&m->timeline, channels, 1, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, on_reading, on_warning, m, NULL), 0);
    assert_string_equal(m->warning, "");
    fake_clock_await_sleeper(&m->clock);
    return power;
}

static void stop_machine(struct machine *m, struct erg_power *power)
{
    fake_clock_release(&m->clock);
    erg_power_stop(power);
    erg_power_close(power);
    erg_timeline_free(m->timeline);
    fake_clock_deinit(&m->clock);
    unlink(m->stat_path);
    char *slash = strrchr(m->stat_path, '/');
    *slash = '\0';
    rmdir(m->stat_path);
    rmdir(m->dir);
}

static void assert_joules(const struct machine *m, int64_t t0, int64_t t1, double expected)
{
    double actual = joules(m, t0, t1);
    if (!(fabs(actual - expected) < OWN_J))
        print_error("%.4f J, not %.4f J\n", actual, expected);
    assert_true(fabs(actual - expected) < OWN_J);
}

static void energy_follows_utilisation(void **state)
{
    (void)state;
    struct machine m;
    struct erg_power *power = start_machine(&m, 0);
    /* One CPU busy for a second, then idle; it is known at the end of each window of 500 ms. */
    for (int i = 1; i <= 10; i++) {
        set_busy(&m, 5000 + JIFFIES(1) * i / 10);
        fake_clock_run_to(&m.clock, 10 * S + i * 100 * MS);
    }
    fake_clock_run_to(&m.clock, 13 * S);
    assert_joules(&m, 10 * S, 10500 * MS, IDLE_W / 2);
    for (int i = 0; i < 10; i++)
        assert_joules(&m, (105 + i) * 100 * MS, (106 + i) * 100 * MS, (IDLE_W + PER_CPU_W) / 10);
    assert_joules(&m, 11500 * MS, 13 * S, 1.5 * IDLE_W);
    /* Readings that fail are gaps; the counter goes on where the truth is. */
    write_stat(&m, "nonsense");
    fake_clock_run_to(&m.clock, 13500 * MS);
    assert_int_equal(m.statuses, -ERG_CORRUPT);
    set_busy(&m, 5000 + JIFFIES(2)); /* both CPUs for the half second */
    fake_clock_run_to(&m.clock, 15 * S);
    assert_joules(&m, 13 * S, 15 * S, 2 * IDLE_W + PER_CPU_W);
    /* A CPU that disappears does not give energy back. */
    set_busy(&m, 100);
    fake_clock_run_to(&m.clock, 17 * S);
    assert_joules(&m, 15 * S, 17 * S, 2 * IDLE_W);
    stop_machine(&m, power);
}

static int64_t cpu_time_ns(pid_t pid)
{
    int64_t ns = erg_system_process_ns(pid);
    assert_true(ns >= 0);
    return ns;
}

/* A child that only computes: its CPU time counts at once, and never as more than the CPUs do. */
static void the_engine_counts_by_its_own_clock(void **state)
{
    (void)state;
    struct machine m;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        erg_system_die_with_parent();
        for (volatile unsigned spin = 0;;)
            spin++;
    }
    int64_t before = cpu_time_ns(child) + cpu_time_ns(getpid());
    struct erg_power *power = start_machine(&m, child);
    for (int64_t from = cpu_time_ns(child); cpu_time_ns(child) < from + 60 * MS;)
        ;
    kill(child, SIGSTOP);
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    int64_t used = cpu_time_ns(child) + cpu_time_ns(getpid()) - before;
    /* 60 ms and more, told after 5 ms of the injected clock: full power until it is booked. */
    fake_clock_jump(&m.clock, 5 * MS);
    erg_power_poke(power);
    fake_clock_wake(&m.clock, true);
    assert_true(fabs(joules(&m, 10 * S, 10005 * MS) - 7 * 0.005) < 1e-6);
    fake_clock_run_to(&m.clock, 10400 * MS);
    double expected = IDLE_W * 0.4 + PER_CPU_W * (double)used / 1e9;
    assert_joules(&m, 10 * S, 10400 * MS, expected);
    assert_true(joules(&m, 10 * S, 10400 * MS) >= IDLE_W * 0.4 + PER_CPU_W * 0.06);
    /* It is not counted again among all others, and stays when it is gone. */
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    set_busy(&m, 5000 + used / erg_procstat_jiffy_ns());
    fake_clock_run_to(&m.clock, 12 * S);
    assert_joules(&m, 10400 * MS, 12 * S, IDLE_W * 1.6);
    stop_machine(&m, power);
}

/* Half the base clock is a quarter of the power above idle; given watts replace the table's. */
static void clock_and_watts_are_taken_at_their_word(void **state)
{
    (void)state;
    struct erg_root root = recorded("intel-laptop");
    struct erg_cpufreq freq;
    erg_cpufreq_open(&freq, &root);
    assert_int_equal(freq.count, 2);
    assert_int_equal(erg_cpufreq_power(&freq), 250);
    erg_cpufreq_close(&freq);
    root = recorded("desktop");
    erg_cpufreq_open(&freq, &root);
    assert_int_equal(freq.count, 0);
    assert_int_equal(erg_cpufreq_power(&freq), ERG_CPUFREQ_FULL);
    erg_cpufreq_close(&freq);

    struct erg_power_options options = {
        .spec = "estimate", .root = &root, .cpu_idle_mw = 5000, .cpu_full_mw = 77000};
    struct erg_power *power = NULL;
    struct erg_buf json;
    erg_buf_init(&json);
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_describe(power, &json, NULL), 0);
    assert_non_null(strstr(erg_buf_view(&json), "5.0 W idle to 77.0 W for 12 CPUs (--cpu-watts)"));
    assert_non_null(strstr(erg_buf_view(&json), "\"cpu_full_mw\":77000"));
    erg_buf_deinit(&json);
    erg_power_close(power);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_machines_have_their_power),
        cmocka_unit_test(instances_that_hide_being_virtual_are_shared),
        cmocka_unit_test(unreadable_or_garbage_is_reported),
        cmocka_unit_test(texts_that_are_not_proc_stat_are_refused),
        cmocka_unit_test(energy_follows_utilisation),
        cmocka_unit_test(the_engine_counts_by_its_own_clock),
        cmocka_unit_test(clock_and_watts_are_taken_at_their_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
