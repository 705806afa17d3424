/* SPDX-License-Identifier: MIT */
#include "energy/random.h"
#include "energy/wide.h"
#include "power/moving_root.h"
#include "power/perf.h"
#include "power/set.h"
#include "power/sources.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

/* A kernel with counters: one per configuration and CPU. */
struct kernel {
    struct erg_perf perf;
    int refusal; /* of every opening; 0 = none */
    struct {
        uint64_t config, value;
        int cpu;
        bool open;
    } counters[8];
    int count;
};

static int fake_open(void *user, const struct erg_perf_event *event, int *out_handle,
                     struct erg_err *err)
{
    struct kernel *kernel = user;
    assert_int_equal(event->type, 23);
    assert_int_equal(event->pid, -1);
    if (kernel->refusal)
        return erg_fail(err, kernel->refusal, "no");
    int i = kernel->count++;
    kernel->counters[i].config = event->config;
    kernel->counters[i].cpu = event->cpu;
    kernel->counters[i].open = true;
    *out_handle = i;
    return 0;
}

static int fake_read(void *user, int handle, uint64_t *out_value, struct erg_err *err)
{
    struct kernel *kernel = user;
    (void)err;
    assert_true(kernel->counters[handle].open);
    *out_value = kernel->counters[handle].value;
    return 0;
}

static void fake_close(void *user, int handle)
{
    struct kernel *kernel = user;
    assert_true(kernel->counters[handle].open);
    kernel->counters[handle].open = false;
}

static void kernel_init(struct kernel *kernel)
{
    *kernel = (struct kernel){.perf = {fake_open, fake_read, fake_close, NULL}};
    kernel->perf.user = kernel;
}

static struct erg_root recorded(const char *name)
{
    struct erg_root root;
    char path[200];
    snprintf(path, sizeof path, "power/roots/%s", name);
    assert_int_equal(erg_root_init(&root, path, NULL), 0);
    return root;
}

static void lists_of_cpus(void **state)
{
    (void)state;
    int cpus[8];
    assert_int_equal(erg_cpu_list_parse("0", cpus, 8), 1);
    assert_int_equal(erg_cpu_list_parse("0,28", cpus, 8), 2);
    assert_int_equal(cpus[1], 28);
    assert_int_equal(erg_cpu_list_parse("3-5,9", cpus, 8), 4);
    assert_int_equal(cpus[2], 5);
    assert_int_equal(erg_cpu_list_parse("0-1000000", cpus, 8), 8);
    static const char *const bad[] = {"", ",", "1,", "5-3", "x", "1;2", "-1", "99999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(erg_cpu_list_parse(bad[i], cpus, 8), ERG_CORRUPT);
}

static void energies_are_exact(void **state)
{
    (void)state;
    uint64_t random = 3;
    const double scale = 2.3283064365386962890625e-10; /* 2^-32 */
    assert_int_equal(erg_perf_energy_nj(UINT64_C(1) << 32, scale), 1000000000);
    assert_int_equal(erg_perf_energy_nj(UINT64_MAX, scale), 4294967295999999999);
    assert_int_equal(erg_perf_energy_nj(UINT64_MAX, 1), INT64_MAX);
    for (int i = 0; i < 10000; i++) {
        uint64_t counted = random_u64(&random) >> (i % 60);
        assert_int_equal(erg_perf_energy_nj(counted, scale),
                         (int64_t)((erg_u128)counted * 1000000000u >> 32));
    }
    assert_true(llabs(erg_perf_energy_nj(1000000, 1e-6) - 1000000000) <= 1);
}

static void probes_say_what_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *root, *state, *reason;
        int refusal;
    } rows[] = {
        {"intel-laptop", "ready", "package-0, dram-0, psys", 0},
        {"intel-server", "ready", "package-0, package-1, dram-0, dram-1", 0},
        {"amd-desktop", "ready", "package-0", 0},
        {"intel-laptop", "denied",
         "perf_event_paranoid is 2: counters of the whole machine need CAP_PERFMON", ERG_DENIED},
        {"intel-laptop", "broken", "no", ERG_IO},
        {"amd-two-dies", "absent", NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_root root = recorded(rows[i].root);
        struct erg_power_probe probe = {.name = "perf"};
        struct kernel kernel;
        kernel_init(&kernel);
        kernel.refusal = rows[i].refusal;
        erg_power_perf_probe(&root, &kernel.perf, &probe);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        if (rows[i].reason)
            assert_string_equal(probe.reason, rows[i].reason);
        assert_int_equal(probe.remedy[0] != '\0', strcmp(rows[i].state, "ready") != 0);
        for (int k = 0; k < kernel.count; k++)
            assert_false(kernel.counters[k].open);
        erg_power_driver_perf.probe(&root, &probe);
        assert_int_equal(probe.state, ERG_POWER_ABSENT); /* not this kernel's counters */
    }
}

