/* SPDX-License-Identifier: MIT */
#include "cli/report.h"

#include "cli/listing.h"
#include "cli/units.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 10, BAR_COLUMNS = 16 };

/* --- lines "label     text, wrapped at the width of the page" ------------------------------------
 */

static void put_line(const struct erg_report *report, struct erg_buf *out, const char *label,
                     const char *text)
{
    size_t len = strlen(text), room = report->term->columns - LABEL_COLUMNS;
    erg_buf_printf(out, "%s%-*s%s", erg_term_dim(report->term), LABEL_COLUMNS, label,
                   erg_term_reset(report->term));
    while (erg_text_width(text, len) > room) {
        size_t cut = erg_text_cut(text, len, room);
        size_t at = cut;
        while (at > 0 && text[at] != ' ')
            at--;
        at = at ? at : cut;
        erg_buf_printf(out, "%.*s\n%*s", (int)at, text, LABEL_COLUMNS, "");
        while (at < len && text[at] == ' ')
            at++;
        text += at;
        len -= at;
    }
    erg_buf_printf(out, "%s\n", text);
}

static void heading(const struct erg_report *report, struct erg_buf *out, const char *text)
{
    erg_buf_printf(out, "\n%s%s%s\n", erg_term_bold(report->term), text,
                   erg_term_reset(report->term));
}

/* Texts joined by ", ", empty ones left out. */
static void join(struct erg_buf *line, const char *text)
{
    if (!*text)
        return;
    if (line->len)
        erg_buf_puts(line, ", ");
    erg_buf_puts(line, text);
}

static void flush_line(const struct erg_report *report, struct erg_buf *out, const char *label,
                       struct erg_buf *line)
{
    if (line->len)
        put_line(report, out, label, erg_buf_view(line));
    erg_buf_deinit(line);
}

/* --- header -------------------------------------------------------------------------------------
 */

static void put_model(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *model = json_object_get(report->summary, "model");
    struct erg_buf line = {0};
    char a[ERG_UNIT_BYTES], text[128];
    double parameters = erg_json_number(model, "parameters");
    double layers = erg_json_number(model, "layers"),
           width = erg_json_number(model, "embedding_length");
    join(&line, erg_json_text(report->summary, "model_name"));
    join(&line, erg_json_text(model, "architecture"));
    if (parameters > 0) {
        snprintf(text, sizeof text, "%s parameters", erg_show_count(parameters, a));
        join(&line, text);
    }
    if (layers > 0) {
        snprintf(text, sizeof text, "%.0f layers", layers);
        join(&line, text);
    }
    if (width > 0) {
        snprintf(text, sizeof text, "width %.0f", width);
        join(&line, text);
    }
    join(&line, erg_json_text(model, "quantization"));
    flush_line(report, out, "model", &line);
}

static void put_machine(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *machine = json_object_get(report->summary, "machine");
    const json_t *engine = json_object_get(report->summary, "engine");
    struct erg_buf line = {0};
    char text[256];
    double threads = erg_json_number(engine, "threads");
    join(&line, erg_json_text(machine, "hostname"));
    join(&line, erg_json_text(machine, "cpu"));
    join(&line, erg_json_text(machine, "os"));
    flush_line(report, out, "machine", &line);
    line = (struct erg_buf){0};
    snprintf(text, sizeof text, "%.100s %.100s", erg_json_text(engine, "name"),
             erg_json_text(engine, "version"));
    join(&line, text[0] == ' ' ? "" : text);
    join(&line, erg_json_text(engine, "backend"));
    if (threads > 0) {
        snprintf(text, sizeof text, "%.0f thread%s", threads, threads == 1 ? "" : "s");
        join(&line, text);
    }
    snprintf(text, sizeof text, "%.60s mode", erg_json_text(report->summary, "mode"));
    join(&line, text[0] == ' ' ? "" : text);
    const json_t *settings = json_object_get(report->summary, "settings");
    if (*erg_json_text(settings, "flash_attn_why")) {
        snprintf(text, sizeof text, "flash attention %.100s",
                 erg_json_text(settings, "flash_attn_why"));
        join(&line, text);
    }
    flush_line(report, out, "engine", &line);
}

