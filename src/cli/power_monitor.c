/* SPDX-License-Identifier: MIT */
#include "cli/power_monitor.h"

#include "base/num.h"
#include "cli/units.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NAME_COLUMNS = 6, FIGURE_COLUMNS = 9, LEAST_BAR = 8 };

double erg_energy_mean_mw(const struct erg_energy *energy, int64_t duration_ns)
{
    if (!erg_energy_known(energy) || duration_ns <= 0)
        return NAN;
    return (double)erg_energy_total_nj(energy) / (double)duration_ns * 1e3;
}

static bool knows(const struct erg_energy *energy, int domain)
{
    return energy->present >> domain & 1;
}

static double domain_mw(const struct erg_energy *energy, int domain, int64_t duration_ns)
{
    return knows(energy, domain) && duration_ns > 0
               ? (double)energy->nj[domain] / (double)duration_ns * 1e3
               : NAN;
}

void erg_monitor_add(struct erg_monitor *monitor, int64_t t_ns, int64_t duration_ns,
                     const struct erg_window *last, const struct erg_window *total)
{
    monitor->t_ns = t_ns;
    monitor->total = *total;
    monitor->last = *last;
    monitor->last_ns = duration_ns;
    monitor->history_mw[monitor->samples++ % ERG_MONITOR_HISTORY] =
        erg_energy_mean_mw(&last->energy, duration_ns);
    for (int d = 0; d < ERG_DOMAINS; d++)
        monitor->highest_mw[d] =
            fmax(monitor->highest_mw[d], domain_mw(&last->energy, d, duration_ns));
}

/* --- the terminal ----------------------------------------------------------------------------- */

/* The newest samples, each a block as high as its share of the highest. */
static void put_sparkline(const struct erg_monitor *monitor, size_t columns, struct erg_buf *out)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t kept = monitor->samples < ERG_MONITOR_HISTORY ? monitor->samples : ERG_MONITOR_HISTORY;
    size_t shown = kept < columns ? kept : columns;
    double highest = 0;
    for (size_t i = 0; i < kept; i++)
        highest = fmax(highest, monitor->history_mw[i]);
    for (size_t i = monitor->samples - shown; i < monitor->samples; i++) {
        double mw = monitor->history_mw[i % ERG_MONITOR_HISTORY];
        if (isnan(mw))
            erg_buf_putc(out, ' ');
        else
            erg_buf_puts(out, blocks[highest > 0 ? (size_t)(mw / highest * 7.999) & 7 : 0]);
    }
}

static void put_domain(const struct erg_monitor *monitor, int domain, double scale_mw,
                       size_t bar_columns, const struct erg_term *term, struct erg_buf *out)
{
    char figure[ERG_UNIT_BYTES], energy[ERG_UNIT_BYTES], bar[512];
    double mw = domain_mw(&monitor->last.energy, domain, monitor->last_ns);
    double share = scale_mw > 0 && !isnan(mw) ? mw / scale_mw : 0;
    erg_buf_printf(out, "%-*s%s%s%s %*s %*s\n", NAME_COLUMNS,
                   erg_domain_name((enum erg_domain)domain), erg_term_heat(term, share),
                   erg_show_bar(share, bar_columns, bar, sizeof bar), erg_term_reset(term),
                   FIGURE_COLUMNS, isnan(mw) ? "-" : erg_show_power(mw, figure), FIGURE_COLUMNS,
                   erg_show_energy((double)monitor->total.energy.nj[domain] / 1e6, energy));
}

size_t erg_monitor_frame(const struct erg_monitor *monitor, const struct erg_term *term,
                         struct erg_buf *out)
{
    size_t fixed = NAME_COLUMNS + 2 * (FIGURE_COLUMNS + 1), lines = 0;
    size_t bar = term->columns > fixed + LEAST_BAR ? term->columns - fixed - 1 : LEAST_BAR;
    double scale_mw = 0;
    for (int d = 0; d < ERG_DOMAINS; d++)
        scale_mw = fmax(scale_mw, monitor->highest_mw[d]);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!knows(&monitor->total.energy, d))
            continue;
        put_domain(monitor, d, scale_mw, bar, term, out);
        lines++;
    }
    erg_buf_printf(out, "%-*s", NAME_COLUMNS, "");
    put_sparkline(monitor, bar, out);
    erg_buf_putc(out, '\n');
    erg_monitor_totals(monitor, out);
    return lines + 2;
}

/* --- a line for each sample ------------------------------------------------------------------- */

