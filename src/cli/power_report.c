/* SPDX-License-Identifier: MIT */
#include "cli/power_report.h"

#include "analysis/stats.h"
#include "cli/power_monitor.h"
#include "cli/units.h"

#include <math.h>

#define CONFIDENCE 0.95

/* Of all runs together: means, the highest peak, the worst grade, the least coverage. */
struct whole {
    int64_t duration_ns;
    struct erg_energy energy; /* mean; of domains that every run knows */
    double peak_mw;
    enum erg_grade grade;
    double coverage_ratio;
    struct erg_stats duration_ms, energy_mj;
};

/* (a + b / 2) / b without overflow for a ≥ 0. */
static int64_t rounded_share(int64_t a, int64_t b)
{
    return a / b + (a % b >= b - b / 2);
}

static void mean_of(const struct erg_power_report *r, struct whole *out)
{
    struct erg_energy sum = {0};
    uint32_t present = UINT32_MAX;
    int64_t duration_ns = 0, runs = (int64_t)r->run_count;
    *out = (struct whole){.peak_mw = -1, .coverage_ratio = 1};
    for (size_t i = 0; i < r->run_count; i++) {
        const struct erg_power_run *run = &r->runs[i];
        bool known = erg_energy_known(&run->window.energy);
        duration_ns += run->duration_ns;
        present &= run->window.energy.present;
        erg_energy_add(&sum, &run->window.energy);
        out->peak_mw = fmax(out->peak_mw, run->peak_mw);
        out->grade = run->window.grade > out->grade ? run->window.grade : out->grade;
        out->coverage_ratio = fmin(out->coverage_ratio, run->window.coverage_ratio);
        erg_stats_add(&out->duration_ms, (double)run->duration_ns / 1e6);
        erg_stats_add(&out->energy_mj,
                      known ? (double)erg_energy_total_nj(&run->window.energy) / 1e6 : NAN);
    }
    out->duration_ns = rounded_share(duration_ns, runs);
    out->energy.present = present & sum.present;
    for (int d = 0; d < ERG_DOMAINS; d++)
        out->energy.nj[d] = out->energy.present >> d & 1 ? rounded_share(sum.nj[d], runs) : 0;
    if (!*r->sources) {
        out->grade = ERG_GRADE_UNAVAILABLE;
        out->coverage_ratio = NAN;
    }
}

int erg_power_report_exit_code(const struct erg_power_report *report)
{
    for (size_t i = 0; i < report->run_count; i++) {
        if (report->runs[i].exit_code)
            return report->runs[i].exit_code;
    }
    return 0;
}

/* --- text ------------------------------------------------------------------------------------- */

/* "  12.3 J ± 1.2 %   energy, cpu 10 J, dram 2.3 J" */
static void put_row(const char *figure, const struct erg_stats *stats, bool repeated,
                    const char *name, struct erg_buf *out)
{
    struct erg_interval interval = erg_stats_interval(stats, CONFIDENCE);
    double relative = erg_interval_relative(&interval);
    erg_buf_printf(out, "%14s", figure);
    if (repeated && isfinite(relative))
        erg_buf_printf(out, " ± %5.2f %%", relative * 100);
    else if (repeated)
        erg_buf_puts(out, "          ");
    erg_buf_printf(out, "  %s", name);
}

static void put_energy(const struct erg_power_report *r, const struct whole *all,
                       struct erg_buf *out)
{
    char figure[ERG_UNIT_BYTES];
    if (!erg_energy_known(&all->energy)) {
        erg_buf_printf(out, "%14s%s  energy: no power source was read\n", "-",
                       r->repeated ? "          " : "");
        return;
    }
    put_row(erg_show_energy((double)erg_energy_total_nj(&all->energy) / 1e6, figure),
            &all->energy_mj, r->repeated, "energy", out);
    const char *before = " (";
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!(all->energy.present >> d & 1))
            continue;
        erg_buf_printf(out, "%s%s %s", before, erg_domain_name((enum erg_domain)d),
                       erg_show_energy((double)all->energy.nj[d] / 1e6, figure));
        before = ", ";
    }
    erg_buf_puts(out, ")\n");
    erg_buf_printf(out, "%14s%s  average power",
                   erg_show_power(erg_energy_mean_mw(&all->energy, all->duration_ns), figure),
                   r->repeated ? "          " : "");
    if (all->peak_mw >= 0)
        erg_buf_printf(out, ", %s at most", erg_show_power(all->peak_mw, figure));
    erg_buf_putc(out, '\n');
}