static void put_sources(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *power = json_object_get(report->summary, "power");
    const json_t *sources = json_object_get(power, "sources");
    struct erg_buf line = {0};
    char text[128], a[ERG_UNIT_BYTES];
    double coverage = erg_json_number(power, "coverage_ratio");
    double interval = erg_json_number(power, "interval_ms");
    size_t i;
    const json_t *source;
    json_array_foreach(sources, i, source)
        join(&line, json_string_value(source) ? json_string_value(source) : "");
    if (!line.len) {
        if (!isfinite(erg_json_number(report->summary, "total_energy_mj")))
            put_line(report, out, "energy", "not measured: no power source was used");
        erg_buf_deinit(&line);
        return;
    }
    snprintf(text, sizeof text, ": %.60s", erg_json_text(power, "grade"));
    erg_buf_puts(&line, text);
    if (interval > 0) {
        snprintf(text, sizeof text, "every %s", erg_show_time(interval, a));
        join(&line, text);
    }
    if (isfinite(coverage)) {
        snprintf(text, sizeof text, "%s of the run covered", erg_show_ratio(coverage, a));
        join(&line, text);
    }
    flush_line(report, out, "energy", &line);
}

/* Do the sensors of parts agree with the one of the whole machine? */
static void put_reconciliation(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *details =
        json_object_get(json_object_get(report->summary, "power"), "source_details");
    const json_t *both = json_object_get(details, "reconciliation");
    double ratio = erg_json_number(both, "parts_ratio");
    char text[200], a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES], c[ERG_UNIT_BYTES];
    if (!isfinite(ratio))
        return;
    snprintf(text, sizeof text, "the parts' sensors saw %s, %s of the %s of '%.63s'",
             erg_show_energy(erg_json_number(both, "parts_energy_mj"), a), erg_show_ratio(ratio, b),
             erg_show_energy(erg_json_number(both, "machine_energy_mj"), c),
             erg_json_text(both, "machine"));
    put_line(report, out, "sensors", text);
}

void erg_report_header(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *summary = report->summary;
    const char *created = erg_json_text(summary, "created_at");
    struct erg_buf line = {0};
    erg_buf_printf(&line, "%s, %.10s %.8s, %s", erg_json_text(summary, "id"), created,
                   strlen(created) > 11 ? created + 11 : "", erg_json_text(summary, "status"));
    if (*erg_json_text(summary, "experiment_name"))
        erg_buf_printf(&line, ", experiment %s", erg_json_text(summary, "experiment_name"));
    flush_line(report, out, "run", &line);
    put_model(report, out);
    put_machine(report, out);
    put_sources(report, out);
    put_reconciliation(report, out);
    if (*erg_json_text(summary, "failure"))
        put_line(report, out, "failure", erg_json_text(summary, "failure"));
}

/* --- totals and phases --------------------------------------------------------------------------
 */

/* "before VALUE after" as one more part of a line; nothing when the value is not known. */
static void join_known(struct erg_buf *line, const char *before, const char *value,
                       const char *after, bool known)
{
    char text[128];
    snprintf(text, sizeof text, "%s%s%s", before, value, after);
    join(line, known ? text : "");
}

static void put_total(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *s = report->summary;
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    double energy = erg_json_number(s, "total_energy_mj");
    double average = erg_json_number(s, "average_power_mw");
    double peak = erg_json_number(s, "peak_power_mw");
    struct erg_buf line = {0};
    if (isfinite(energy))
        erg_buf_printf(&line, "%s in ", erg_show_energy(energy, a));
    erg_buf_puts(&line, erg_show_time(erg_json_number(s, "total_duration_ms"), b));
    join_known(&line, "average ", erg_show_power(average, a), "", isfinite(average));
    join_known(&line, "peak ", erg_show_power(peak, a), "", isfinite(peak));
    flush_line(report, out, "total", &line);
}

