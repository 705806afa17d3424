/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"
#include "server/queue.h"

#include "server/api_priv.h"
#include "stream/taxonomy.h"

#include <stdio.h>
#include <string.h>

/*
 * GET /metrics: Prometheus text 0.0.4, or OpenMetrics 1.0 for those who ask for it. Energies are
 * counters of joules; parts are exported, never their total beside them. No prompt and no run's id
 * is in a label.
 */
struct writing {
    struct erg_buf *out;
    bool open_metrics;
};

enum family_type { COUNTER, GAUGE, INFO };

/* In OpenMetrics a counter's family is named without the `_total` of its samples, and an info's
 * without `_info`; Prometheus knows no infos. */
static void begin_family(const struct writing *w, const char *name, enum family_type type,
                         const char *unit, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "info"};
    static const char *const suffixes[] = {"_total", "", "_info"};
    const char *suffix = w->open_metrics ? "" : suffixes[type];
    const char *word = types[type == INFO && !w->open_metrics ? GAUGE : type];
    erg_buf_printf(w->out, "# HELP %s%s %s\n", name, suffix, help);
    erg_buf_printf(w->out, "# TYPE %s%s %s\n", name, suffix, word);
    if (w->open_metrics && *unit)
        erg_buf_printf(w->out, "# UNIT %s %s\n", name, unit);
}

static void put_label(const struct writing *w, const char *label, const char *value)
{
    erg_buf_printf(w->out, "{%s=\"", label);
    for (const char *at = value; *at; at++) {
        if (*at == '\\' || *at == '"')
            erg_buf_putc(w->out, '\\');
        if (*at == '\n')
            erg_buf_puts(w->out, "\\n");
        else
            erg_buf_putc(w->out, *at);
    }
    erg_buf_puts(w->out, "\"}");
}

/* `name` with its suffix; `label` NULL = none. Nanojoules and nanoseconds become whole units,
 * exactly. */
static void put_billionths(const struct writing *w, const char *name, const char *label,
                           const char *value, int64_t billionths)
{
    uint64_t size = billionths < 0 ? 0 - (uint64_t)billionths : (uint64_t)billionths;
    erg_buf_puts(w->out, name);
    if (label)
        put_label(w, label, value);
    erg_buf_printf(w->out, " %s%llu.%09llu\n", billionths < 0 ? "-" : "",
                   (unsigned long long)(size / 1000000000),
                   (unsigned long long)(size % 1000000000));
}

static void put_count(const struct writing *w, const char *name, const char *label,
                      const char *value, int64_t count)
{
    erg_buf_puts(w->out, name);
    if (label)
        put_label(w, label, value);
    erg_buf_printf(w->out, " %lld\n", (long long)count);
}

static void put_energies(const struct writing *w, const struct erg_counts *counts)
{
    begin_family(w, "ergon_energy_joules", COUNTER, "joules",
                 "Energy of the runs since the server was started, by domain.");
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (counts->energy.present >> d & 1)
            put_billionths(w, "ergon_energy_joules_total", "domain",
                           erg_domain_name((enum erg_domain)d), counts->energy.nj[d]);
    }
    begin_family(w, "ergon_phase_energy_joules", COUNTER, "joules",
                 "The same energy, by phase of inference; what lies between phases is left out.");
    for (uint32_t p = 0; p < ERG_PHASES; p++) {
        if (erg_energy_known(&counts->phases[p]))
            put_billionths(w, "ergon_phase_energy_joules_total", "phase", erg_phase_name(p),
                           erg_energy_total_nj(&counts->phases[p]));
    }
    begin_family(w, "ergon_component_energy_joules", COUNTER, "joules",
                 "Energy of passes, by component of the model, split by time.");
    for (size_t i = 0; i < counts->component_count; i++)
        put_billionths(w, "ergon_component_energy_joules_total", "component",
                       counts->components[i].name, counts->components[i].energy_nj);
    begin_family(w, "ergon_unattributed_energy_joules", COUNTER, "joules",
                 "Energy of runs that no operation, section or host work accounts for.");
    put_billionths(w, "ergon_unattributed_energy_joules_total", NULL, NULL,
                   counts->unattributed_nj);
}

