/* SPDX-License-Identifier: MIT */
#include "cli/doctor_power.h"

#include "cli/units.h"
#include "power/burn.h"

#include <math.h>

#define NS_PER_MS INT64_C(1000000)

/* Ten periods of the slowest sensors that are worth waiting for, 100 ms. */
enum { IDLE_MS = 500, LOAD_MS = 1000, STEP_MS = 1 };

const char erg_doctor_no_sensor[] =
    "  No sensor of this machine can be read, so energies are estimates: a table of\n"
    "  processors says what this one takes idle and at full load, and the CPU time of the\n"
    "  engine and of everybody else says how far between the two it is. Such figures are\n"
    "  graded 'estimated'; they tell long from short, not one operation's joules from\n"
    "  another's. Times, activations and routing are measured as ever.\n";

const char erg_doctor_no_energy[] =
    "  No power source of this machine can be used, not even an estimate: times are measured\n"
    "  and energies are not, they are null, never 0.\n";

const char erg_doctor_real_joules[] =
    "  How to get real joules:\n"
    "    Intel, AMD (Linux)   'ergon doctor --fix' lets your user read the RAPL counters. A\n"
    "                         virtual machine or a container has none: use the host, or a\n"
    "                         machine of bare metal\n"
    "    NVIDIA               install the driver with its library libnvidia-ml.so.1\n"
    "    AMD GPU (Linux)      the amdgpu driver of the kernel is enough\n"
    "    Jetson               nothing to do: its power rails are read as they are\n"
    "    laptop (Linux)       unplug it: the battery is a sensor for runs of minutes\n"
    "    Mac                  nothing to do for ioreport; 'ergon doctor --fix' lets\n"
    "                         powermetrics run without a password\n"
    "    anything else        measure outside, and give the trace with --power replay:FILE\n";

void erg_doctor_put_line(const struct erg_term *term, const char *state, const char *name,
                         const char *what, const char *remedy, struct erg_buf *out)
{
    bool good = strcmp(state, "ready") == 0;
    erg_buf_printf(out, "  %s%-8s%s%-12s %s\n", good ? "" : erg_term_dim(term), state,
                   erg_term_reset(term), name, what);
    if (remedy && *remedy)
        erg_buf_printf(out, "  %8s%13s→ %s\n", "", "", remedy);
}

int erg_doctor_measure(size_t i, const struct erg_root *root, struct erg_character *out,
                       struct erg_err *err)
{
    struct erg_burn burn = {.count = 0};
    struct erg_power_options options = {.root = root, .clock = erg_clock_system()};
    struct erg_character_plan plan = {.idle_ns = IDLE_MS * NS_PER_MS,
                                      .load_ns = LOAD_MS * NS_PER_MS,
                                      .step_ns = STEP_MS * NS_PER_MS,
                                      .load = erg_burn_switch,
                                      .user = &burn};
    int rc = erg_characterise(i, &options, &plan, out, err);
    erg_burn_switch(&burn, false, NULL);
    return rc;
}

static void put_answer(struct erg_jsonw *w, const char *key, enum erg_answer answer)
{
    if (answer == ERG_UNKNOWN)
        erg_jsonw_knull(w, key);
    else
        erg_jsonw_kbool(w, key, answer == ERG_YES);
}

static void put_trait(struct erg_jsonw *w, const struct erg_trait *trait)
{
    bool counter = trait->channel.quantity == ERG_QUANTITY_ENERGY;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", trait->channel.name);
    erg_jsonw_kstr(w, "domain", erg_domain_name(trait->channel.domain));
    erg_jsonw_kstr(w, "quantity", counter ? "energy" : "power");
    if (trait->update_period_ns > 0)
        erg_jsonw_kmicro(w, "update_period_ms", trait->update_period_ns);
    else
        erg_jsonw_knull(w, "update_period_ms");
    erg_jsonw_kbool(w, "at_every_read", trait->at_every_read);
    if (trait->quantum)
        erg_jsonw_kint(w, counter ? "quantum_nj" : "quantum_uw", trait->quantum);
    else
        erg_jsonw_knull(w, counter ? "quantum_nj" : "quantum_uw");
    erg_jsonw_kreal(w, "coverage_ratio", trait->reads ? (double)trait->valid / trait->reads : NAN);
    erg_jsonw_kreal(w, "idle_power_mw", trait->idle_mw);
    erg_jsonw_kreal(w, "load_power_mw", trait->load_mw);
    put_answer(w, "moves", trait->moves);
    put_answer(w, "responds", trait->responds);
    erg_jsonw_obj_end(w);
}

void erg_doctor_put_json(const struct erg_character *c, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "measured");
    if (!c) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "reads", c->reads);
    erg_jsonw_kreal(w, "read_cost_median_us", (double)c->cost_median_ns / 1e3);
    erg_jsonw_kreal(w, "read_cost_p99_us", (double)c->cost_p99_ns / 1e3);
    erg_jsonw_kreal(w, "coverage_ratio", c->coverage_ratio);
    erg_jsonw_kmicro(w, "idle_ms", c->idle_ns);
    erg_jsonw_kmicro(w, "load_ms", c->load_ns);
    erg_jsonw_key(w, "channels");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < c->count; i++)
        put_trait(w, &c->traits[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_channel(const struct erg_trait *trait, struct erg_buf *out)
{
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    erg_buf_printf(out, "%23s%s: ", "", trait->channel.name);
    if (trait->moves == ERG_NO)
        erg_buf_puts(out, "does not move");
    else if (trait->update_period_ns > 0)
        erg_buf_printf(out, "%s every %s", trait->at_every_read ? "new at every read," : "new",
                       erg_show_time((double)trait->update_period_ns / 1e6, a));
    else
        erg_buf_puts(out, "its period is not known yet");
    if (trait->quantum && trait->channel.quantity == ERG_QUANTITY_ENERGY)
        erg_buf_printf(out, ", steps of %s", erg_show_energy((double)trait->quantum / 1e6, a));
    if (isfinite(trait->idle_mw) && isfinite(trait->load_mw))
        erg_buf_printf(out, ", %s idle, %s under load%s", erg_show_power(trait->idle_mw, a),
                       erg_show_power(trait->load_mw, b),
                       trait->responds == ERG_NO ? " (does not respond)" : "");
    erg_buf_putc(out, '\n');
}

void erg_doctor_put_text(const struct erg_character *c, const struct erg_term *term,
                         struct erg_buf *out)
{
    char median[ERG_UNIT_BYTES], p99[ERG_UNIT_BYTES], coverage[ERG_UNIT_BYTES];
    erg_buf_puts(out, erg_term_dim(term));
    erg_buf_printf(out, "%23sa read takes %s (99 %%: %s), %s of them gave values\n", "",
                   erg_show_time((double)c->cost_median_ns / 1e6, median),
                   erg_show_time((double)c->cost_p99_ns / 1e6, p99),
                   erg_show_ratio(c->coverage_ratio, coverage));
    for (uint32_t i = 0; i < c->count; i++)
        put_channel(&c->traits[i], out);
    erg_buf_puts(out, erg_term_reset(term));
}