static void put_rates(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *s = report->summary;
    char a[ERG_UNIT_BYTES];
    double per_token = erg_json_number(s, "joules_per_token") * 1000;
    double rate = erg_json_number(s, "tokens_per_second");
    double in = erg_json_number(s, "input_tokens"), made = erg_json_number(s, "output_tokens");
    double first = erg_json_number(s, "time_to_first_token_ms");
    struct erg_buf line = {0};
    join_known(&line, "", erg_show_energy(per_token, a), " per token", isfinite(per_token));
    join_known(&line, "", erg_show_plain(rate, a), " per second", isfinite(rate));
    join_known(&line, "", erg_show_count(in, a), " in", isfinite(in));
    join_known(&line, "", erg_show_count(made, a), " out", isfinite(made));
    join_known(&line, "the first after ", erg_show_time(first, a), "", isfinite(first));
    flush_line(report, out, "tokens", &line);
}

static void put_share(struct erg_listing *table, double part, double whole)
{
    char a[ERG_UNIT_BYTES];
    erg_listing_cell(table, erg_show_ratio(whole > 0 ? part / whole : NAN, a));
}

static void put_phase(struct erg_listing *table, const json_t *phase, double total, bool by_energy)
{
    char a[ERG_UNIT_BYTES];
    double tokens = erg_json_number(phase, "tokens");
    double per_token = erg_json_number(phase, "joules_per_token");
    double ms = erg_json_number(phase, "duration_ms"), mj = erg_json_number(phase, "energy_mj");
    erg_listing_cell(table, erg_json_text(phase, "phase"));
    put_share(table, by_energy ? mj : ms, total);
    erg_listing_cell(table, erg_show_energy(mj, a));
    erg_listing_cell(table, erg_show_time(ms, a));
    erg_listing_cell(table, erg_show_power(erg_json_number(phase, "average_power_mw"), a));
    erg_listing_cell(table, erg_show_count(tokens > 0 ? tokens : NAN, a));
    erg_listing_cell(table, erg_show_plain(erg_json_number(phase, "tokens_per_second"), a));
    erg_listing_cell(table, erg_show_energy(per_token * 1000, a));
}

static void put_sum(struct erg_listing *table, const char *name, double mj, double ms, double total,
                    bool by_energy)
{
    char a[ERG_UNIT_BYTES];
    erg_listing_cell(table, name);
    put_share(table, by_energy ? mj : ms, total);
    erg_listing_cell(table, erg_show_energy(mj, a));
    erg_listing_cell(table, erg_show_time(ms, a));
    erg_listing_cell(table, erg_show_power(ms > 0 ? mj / ms * 1000 : NAN, a));
    erg_listing_cell(table, "");
    erg_listing_cell(table, "");
    erg_listing_cell(table, "");
}

int erg_report_phases(const struct erg_report *report, struct erg_buf *out)
{
    static const char *const headings[] = {"phase", "share",  "energy", "time",
                                           "power", "tokens", "tok/s",  "per token"};
    const json_t *phases = json_object_get(report->summary, "phases");
    double total_mj = erg_json_number(report->summary, "total_energy_mj");
    double total_ms = erg_json_number(report->summary, "total_duration_ms");
    double rest_mj = total_mj, rest_ms = total_ms;
    bool by_energy = total_mj > 0;
    double total = by_energy ? total_mj : total_ms;
    struct erg_listing table = {0};
    size_t i;
    const json_t *phase;
    for (size_t c = 0; c < sizeof headings / sizeof headings[0]; c++)
        erg_listing_column(&table, headings[c], c > 0);
    json_array_foreach(phases, i, phase)
    {
        double mj = erg_json_number(phase, "energy_mj");
        put_phase(&table, phase, total, by_energy);
        rest_mj -= isfinite(mj) ? mj : 0;
        rest_ms -= erg_json_number(phase, "duration_ms");
    }
    /* Below a nanojoule and a nanosecond it is the rounding of this subtraction. */
    rest_mj = fabs(rest_mj) < 1e-6 ? 0 : rest_mj;
    rest_ms = fabs(rest_ms) < 1e-6 ? 0 : rest_ms;
    put_sum(&table, "between phases", rest_mj, rest_ms, total, by_energy);
    put_sum(&table, "total", total_mj, total_ms, total, by_energy);
    heading(report, out, by_energy ? "Where the energy went" : "Where the time went");
    int rc = erg_listing_write(&table, 2, out);
    erg_listing_deinit(&table);
    return rc;
}

