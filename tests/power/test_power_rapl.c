/* SPDX-License-Identifier: MIT */
#include "energy/random.h"
#include "energy/wide.h"
#include "power/joules.h"
#include "power/moving_root.h"
#include "power/set.h"
#include "power/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MS   INT64_C(1000000)
#define S    INT64_C(1000000000)
#define TREE "/sys/class/powercap/"

static void probes_say_what_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *root, *state, *reason;
    } rows[] = {
        {"intel-laptop", "ready", "package-0, dram of package-0, psys"},
        {"intel-server", "ready",
         "package-0, dram of package-0, package-1, dram of package-1; SGX is on, so that readings "
         "have noise added"},
        {"amd-desktop", "ready", "package-0"},
        {"amd-two-dies", "ready", "package-0-die-0, package-0-die-1"},
        {"empty", "absent", "there are no RAPL zones in '/sys/class/powercap'"},
        {"rapl-broken", "broken",
         "'/sys/class/powercap/intel-rapl:0/max_energy_range_uj' holds no range"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_power_probe probe = {.name = "rapl"};
        struct erg_root root;
        char path[200];
        snprintf(path, sizeof path, "power/roots/%s", rows[i].root);
        assert_int_equal(erg_root_init(&root, path, NULL), 0);
        erg_power_driver_rapl.probe(&root, &probe);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        assert_string_equal(probe.reason, rows[i].reason);
        assert_int_equal(probe.remedy[0] != '\0', strcmp(rows[i].state, "ready") != 0);
    }
}

/* As somebody who may not read the counters; exit status 0 when it is said so. */
static int look_as_nobody(const struct moving_root *moving)
{
    struct erg_power_probe probe = {.name = "rapl"};
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        return 2;
    erg_power_driver_rapl.probe(&moving->root, &probe);
    return probe.state != ERG_POWER_DENIED || !strstr(probe.reason, "permission denied") ||
           !strstr(probe.remedy, "ergon doctor --fix");
}

static void counters_of_root_alone_are_denied(void **state)
{
    (void)state;
    static const char *const zones[] = {"intel-rapl:0", "intel-rapl:0:2", "intel-rapl:1"};
    struct moving_root moving;
    int status = -1;
    moving_root_init(&moving, "intel-laptop");
    for (size_t i = 0; i < 3; i++) {
        char path[1400];
        snprintf(path, sizeof path, "%s" TREE "%s/energy_uj", moving.root.prefix, zones[i]);
        assert_int_equal(chmod(path, geteuid() == 0 ? 0400 : 0), 0);
    }
    pid_t child = fork();
    if (child == 0)
        _exit(look_as_nobody(&moving));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    moving_root_deinit(&moving);
}

/* --- energy ----------------------------------------------------------------------------------- */

/* A machine whose counters a test knows. */
struct truth {
    const char *zone;
    uint64_t max_uj, total_uj;
    const char *label;
};

static void put(const struct moving_root *moving, const struct truth *truth)
{
    char path[200];
    snprintf(path, sizeof path, TREE "%s/energy_uj", truth->zone);
    moving_put_u64(moving, path, truth->total_uj % (truth->max_uj + 1));
}