void erg_monitor_line(const struct erg_monitor *monitor, struct erg_buf *out)
{
    char figure[ERG_UNIT_BYTES], total[ERG_UNIT_BYTES];
    double mw = erg_energy_mean_mw(&monitor->last.energy, monitor->last_ns);
    erg_buf_printf(out, "%9.3f s  %9s", (double)monitor->t_ns / 1e9,
                   isnan(mw) ? "-" : erg_show_power(mw, figure));
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (knows(&monitor->last.energy, d))
            erg_buf_printf(
                out, "  %s %s", erg_domain_name((enum erg_domain)d),
                erg_show_power(domain_mw(&monitor->last.energy, d, monitor->last_ns), figure));
    }
    erg_buf_printf(
        out, "  total %s  %s %s\n",
        erg_energy_known(&monitor->total.energy)
            ? erg_show_energy((double)erg_energy_total_nj(&monitor->total.energy) / 1e6, total)
            : "-",
        *monitor->sources ? monitor->sources : "none", erg_grade_name(monitor->last.grade));
}

void erg_monitor_totals(const struct erg_monitor *monitor, struct erg_buf *out)
{
    char time[ERG_UNIT_BYTES], energy[ERG_UNIT_BYTES], power[ERG_UNIT_BYTES];
    erg_show_time((double)monitor->t_ns / 1e6, time);
    if (!erg_energy_known(&monitor->total.energy)) {
        erg_buf_printf(out, "%s, energy not known\n", time);
        return;
    }
    erg_buf_printf(
        out, "%s in %s, average %s (%s, %s)\n",
        erg_show_energy((double)erg_energy_total_nj(&monitor->total.energy) / 1e6, energy), time,
        erg_show_power(erg_energy_mean_mw(&monitor->total.energy, monitor->t_ns), power),
        monitor->sources, erg_grade_name(monitor->total.grade));
}

/* --- for programs ----------------------------------------------------------------------------- */

void erg_put_mj(struct erg_jsonw *w, const char *key, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_jsonw_kmicro(w, key, erg_energy_total_nj(energy));
    else
        erg_jsonw_knull(w, key);
}

void erg_put_domains(struct erg_jsonw *w, const char *key, const struct erg_energy *energy)
{
    erg_jsonw_key(w, key);
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const char *name = erg_domain_name((enum erg_domain)d);
        if (knows(energy, d))
            erg_jsonw_kmicro(w, name, energy->nj[d]);
        else
            erg_jsonw_knull(w, name);
    }
    erg_jsonw_obj_end(w);
}

void erg_put_sources(struct erg_jsonw *w, const char *key, const char *sources)
{
    erg_jsonw_key(w, key);
    erg_jsonw_arr_begin(w);
    while (*sources) {
        size_t len = strcspn(sources, "+");
        erg_jsonw_strn(w, sources, len);
        sources += len + (sources[len] == '+');
    }
    erg_jsonw_arr_end(w);
}

void erg_monitor_json(const struct erg_monitor *monitor, struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kmicro(&w, "t_ms", monitor->t_ns);
    erg_jsonw_kmicro(&w, "duration_ms", monitor->last_ns);
    erg_put_mj(&w, "energy_mj", &monitor->last.energy);
    erg_put_domains(&w, "energy_by_domain_mj", &monitor->last.energy);
    erg_jsonw_kreal(&w, "power_mw", erg_energy_mean_mw(&monitor->last.energy, monitor->last_ns));
    erg_jsonw_key(&w, "power_by_domain_mw");
    erg_jsonw_obj_begin(&w);
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_jsonw_kreal(&w, erg_domain_name((enum erg_domain)d),
                        domain_mw(&monitor->last.energy, d, monitor->last_ns));
    erg_jsonw_obj_end(&w);
    erg_put_mj(&w, "total_energy_mj", &monitor->total.energy);
    erg_put_sources(&w, "sources", monitor->sources);
    erg_jsonw_kstr(&w, "grade", erg_grade_name(monitor->last.grade));
    erg_jsonw_obj_end(&w);
    erg_buf_putc(out, '\n');
}

void erg_monitor_csv_head(struct erg_buf *out)
{
    erg_buf_puts(out, "t_ms,duration_ms,total_energy_mj,power_mw");
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_buf_printf(out, ",%s_mw", erg_domain_name((enum erg_domain)d));
    erg_buf_puts(out, ",sources,grade\n");
}

static void put_cell(double value, struct erg_buf *out)
{
    char text[40] = "";
    if (isfinite(value))
        erg_format_double(value, text, sizeof text);
    erg_buf_printf(out, ",%s", text);
}

void erg_monitor_csv(const struct erg_monitor *monitor, struct erg_buf *out)
{
    char t[40], duration[40], total[40] = "";
    erg_format_micro(monitor->t_ns, t, sizeof t);
    erg_format_micro(monitor->last_ns, duration, sizeof duration);
    if (erg_energy_known(&monitor->total.energy))
        erg_format_micro(erg_energy_total_nj(&monitor->total.energy), total, sizeof total);
    erg_buf_printf(out, "%s,%s,%s", t, duration, total);
    put_cell(erg_energy_mean_mw(&monitor->last.energy, monitor->last_ns), out);
    for (int d = 0; d < ERG_DOMAINS; d++)
        put_cell(domain_mw(&monitor->last.energy, d, monitor->last_ns), out);
    erg_buf_printf(out, ",%s,%s\n", monitor->sources, erg_grade_name(monitor->last.grade));
}