static void counters_of_every_package_are_read(void **state)
{
    (void)state;
    struct erg_root root = recorded("intel-server");
    struct kernel kernel;
    kernel_init(&kernel);
    struct erg_power_options options = {.root = &root, .perf = &kernel.perf};
    struct erg_power_source *source;
    struct erg_channel channels[ERG_MAX_CHANNELS];
    struct erg_channel_value values[4] = {{0}};
    uint32_t count;
    bool exact;
    int64_t t_ns = 0;
    assert_int_equal(
        erg_power_driver_perf.open(&options, NULL, &source, channels, &count, &exact, NULL), 0);
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kernel.counters[i].config, i < 2 ? 2 : 3);
        assert_int_equal(kernel.counters[i].cpu, i % 2 ? 28 : 0);
        assert_int_equal(channels[i].device, i % 2);
        assert_int_equal(channels[i].domain, i < 2 ? ERG_DOMAIN_CPU : ERG_DOMAIN_DRAM);
        kernel.counters[i].value = (uint64_t)(i + 1) << 32;
    }
    assert_int_equal(erg_power_driver_perf.read(source, &t_ns, values, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(values[i].value, (i + 1) * S);
    erg_power_driver_perf.close(source);
    for (int i = 0; i < 4; i++)
        assert_false(kernel.counters[i].open);
}

/* --- beside rapl, in a set -------------------------------------------------------------------- */

/* Everything draws `rapl_w` by one way of reading and `perf_w` by the other. */
struct machine {
    struct erg_clock clock;
    struct moving_root moving;
    struct kernel kernel;
    int64_t now_ns;
    int64_t rapl_w, perf_w;
    char warnings[500];
};

static int64_t machine_now(void *user)
{
    struct machine *machine = user;
    return machine->now_ns;
}

static void machine_sleep(void *user, int64_t deadline_ns)
{
    struct machine *machine = user;
    if (deadline_ns > machine->now_ns)
        machine->now_ns = deadline_ns;
    moving_put_u64(&machine->moving, "/sys/class/powercap/intel-rapl:0/energy_uj",
                   (uint64_t)(machine->now_ns / 1000 * machine->rapl_w));
    machine->kernel.counters[0].value =
        (uint64_t)((erg_u128)(uint64_t)(machine->now_ns * machine->perf_w) * (UINT64_C(1) << 32) /
                   1000000000u);
}

static void on_reading(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                       const struct erg_channel_value *values, uint32_t count)
{
    (void)user, (void)before, (void)after, (void)kind, (void)values, (void)count;
}

static void on_warning(void *user, const char *text)
{
    struct machine *machine = user;
    snprintf(machine->warnings, sizeof machine->warnings, "%s", text);
}

static void two_ways_to_the_same_registers_check_each_other(void **state)
{
    (void)state;
    static const struct {
        int64_t rapl_w, perf_w;
        bool disagree;
    } rows[] = {{20, 20, false}, {20, 21, false}, {20, 25, true}, {30, 20, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct machine machine = {.now_ns = S, .rapl_w = rows[i].rapl_w, .perf_w = rows[i].perf_w};
        machine.clock = (struct erg_clock){machine_now, machine_now, machine_sleep, &machine};
        kernel_init(&machine.kernel);
        moving_root_init(&machine.moving, "amd-desktop");
        struct erg_power_options options = {.spec = "rapl,perf",
                                            .clock = &machine.clock,
                                            .root = &machine.moving.root,
                                            .perf = &machine.kernel.perf};
        struct erg_power *power = NULL;
        assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
        assert_int_equal(power->member_count, 1);
        assert_int_equal(power->channel_count, 1);
        assert_int_equal(power->warning_count, 0);
        struct erg_buf json;
        erg_buf_init(&json);
        assert_int_equal(erg_power_describe(power, &json, NULL), 0);
        assert_non_null(strstr(erg_buf_view(&json), "\"checks\":\"rapl\""));
        erg_buf_deinit(&json);
        /* By hand what the sampling thread does. */
        struct erg_power_member *member = &power->members[0];
        power->on_reading = on_reading;
        power->on_warning = on_warning;
        power->user = &machine;
        for (int k = 0; k < 120; k++) {
            struct erg_channel_value value = {0};
            int64_t t_ns = machine.now_ns;
            machine_sleep(&machine, t_ns + 100 * MS);
            t_ns = machine.now_ns;
            assert_int_equal(member->driver->read(member->source, &t_ns, &value, NULL), 0);
            erg_power_check_reading(power, member, t_ns, &value);
        }
        erg_power_check_conclude(power, member);
        assert_int_equal(strstr(machine.warnings, "disagree about 'cpu'") != NULL,
                         rows[i].disagree);
        erg_power_close(power);
        moving_root_deinit(&machine.moving);
    }
}

/* The build machine's own counters: psys may be there and stand still. */
static void counters_of_this_machine_move_or_are_not_used(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_power_probe probe = {.name = "perf"};
    assert_int_equal(erg_root_init(&root, NULL, NULL), 0);
    erg_power_driver_perf.probe(&root, &probe);
    print_message("perf here: %s, %s\n", erg_power_state_name(probe.state), probe.reason);
    struct erg_power_options options = {.spec = "auto", .root = &root};
    struct erg_power *power = NULL;
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    for (size_t i = 0; i < power->member_count; i++) {
        const struct erg_power_member *member = &power->members[i];
        struct erg_channel_value values[2][ERG_MAX_CHANNELS] = {{{0}}};
        if (member->driver != &erg_power_driver_perf)
            continue;
        for (int k = 0; k < 2; k++) {
            const struct erg_clock *clock = erg_clock_system();
            int64_t t_ns = erg_clock_now_ns(clock);
            clock->sleep_until_ns(clock->user, t_ns + 100 * MS);
            assert_int_equal(member->driver->read(member->source, &t_ns, values[k], NULL), 0);
        }
        for (uint32_t c = 0; c < member->own_count; c++) {
            if (member->channels[c] != ERG_CHANNEL_DROPPED)
                assert_true(values[1][c].value > values[0][c].value);
        }
    }
    assert_true(power->channel_count > 0);
    erg_power_close(power);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_cpus),
        cmocka_unit_test(energies_are_exact),
        cmocka_unit_test(probes_say_what_there_is),
        cmocka_unit_test(counters_of_every_package_are_read),
        cmocka_unit_test(two_ways_to_the_same_registers_check_each_other),
        cmocka_unit_test(counters_of_this_machine_move_or_are_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