static void energies_are_the_truth_whenever_they_are_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct truth truths[] = {
            {"intel-rapl:0", 262143328850, 262143328850 - 5000000, "package-0"},
            {"intel-rapl:0:0", 65712999613, 1000000, "dram of package-0"},
            {"intel-rapl:1", 262143328850, 7000000, "package-1"},
            {"intel-rapl:1:0", 65712999613, 65712999613 - 1, "dram of package-1"},
        };
        struct moving_root moving;
        struct erg_power_source *source;
        struct erg_channel channels[ERG_MAX_CHANNELS];
        struct erg_power_options options = {.root = &moving.root};
        struct erg_channel_value first[4], values[4];
        uint64_t random = seed, begun[4];
        uint32_t count;
        bool exact;
        int64_t t_ns = S;
        moving_root_init(&moving, "intel-server");
        for (int i = 0; i < 4; i++) {
            put(&moving, &truths[i]);
            begun[i] = truths[i].total_uj;
        }
        assert_int_equal(
            erg_power_driver_rapl.open(&options, NULL, &source, channels, &count, &exact, NULL), 0);
        assert_int_equal(count, 4);
        assert_false(exact);
        memset(first, 0, sizeof first);
        assert_int_equal(erg_power_driver_rapl.read(source, &t_ns, first, NULL), 0);
        for (int step = 0; step < 120; step++) {
            /* From a poke to readings that were missed for a while. */
            int64_t elapsed = random_between(&random, MS, step % 20 ? 200 * MS : 20 * S);
            t_ns += elapsed;
            memset(values, 0, sizeof values);
            for (int i = 0; i < 4; i++) {
                int64_t watts = random_between(&random, 0, i % 2 ? 40 : 600);
                truths[i].total_uj += (uint64_t)(watts * elapsed / 1000);
                put(&moving, &truths[i]);
            }
            assert_int_equal(erg_power_driver_rapl.read(source, &t_ns, values, NULL), 0);
            assert_null(erg_power_driver_rapl.warning(source));
            for (int i = 0; i < 4; i++) {
                assert_string_equal(channels[i].name, truths[i].label);
                assert_int_equal(values[i].status, 0);
                assert_int_equal(values[i].value - first[i].value,
                                 (int64_t)(truths[i].total_uj - begun[i]) * 1000);
            }
        }
        erg_power_driver_rapl.close(source);
        moving_root_deinit(&moving);
    }
}

static void garbage_is_a_lost_reading(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x\n", "-5\n", "99999999999999999999999\n",
                                        "65532610988\n"};
    struct moving_root moving;
    struct erg_power_source *source;
    struct erg_channel channels[ERG_MAX_CHANNELS];
    struct erg_power_options options = {.root = &moving.root};
    struct erg_channel_value before = {0}, value;
    uint32_t count;
    bool exact;
    int64_t t_ns = S;
    moving_root_init(&moving, "amd-desktop");
    moving_put_u64(&moving, TREE "intel-rapl:0/energy_uj", 65532610000);
    assert_int_equal(
        erg_power_driver_rapl.open(&options, NULL, &source, channels, &count, &exact, NULL), 0);
    assert_int_equal(count, 1);
    erg_power_driver_rapl.read(source, &t_ns, &before, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        moving_put(&moving, TREE "intel-rapl:0/energy_uj", texts[i]);
        value = (struct erg_channel_value){0};
        t_ns += 100 * MS;
        assert_int_equal(erg_power_driver_rapl.read(source, &t_ns, &value, NULL), 0);
        assert_true(value.status != 0 && value.value == 0);
    }
    moving_put_u64(&moving, TREE "intel-rapl:0/energy_uj", 1012); /* 2000 µJ on, around the end */
    t_ns += 100 * MS;
    value = (struct erg_channel_value){0};
    erg_power_driver_rapl.read(source, &t_ns, &value, NULL);
    assert_int_equal(value.value - before.value, 2000 * 1000);
    erg_power_driver_rapl.close(source);
    moving_root_deinit(&moving);
}

static void counters_that_are_set_back_go_on_from_there(void **state)
{
    (void)state;
    struct erg_joules joules;
    erg_joules_init(&joules, 262143328850, 28000000);
    assert_int_equal(erg_joules_add(&joules, 0, 100000000000), ERG_JOULES_FINE);
    int64_t zero = joules.total_nj;
    assert_int_equal(erg_joules_add(&joules, S, 100010000000), ERG_JOULES_FINE);
    assert_int_equal(joules.total_nj - zero, 10 * S);
    /* A step back is held; nothing is counted twice. */
    assert_int_equal(erg_joules_add(&joules, 2 * S, 100009999999), ERG_JOULES_FINE);
    assert_int_equal(erg_joules_add(&joules, 3 * S, 100010000005), ERG_JOULES_FINE);
    assert_int_equal(joules.total_nj - zero, 10 * S + 5000);
    /* Asleep in between: it began anew, and what it says it has counted since. */
    assert_int_equal(erg_joules_add(&joules, 4 * S, 3000000), ERG_JOULES_RESET);
    assert_int_equal(joules.total_nj - zero, 13 * S + 5000);
    /* More than can have been used since is not believed, but counted from. */
    assert_int_equal(erg_joules_add(&joules, 5 * S, 200000000000), ERG_JOULES_FINE);
    zero = joules.total_nj;
    assert_int_equal(erg_joules_add(&joules, 6 * S, 100000000000), ERG_JOULES_RESET);
    assert_int_equal(joules.total_nj, zero);
    /* 262 kJ take 262 s at a thousand watts: after that nobody knows. */
    assert_int_equal(erg_joules_add(&joules, 200 * S, 100000000001), ERG_JOULES_FINE);
    assert_int_equal(erg_joules_add(&joules, 500 * S, 100000000002), ERG_JOULES_BLIND);
}