void erg_power_report_text(const struct erg_power_report *r, struct erg_buf *out)
{
    struct whole all;
    char figure[ERG_UNIT_BYTES];
    mean_of(r, &all);
    erg_buf_puts(out, "\n Energy of '");
    for (size_t i = 0; i < r->command_count; i++)
        erg_buf_printf(out, "%s%s", i ? " " : "", r->command[i]);
    erg_buf_putc(out, '\'');
    if (r->repeated)
        erg_buf_printf(out, " (%zu runs, mean ± 95 %% interval)", r->run_count);
    erg_buf_puts(out, ":\n\n");
    put_energy(r, &all, out);
    put_row(erg_show_time((double)all.duration_ns / 1e6, figure), &all.duration_ms, r->repeated,
            "duration\n", out);
    if (*r->sources)
        erg_buf_printf(out, "\n %s by %s, %.1f %% of the time covered\n", erg_grade_name(all.grade),
                       r->sources, all.coverage_ratio * 100);
    int code = erg_power_report_exit_code(r);
    if (code)
        erg_buf_printf(out, " exit status %d\n", code);
    for (size_t i = 0; i < r->warning_count; i++)
        erg_buf_printf(out, " warning: %s\n", r->warnings[i]);
    erg_buf_putc(out, '\n');
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void put_real(struct erg_jsonw *w, const char *key, double value, bool known)
{
    erg_jsonw_kreal(w, key, known ? value : NAN);
}

static void put_figures(struct erg_jsonw *w, int64_t duration_ns, const struct erg_energy *energy,
                        double peak_mw)
{
    erg_jsonw_kmicro(w, "duration_ms", duration_ns);
    erg_put_mj(w, "energy_mj", energy);
    erg_put_domains(w, "energy_by_domain_mj", energy);
    erg_jsonw_kreal(w, "average_power_mw", erg_energy_mean_mw(energy, duration_ns));
    put_real(w, "peak_power_mw", peak_mw, peak_mw >= 0);
}

static void put_run(struct erg_jsonw *w, const struct erg_power_report *r,
                    const struct erg_power_run *run)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "exit_code", run->exit_code);
    put_figures(w, run->duration_ns, &run->window.energy, run->peak_mw);
    erg_jsonw_kstr(w, "grade",
                   erg_grade_name(*r->sources ? run->window.grade : ERG_GRADE_UNAVAILABLE));
    put_real(w, "coverage_ratio", run->window.coverage_ratio, *r->sources);
    erg_jsonw_obj_end(w);
}

static void put_interval(struct erg_jsonw *w, const char *key, const struct erg_stats *stats)
{
    struct erg_interval interval = erg_stats_interval(stats, CONFIDENCE);
    erg_jsonw_key(w, key);
    if (!isfinite(interval.low) || !isfinite(interval.high)) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_arr_begin(w);
    erg_jsonw_real(w, interval.low);
    erg_jsonw_real(w, interval.high);
    erg_jsonw_arr_end(w);
}

static void put_strings(struct erg_jsonw *w, const char *key, const char *const *items,
                        size_t count)
{
    erg_jsonw_key(w, key);
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < count; i++)
        erg_jsonw_str(w, items[i]);
    erg_jsonw_arr_end(w);
}

void erg_power_report_json(const struct erg_power_report *r, struct erg_buf *out)
{
    struct erg_jsonw w;
    struct whole all;
    mean_of(r, &all);
    erg_jsonw_init(&w, out);
    w.pretty = true;
    erg_jsonw_obj_begin(&w);
    put_strings(&w, "command", r->command, r->command_count);
    erg_jsonw_kint(&w, "exit_code", erg_power_report_exit_code(r));
    erg_jsonw_kint(&w, "repeats", (int64_t)r->run_count);
    put_figures(&w, all.duration_ns, &all.energy, all.peak_mw);
    erg_put_sources(&w, "sources", r->sources);
    erg_jsonw_kstr(&w, "grade", erg_grade_name(all.grade));
    put_real(&w, "coverage_ratio", all.coverage_ratio, true);
    put_strings(&w, "warnings", r->warnings, r->warning_count);
    if (r->repeated) {
        put_interval(&w, "energy_mj_ci", &all.energy_mj);
        put_interval(&w, "duration_ms_ci", &all.duration_ms);
        erg_jsonw_key(&w, "runs");
        erg_jsonw_arr_begin(&w);
        for (size_t i = 0; i < r->run_count; i++)
            put_run(&w, r, &r->runs[i]);
        erg_jsonw_arr_end(&w);
    }
    erg_jsonw_obj_end(&w);
    erg_buf_putc(out, '\n');
}
