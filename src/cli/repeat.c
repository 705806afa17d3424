/* SPDX-License-Identifier: MIT */
#include "cli/repeat.h"

#include "cli/listing.h"
#include "cli/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONFIDENCE     0.95
#define ENOUGH         0.02
#define READINGS_LEAST 10

struct metric {
    const char *key;   /* of the summary and of the object */
    const char *title; /* in the table */
    const char *(*show)(double value, char *out);
};

static const char *show_joules(double joules, char *out)
{
    return erg_show_energy(joules * 1000, out);
}

static const struct metric metrics[ERG_REPEAT_METRICS] = {
    {"joules_per_token", "energy per token", show_joules},
    {"tokens_per_second", "tokens per second", erg_show_plain},
    {"time_to_first_token_ms", "first token after", erg_show_time},
    {"total_energy_mj", "energy", erg_show_energy},
    {"total_duration_ms", "time", erg_show_time},
};

static void add_phase(struct erg_repeat_phase *phase, const json_t *summary, const char *name)
{
    size_t i;
    const json_t *json;
    json_array_foreach(json_object_get(summary, "phases"), i, json)
    {
        const char *grade = erg_json_text(json, "grade");
        double ms = erg_json_number(json, "duration_ms");
        if (strcmp(erg_json_text(json, "phase"), name) != 0)
            continue;
        phase->total_ms += isfinite(ms) ? ms : 0;
        phase->short_of |= strcmp(grade, "interpolated") == 0;
        phase->ungraded |= strcmp(grade, "unavailable") == 0 || !*grade;
    }
}

void erg_repeat_add(struct erg_repeat *repeat, const json_t *summary)
{
    double interval = erg_json_number(json_object_get(summary, "power"), "interval_ms");
    repeat->runs++;
    for (size_t m = 0; m < ERG_REPEAT_METRICS; m++)
        erg_stats_add(&repeat->metrics[m], erg_json_number(summary, metrics[m].key));
    if (interval > repeat->interval_ms)
        repeat->interval_ms = interval;
    add_phase(&repeat->prefill, summary, "prefill");
    add_phase(&repeat->decode, summary, "decode");
}

struct erg_interval erg_repeat_interval(const struct erg_repeat *repeat,
                                        enum erg_repeat_metric metric)
{
    return erg_stats_interval(&repeat->metrics[metric], CONFIDENCE);
}

enum erg_repeat_metric erg_repeat_deciding(const struct erg_repeat *repeat)
{
    bool energy = repeat->runs && repeat->metrics[ERG_REPEAT_JOULES_PER_TOKEN].n == repeat->runs;
    return energy ? ERG_REPEAT_JOULES_PER_TOKEN : ERG_REPEAT_TOKENS_PER_SECOND;
}

static bool is_measured(const struct erg_repeat *repeat, const struct erg_repeat_phase *phase)
{
    if (phase->ungraded)
        return false;
    return !phase->short_of || phase->total_ms >= READINGS_LEAST * repeat->interval_ms;
}

bool erg_repeat_is_enough(const struct erg_repeat *repeat)
{
    enum erg_repeat_metric deciding = erg_repeat_deciding(repeat);
    struct erg_interval interval = erg_repeat_interval(repeat, deciding);
    if (repeat->runs < ERG_REPEAT_AUTO_LEAST || !(erg_interval_relative(&interval) < ENOUGH))
        return false;
    return deciding != ERG_REPEAT_JOULES_PER_TOKEN ||
           (is_measured(repeat, &repeat->prefill) && is_measured(repeat, &repeat->decode));
}

void erg_repeat_write_json(const struct erg_repeat *repeat, struct erg_jsonw *w)
{
    for (size_t m = 0; m < ERG_REPEAT_METRICS; m++) {
        struct erg_interval interval = erg_repeat_interval(repeat, (enum erg_repeat_metric)m);
        erg_jsonw_key(w, metrics[m].key);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kreal(w, "mean", interval.mean);
        erg_jsonw_kreal(w, "ci_low", interval.low);
        erg_jsonw_kreal(w, "ci_high", interval.high);
        erg_jsonw_kint(w, "n", (int64_t)interval.n);
        erg_jsonw_obj_end(w);
    }
}

int erg_repeat_write_table(const struct erg_repeat *repeat, struct erg_buf *out)
{
    static const char *const headings[] = {"mean of the runs", "", "± 95 %", "", "runs"};
    struct erg_listing table = {0};
    for (size_t c = 0; c < sizeof headings / sizeof headings[0]; c++)
        erg_listing_column(&table, headings[c], c > 0);
    for (size_t m = 0; m < ERG_REPEAT_METRICS; m++) {
        struct erg_interval interval = erg_repeat_interval(repeat, (enum erg_repeat_metric)m);
        char text[ERG_UNIT_BYTES];
        erg_listing_cell(&table, metrics[m].title);
        erg_listing_cell(&table, metrics[m].show(interval.mean, text));
        erg_listing_cell(&table, metrics[m].show((interval.high - interval.low) / 2, text));
        erg_listing_cell(&table, erg_show_ratio(erg_interval_relative(&interval), text));
        erg_listing_cellf(&table, "%zu", interval.n);
    }
    int rc = erg_listing_write(&table, 0, out);
    erg_listing_deinit(&table);
    return rc;
}