/* --- components ---------------------------------------------------------------------------------
 */

struct part_table {
    struct erg_listing table;
    const char *mark; /* before a figure that is extrapolated */
    enum erg_metric metric;
    double whole;   /* of the phase, in the metric's unit */
    double largest; /* part, for the bars */
    double run;     /* of the run */
};

static void put_part(struct part_table *parts, const char *name, double mj, double ms)
{
    char bar[BAR_COLUMNS * 4], a[ERG_UNIT_BYTES];
    double value = parts->metric == ERG_METRIC_ENERGY ? mj : ms;
    erg_listing_cell(&parts->table, name);
    erg_listing_cell(&parts->table,
                     erg_show_bar(value / parts->largest, BAR_COLUMNS, bar, sizeof bar));
    put_share(&parts->table, value, parts->whole);
    erg_listing_cellf(&parts->table, "%s%s", isfinite(mj) ? parts->mark : "",
                      erg_show_energy(mj, a));
    erg_listing_cellf(&parts->table, "%s%s", parts->mark, erg_show_time(ms, a));
    put_share(&parts->table, value, parts->run);
}

/* The line that the ones above add up to. */
static void put_phase_total(struct part_table *parts, const json_t *phase)
{
    char name[64], a[ERG_UNIT_BYTES];
    snprintf(name, sizeof name, "all of %.40s", erg_json_text(phase, "phase"));
    erg_listing_cell(&parts->table, name);
    erg_listing_cell(&parts->table, "");
    put_share(&parts->table, parts->whole, parts->whole);
    erg_listing_cell(&parts->table, erg_show_energy(erg_json_number(phase, "energy_mj"), a));
    erg_listing_cell(&parts->table, erg_show_time(erg_json_number(phase, "duration_ms"), a));
    put_share(&parts->table, parts->whole, parts->run);
}

static void fill_parts(struct part_table *parts, const struct erg_rows *rows, size_t top,
                       const json_t *phase)
{
    double other_mj = 0, other_ms = 0, rest_mj = NAN, rest_ms = NAN;
    size_t shown = 0, others = 0;
    bool known = parts->metric == ERG_METRIC_ENERGY;
    for (size_t i = 0; i < rows->count; i++) {
        double mj = erg_row_value(&rows->items[i], ERG_METRIC_ENERGY);
        double ms = erg_row_value(&rows->items[i], ERG_METRIC_TIME);
        if (rows->items[i].replaced)
            continue;
        parts->mark = rows->items[i].extrapolated ? "~" : "";
        if (strcmp(rows->items[i].name, "unattributed") == 0) {
            rest_mj = mj;
            rest_ms = ms;
        } else if (shown < top) {
            put_part(parts, rows->items[i].name, mj, ms);
            shown++;
        } else {
            other_mj += isfinite(mj) ? mj : 0;
            other_ms += ms;
            others++;
        }
    }
    if (others) {
        char name[40];
        snprintf(name, sizeof name, "%zu others", others);
        put_part(parts, name, known ? other_mj : NAN, other_ms);
    }
    if (isfinite(rest_ms))
        put_part(parts, "unattributed", rest_mj, rest_ms);
    parts->mark = "";
    put_part(parts, "between passes", erg_json_number(phase, "unattributed_energy_mj"),
             erg_json_number(phase, "unattributed_ms"));
    put_phase_total(parts, phase);
}