/* --- in a set --------------------------------------------------------------------------------- */

/* A clock that moves when somebody sleeps, and the counters with it. */
struct machine {
    struct erg_clock clock;
    struct moving_root moving;
    int64_t now_ns;
    const char *const *moves; /* zones, NULL-terminated */
    uint64_t uj;
};

static int64_t machine_now(void *user)
{
    struct machine *machine = user;
    return machine->now_ns += 1000;
}

static void machine_sleep(void *user, int64_t deadline_ns)
{
    struct machine *machine = user;
    machine->now_ns = deadline_ns > machine->now_ns ? deadline_ns : machine->now_ns;
    machine->uj += 20000;
    for (const char *const *zone = machine->moves; *zone; zone++) {
        char path[200];
        snprintf(path, sizeof path, TREE "%s/energy_uj", *zone);
        moving_put_u64(&machine->moving, path, machine->uj);
    }
}

static struct erg_power *open_on(struct machine *machine, const char *spec,
                                 const char *const *moves, struct erg_err *err)
{
    struct erg_power *power = NULL;
    *machine = (struct machine){.now_ns = S, .moves = moves, .uj = 500000000};
    machine->clock = (struct erg_clock){machine_now, machine_now, machine_sleep, machine};
    moving_root_init(&machine->moving, "intel-laptop");
    struct erg_power_options options = {
        .spec = spec, .clock = &machine->clock, .root = &machine->moving.root};
    erg_power_open(&power, &options, NULL, err);
    return power;
}

static void what_does_not_move_is_not_used(void **state)
{
    (void)state;
    static const char *const all[] = {"intel-rapl:0", "intel-rapl:0:2", "intel-rapl:1", NULL};
    static const char *const some[] = {"intel-rapl:0", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *spec;
        const char *const *moves;
        const char *sources; /* of the channels */
        const char *warning;
    } rows[] = {
        {"auto", all, "rapl/cpu rapl/dram rapl/soc* rapl/soc ", NULL},
        {"auto", some, "rapl/cpu ", "counter 'dram of package-0' does not move"},
        {"auto", none, "estimate/cpu ", "'rapl': broken: its counters do not move"},
        {"estimate,rapl", all, "estimate/cpu rapl/dram rapl/soc* rapl/soc ", NULL},
        {"rapl", none, "", "'rapl': broken: its counters do not move"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct machine machine;
        struct erg_err err = {.text = ""};
        struct erg_power *power = open_on(&machine, rows[i].spec, rows[i].moves, &err);
        char sources[300] = "", warnings[2000] = "";
        for (uint32_t c = 0; power && c < power->channel_count; c++)
            snprintf(sources + strlen(sources), sizeof sources - strlen(sources), "%s/%s%s ",
                     power->channels[c].source, erg_domain_name(power->channels[c].domain),
                     power->channels[c].raw ? "*" : "");
        for (size_t w = 0; power && w < power->warning_count; w++)
            snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n",
                     power->warnings[w]);
        assert_string_equal(sources, rows[i].sources);
        if (rows[i].warning)
            assert_non_null(strstr(power ? warnings : err.text, rows[i].warning));
        else
            assert_string_equal(warnings, "");
        assert_int_equal(power == NULL, strcmp(rows[i].sources, "") == 0);
        erg_power_close(power);
        moving_root_deinit(&machine.moving);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_say_what_there_is),
        cmocka_unit_test(counters_of_root_alone_are_denied),
        cmocka_unit_test(energies_are_the_truth_whenever_they_are_read),
        cmocka_unit_test(garbage_is_a_lost_reading),
        cmocka_unit_test(counters_that_are_set_back_go_on_from_there),
        cmocka_unit_test(what_does_not_move_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
