/* SPDX-License-Identifier: MIT */
#include "power/busy.h"

#include "energy/wide.h"

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* part × a / whole, rounded down; the result is known to fit. */
static int64_t proportion(int64_t part, int64_t a, int64_t whole)
{
    return (int64_t)((erg_u128)(uint64_t)part * (uint64_t)a / (uint64_t)whole);
}

void erg_busy_init(struct erg_busy *busy, int cpus, int64_t jiffy_ns, int64_t t_ns, int64_t own_ns,
                   int64_t machine_ns)
{
    *busy = (struct erg_busy){
        .cpus = cpus,
        .jiffy_ns = jiffy_ns,
        .t_ns = t_ns,
        .own_ns = own_ns,
        .window_t0_ns = t_ns,
        .window_own_ns = own_ns,
        .window_machine_ns = machine_ns,
    };
}

/* What is due of the last window's others after `elapsed_ns` more. */
static int64_t take_others(struct erg_busy *busy, int64_t elapsed_ns)
{
    int64_t due = busy->others_owed_ns;
    if (elapsed_ns < busy->others_span_ns)
        due = lesser(due, proportion(busy->others_ns, elapsed_ns, busy->others_span_ns));
    busy->others_owed_ns -= due;
    return due;
}

void erg_busy_add(struct erg_busy *busy, int64_t t_ns, int64_t own_ns)
{
    int64_t elapsed = t_ns > busy->t_ns ? t_ns - busy->t_ns : 0;
    int64_t possible = elapsed < INT64_MAX / busy->cpus ? elapsed * busy->cpus : INT64_MAX;
    if (own_ns > busy->own_ns) {
        busy->owed_ns += own_ns - busy->own_ns;
        busy->own_ns = own_ns;
    }
    busy->owed_ns += take_others(busy, elapsed);
    int64_t booked = lesser(busy->owed_ns, possible);
    busy->booked_ns += booked;
    /* More than a window late is no lateness: CPUs have come that were not there at the start. */
    busy->owed_ns = lesser(busy->owed_ns - booked, busy->cpus * ERG_BUSY_WINDOW_NS);
    busy->t_ns += elapsed;
}

bool erg_busy_wants_machine(const struct erg_busy *busy, int64_t t_ns)
{
    return t_ns - busy->window_t0_ns >= ERG_BUSY_WINDOW_NS;
}

void erg_busy_end_window(struct erg_busy *busy, int64_t machine_ns)
{
    int64_t others = 0;
    /* A CPU that goes offline takes its time with it: such a window says nothing. */
    if (machine_ns >= busy->window_machine_ns) {
        int64_t all = machine_ns - busy->window_machine_ns;
        int64_t own = busy->own_ns - busy->window_own_ns;
        others = all - own - busy->others_debt_ns;
        /* Both clocks may lag by a tick of each CPU; what is missing beyond that never comes. */
        busy->others_debt_ns = others < 0 ? lesser(-others, 2 * busy->cpus * busy->jiffy_ns) : 0;
        others = others < 0 ? 0 : others;
    }
    busy->others_owed_ns += others;
    busy->others_ns = busy->others_owed_ns;
    busy->others_span_ns = busy->t_ns - busy->window_t0_ns;
    busy->window_t0_ns = busy->t_ns;
    busy->window_own_ns = busy->own_ns;
    busy->window_machine_ns = machine_ns;
}