static void put_runs(const struct writing *w, const struct erg_counts *counts)
{
    begin_family(w, "ergon_runs", COUNTER, "", "Runs that have ended, by how they did.");
    for (size_t i = 1; i < 5; i++)
        put_count(w, "ergon_runs_total", "status", erg_status_names[i], counts->runs[i]);
    begin_family(w, "ergon_tokens", COUNTER, "", "Tokens evaluated, by phase.");
    put_count(w, "ergon_tokens_total", "phase", "prefill", counts->input_tokens);
    put_count(w, "ergon_tokens_total", "phase", "decode", counts->output_tokens);
}

static void put_sensors(const struct writing *w, const struct erg_call *call)
{
    struct erg_sources_found found;
    erg_sources_look(&call->api->sources, call->options->root, call->options->clock, false, &found);
    begin_family(w, "ergon_power_source_ready", GAUGE, "", "Whether a power source can be read.");
    for (size_t i = 0; i < found.count; i++)
        put_count(w, "ergon_power_source_ready", "source", found.probes[i].name,
                  found.probes[i].state == ERG_POWER_READY);
    struct erg_sensor_state states[ERG_SENSORS_MOST];
    struct erg_queue *queue = call->options->queue;
    size_t count = queue ? erg_queue_sensors(queue, states, ERG_SENSORS_MOST) : 0;
    begin_family(w, "ergon_sensor_sample_age_seconds", GAUGE, "seconds",
                 "Time since a source was last read, while a run is measured.");
    for (size_t i = 0; i < count; i++) {
        if (states[i].age_ns >= 0)
            put_billionths(w, "ergon_sensor_sample_age_seconds", "source", states[i].source,
                           states[i].age_ns);
    }
    begin_family(w, "ergon_sensor_errors", COUNTER, "",
                 "Reads of a source that failed, in runs of this server.");
    for (size_t i = 0; i < count; i++)
        put_count(w, "ergon_sensor_errors_total", "source", states[i].source, states[i].errors);
}

static int put_store(const struct writing *w, struct erg_call *call, struct erg_err *err)
{
    struct erg_store_facts facts;
    int rc = erg_store_facts(call->store, &facts, err);
    if (rc)
        return rc;
    begin_family(w, "ergon_store_runs", GAUGE, "", "Runs in the store.");
    put_count(w, "ergon_store_runs", NULL, NULL, facts.runs);
    begin_family(w, "ergon_store_size_bytes", GAUGE, "bytes", "Size of the store.");
    put_count(w, "ergon_store_size_bytes", NULL, NULL, facts.file_bytes);
    return 0;
}

int erg_get_metrics(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *store;
    struct erg_counts counts;
    erg_call_begin(call);
    const struct writing w = {&call->body,
                              strstr(call->x->request.accept, "application/openmetrics-text")};
    int rc = erg_call_store(call, &store, err);
    if (rc == 0)
        rc = erg_counts_update(&call->api->counts, store, &counts, err);
    if (rc)
        return rc;
    begin_family(&w, "ergon_build", INFO, "", "This program.");
    put_count(&w, "ergon_build_info", "version", ERGON_VERSION, 1);
    put_energies(&w, &counts);
    put_runs(&w, &counts);
    put_sensors(&w, call);
    rc = put_store(&w, call, err);
    if (rc)
        return rc;
    if (w.open_metrics)
        erg_buf_puts(&call->body, "# EOF\n");
    return erg_call_send_as(call, 200,
                            w.open_metrics
                                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                : "text/plain; version=0.0.4; charset=utf-8",
                            err);
}