static double largest_of(const struct erg_rows *rows, enum erg_metric metric)
{
    double largest = NAN;
    for (size_t i = 0; i < rows->count; i++) {
        if (!rows->items[i].replaced)
            largest = fmax(largest, erg_row_value(&rows->items[i], metric));
    }
    return largest;
}

static int write_parts(const struct erg_report *report, const json_t *phase,
                       const struct erg_rows *rows, enum erg_metric metric, struct erg_buf *out)
{
    static const char *const headings[] = {"component", "",     "share",
                                           "energy",    "time", "of the run"};
    bool known = metric == ERG_METRIC_ENERGY;
    char title[128], a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    double mj = erg_json_number(phase, "energy_mj"), ms = erg_json_number(phase, "duration_ms");
    struct part_table parts = {
        .mark = "",
        .metric = metric,
        .whole = known ? mj : ms,
        .largest = largest_of(rows, metric),
        .run = erg_json_number(report->summary, known ? "total_energy_mj" : "total_duration_ms"),
    };
    for (size_t c = 0; c < sizeof headings / sizeof headings[0]; c++)
        erg_listing_column(&parts.table, headings[c], c > 1);
    fill_parts(&parts, rows, report->top, phase);
    if (known)
        snprintf(title, sizeof title, "%.30s: %s in %s, by component",
                 erg_json_text(phase, "phase"), erg_show_energy(mj, a), erg_show_time(ms, b));
    else
        snprintf(title, sizeof title, "%.30s: %s, by component", erg_json_text(phase, "phase"),
                 erg_show_time(ms, b));
    heading(report, out, title);
    int rc = erg_listing_write(&parts.table, 2, out);
    struct erg_buf footnote = {0};
    erg_rows_footnote(rows, &footnote);
    if (footnote.len)
        erg_buf_printf(out, "  %s%s%s", erg_term_dim(report->term), erg_buf_view(&footnote),
                       erg_term_reset(report->term));
    rc = rc ? rc : erg_buf_status(&footnote);
    erg_buf_deinit(&footnote);
    erg_listing_deinit(&parts.table);
    return rc;
}

static int put_layers(const struct erg_report *report, uint32_t phase, struct erg_buf *out)
{
    struct erg_rows rows = {0};
    int rc = erg_rows_from_rollup(&rows, report->rollup, ERG_BY_LAYER, phase, report->names,
                                  report->names_user);
    enum erg_metric metric = erg_rows_have_energy(&rows) ? ERG_METRIC_ENERGY : ERG_METRIC_TIME;
    struct erg_buf line = {0};
    char a[ERG_UNIT_BYTES];
    double inside = 0;
    size_t layers = 0, shown = 0;
    for (size_t i = 0; i < rows.count; i++) {
        double value = erg_row_value(&rows.items[i], metric);
        inside += rows.items[i].layer >= 0 && isfinite(value) ? value : 0;
        layers += rows.items[i].layer >= 0;
    }
    erg_rows_sort(&rows, metric);
    for (size_t i = 0; i < rows.count && shown < 4 && layers > 1; i++) {
        if (rows.items[i].layer < 0)
            continue;
        erg_buf_printf(&line, "%s%lld (%s)", shown ? ", " : "", (long long)rows.items[i].layer,
                       erg_show_ratio(erg_row_value(&rows.items[i], metric) / inside, a));
        shown++;
    }
    if (shown)
        erg_buf_printf(&line, "; evenly each of the %zu would take %s", layers,
                       erg_show_ratio(1.0 / (double)layers, a));
    if (line.len)
        erg_buf_printf(out, "  hottest layers: %s\n", erg_buf_view(&line));
    erg_buf_deinit(&line);
    erg_rows_deinit(&rows);
    return rc;
}

static int put_components(const struct erg_report *report, uint32_t phase, const json_t *json,
                          struct erg_buf *out)
{
    struct erg_rows rows = {0};
    int rc = erg_rows_from_rollup(&rows, report->rollup, ERG_BY_COMPONENT, phase, report->names,
                                  report->names_user);
    enum erg_metric metric = erg_rows_have_energy(&rows) ? ERG_METRIC_ENERGY : ERG_METRIC_TIME;
    erg_rows_extrapolate(&rows);
    /* Without any span there is nothing to list but the phase itself. */
    bool bare = rows.count == 0 ||
                (rows.count == 1 &&
                 (rows.items[0].unprofiled || strcmp(rows.items[0].name, "unattributed") == 0));
    if (!rc && !bare) {
        erg_rows_sort(&rows, metric);
        rc = write_parts(report, json, &rows, metric, out);
    }
    erg_rows_deinit(&rows);
    return rc || bare ? rc : put_layers(report, phase, out);
}

static int put_all_components(const struct erg_report *report, struct erg_buf *out)
{
    static const uint32_t order[] = {ERG_PHASE_DECODE, ERG_PHASE_PREFILL};
    const json_t *phases = json_object_get(report->summary, "phases");
    for (size_t p = 0; p < sizeof order / sizeof order[0] && report->rollup; p++) {
        size_t i;
        const json_t *phase;
        json_array_foreach(phases, i, phase)
        {
            if (strcmp(erg_json_text(phase, "phase"), erg_phase_name(order[p])) != 0)
                continue;
            int rc = put_components(report, order[p], phase, out);
            if (rc)
                return rc;
        }
    }
    return 0;
}

/* --- footer -------------------------------------------------------------------------------------
 */

static void put_idle(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *s = report->summary;
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES], c[ERG_UNIT_BYTES];
    double idle = erg_json_number(s, "idle_power_mw"), net = erg_json_number(s, "net_energy_mj");
    double total = erg_json_number(s, "total_energy_mj");
    struct erg_buf line = {0};
    if (isfinite(idle) && isfinite(net))
        erg_buf_printf(&line, "%s at rest; the run took %s more than resting would have (%s)",
                       erg_show_power(idle, a), erg_show_energy(net, b),
                       erg_show_ratio(total > 0 ? net / total : NAN, c));
    flush_line(report, out, "idle", &line);
    double load = erg_json_number(s, "load_duration_ms");
    double load_mj = erg_json_number(s, "load_energy_mj");
    line = (struct erg_buf){0};
    if (isfinite(load)) {
        erg_buf_printf(&line, "%s to load the model", erg_show_time(load, a));
        if (isfinite(load_mj))
            erg_buf_printf(&line, ", %s", erg_show_energy(load_mj, b));
        erg_buf_puts(&line, "; in none of the totals");
    }
    flush_line(report, out, "loading", &line);
}

static void put_cost(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *s = report->summary, *grid = json_object_get(s, "grid");
    double usd = erg_json_number(s, "cost_usd"), grams = erg_json_number(s, "co2_g");
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    const char *date = erg_json_text(grid, "date");
    struct erg_buf line = {0};
    if (isfinite(usd) && isfinite(grams))
        erg_buf_printf(
            &line, "%s USD and %s g CO2 for a million such runs (%s%s%s: %g g and %g USD per kWh)",
            erg_show_plain(usd * 1e6, a), erg_show_plain(grams * 1e6, b),
            erg_json_text(grid, "region"), *date ? " " : "", date,
            erg_json_number(grid, "g_per_kwh"), erg_json_number(grid, "usd_per_kwh"));
    flush_line(report, out, "cost", &line);
}

static void put_percent(struct erg_buf *line, const char *sign, double value)
{
    int digits = fabs(value) < 10 ? 2 : fabs(value) < 100 ? 1 : 0;
    erg_buf_printf(line, "%s%.*f %%", sign, digits, fabs(value));
}

/* "+0.90 % ± 0.20 % slower (12 of 190 tokens ran bare)", or why that is not known. */
static void put_overhead(const struct erg_report *report, const json_t *profiler,
                         struct erg_buf *line)
{
    const json_t *interval = json_object_get(profiler, "overhead_ci_pct");
    double pct = erg_json_number(profiler, "overhead_pct");
    double bare = erg_json_number(profiler, "bare_tokens");
    double made = erg_json_number(report->summary, "output_tokens");
    const char *method = erg_json_text(profiler, "method");
    if (!isfinite(pct) || json_array_size(interval) != 2) {
        erg_buf_puts(line, "slowdown not measured");
        if (strchr(method, ' '))
            erg_buf_printf(line, " (%s)", method);
        return;
    }
    put_percent(line, pct < 0 ? "-" : "+", pct);
    erg_buf_puts(line, " ± ");
    put_percent(line, "",
                (json_number_value(json_array_get(interval, 1)) -
                 json_number_value(json_array_get(interval, 0))) /
                    2);
    erg_buf_printf(line, " slower (%.0f of %.0f tokens ran bare)", bare, made);
}

/* What a budget has made of the run. */
static void put_budget(const struct erg_report *report, const json_t *profiler, struct erg_buf *out)
{
    static const char *const names[] = {"bare", "traced", "standard", "deep"};
    static const char *const shown[] = {"ran bare", "traced", "with statistics", "in depth"};
    const json_t *tokens = json_object_get(profiler, "tokens_by_depth");
    double budget = erg_json_number(profiler, "budget_pct"), all = 0;
    char a[ERG_UNIT_BYTES];
    struct erg_buf line = {0};
    for (size_t i = 0; i < 4; i++) {
        double count = erg_json_number(tokens, names[i]);
        all += isfinite(count) ? count : 0;
    }
    for (size_t i = 4; i > 0 && isfinite(budget) && all > 0; i--) {
        double count = erg_json_number(tokens, names[i - 1]);
        if (count > 0)
            erg_buf_printf(&line, "%s%.0f %s (%s)", line.len ? ", " : "", count, shown[i - 1],
                           erg_show_ratio(count / all, a));
    }
    if (line.len)
        erg_buf_printf(&line, ": what fits %g %%", budget);
    flush_line(report, out, "budget", &line);
}

static void put_profiler(const struct erg_report *report, struct erg_buf *out)
{
    const json_t *profiler = json_object_get(report->summary, "profiler");
    double dropped = erg_json_number(profiler, "dropped_events");
    double others =
        erg_json_number(json_object_get(report->summary, "conditions"), "other_load_ratio");
    struct erg_buf line = {0};
    char a[ERG_UNIT_BYTES], text[128];
    put_overhead(report, profiler, &line);
    if (dropped > 0) {
        snprintf(text, sizeof text, "%.0f events lost", dropped);
        join(&line, text);
    }
    if (isfinite(others)) {
        snprintf(text, sizeof text, "other programs used %s of the CPUs",
                 erg_show_ratio(others, a));
        join(&line, text);
    }
    flush_line(report, out, "profiler", &line);
    put_budget(report, profiler, out);
}

static void put_warnings(const struct erg_report *report, struct erg_buf *out)
{
    static const char *const objects[] = {"power", "conditions"};
    for (size_t o = 0; o < sizeof objects / sizeof objects[0]; o++) {
        const json_t *object = json_object_get(report->summary, objects[o]);
        size_t i;
        const json_t *warning;
        json_array_foreach(json_object_get(object, "warnings"), i, warning)
        {
            if (json_is_string(warning))
                put_line(report, out, "warning", json_string_value(warning));
        }
    }
}

int erg_report_write(const struct erg_report *report, struct erg_buf *out, struct erg_err *err)
{
    erg_report_header(report, out);
    erg_buf_putc(out, '\n');
    put_total(report, out);
    put_rates(report, out);
    int rc = erg_report_phases(report, out);
    if (!rc)
        rc = put_all_components(report, out);
    erg_buf_putc(out, '\n');
    put_idle(report, out);
    put_cost(report, out);
    put_profiler(report, out);
    put_warnings(report, out);
    rc = rc ? rc : erg_buf_status(out);
    return rc ? erg_fail(err, rc, "cannot write the report: %s", erg_code_text(rc)) : 0;
}
