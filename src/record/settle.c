/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"
#include "energy/attribution.h"
#include "store/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * A source that has said nothing for this long is not waited for any more. Macs may publish energy
 * every 2.2 s only, and a pause of it is told 3 s late (power/ioreport.c).
 */
#define PATIENCE_MIN_NS INT64_C(5000000000)

void erg_pending_free(struct erg_pending *item)
{
    if (!item)
        return;
    for (uint32_t i = 0; i < item->token_count; i++)
        free((char *)item->tokens[i].text);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(item->values[c]);
    erg_pending_free_details(item);
    free(item->tokens);
    free(item->spans);
    free(item);
}

static struct erg_window window_of(const struct erg_join *join, int64_t t0_ns, int64_t t1_ns)
{
    if (join->timeline)
        return erg_timeline_window(join->timeline, t0_ns, t1_ns);
    return (struct erg_window){.grade = ERG_GRADE_UNAVAILABLE};
}

/* A part of a measured whole is attributed, whatever the whole's own precision was. */
static enum erg_grade grade_of_part(enum erg_grade whole)
{
    return whole < ERG_GRADE_ATTRIBUTED ? ERG_GRADE_ATTRIBUTED : whole;
}

/* Book an item of a phase: the phase reaches to its end, and it is a child of the phase. */
static void book(struct erg_join *join, const struct erg_pending *item,
                 const struct erg_energy *energy)
{
    struct erg_phase_facts *phase = &join->phases[item->phase];
    if (!phase->seen) {
        phase->seen = true;
        phase->t0_ns = item->t0_ns - join->zero_ns;
    }
    phase->t1_ns = item->t1_ns - join->zero_ns;
    erg_energy_add(&join->phase_children[item->phase], energy);
    join->phase_children_ns[item->phase] += item->t1_ns - item->t0_ns;
    join->end_ns = item->t1_ns;
    if (join->timeline)
        erg_timeline_freeze(join->timeline, item->t1_ns);
}

static void emit_section(struct erg_join *join, const struct erg_pending *item)
{
    struct erg_window window = window_of(join, item->t0_ns, item->t1_ns);
    struct erg_section_row row = {
        .phase = item->phase,
        .name = item->name,
        .t0_ns = item->t0_ns - join->zero_ns,
        .t1_ns = item->t1_ns - join->zero_ns,
        .duration_ns = item->t1_ns - item->t0_ns,
        .energy = window.energy,
        .grade = window.grade,
    };
    book(join, item, &window.energy);
    erg_energy_add(&join->in_spans, &window.energy);
    if (join->sink.section)
        join->sink.section(join->sink.user, &row);
}

/* The tokens of a pass share its time and energy equally; what no token came for stays out. */
static int emit_tokens(struct erg_join *join, struct erg_pending *item)
{
    const struct erg_pass_row *pass = &item->pass;
    uint32_t n = pass->n_tokens > item->token_count ? pass->n_tokens : item->token_count;
    ERG_AUTO_FREE uint64_t *weights = erg_calloc(n, sizeof *weights);
    ERG_AUTO_FREE int64_t *parts = erg_calloc(n, sizeof *parts);
    if (!weights || !parts)
        return ERG_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        weights[i] = 1;
    erg_split_nj(pass->t1_ns - pass->t0_ns, weights, n, parts);
    for (uint32_t i = 0; i < item->token_count; i++)
        item->tokens[i].duration_ns = parts[i];
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!(pass->energy.present >> d & 1))
            continue;
        erg_split_nj(pass->energy.nj[d], weights, n, parts);
        for (uint32_t i = 0; i < item->token_count; i++)
            item->tokens[i].energy.nj[d] = parts[i];
    }
    for (uint32_t i = 0; i < item->token_count; i++) {
        struct erg_token_row *token = &item->tokens[i];
        token->t0_ns = pass->t0_ns;
        token->energy.present = pass->energy.present;
        token->grade = n > 1 ? grade_of_part(pass->grade) : pass->grade;
        if (token->phase == ERG_PHASE_DECODE) {
            join->output_tokens++;
            erg_buf_append(&join->response, token->text, token->text_len);
            if (erg_buf_status(&join->response))
                return erg_buf_status(&join->response);
        } else {
            join->input_tokens++;
        }
        if (join->sink.token)
            join->sink.token(join->sink.user, token);
    }
    return 0;
}

/* The running sum of a section, made when it is new; NULL when there are too many. */
static struct erg_section_sum *section_sum(struct erg_join *join, uint32_t phase, const char *name)
{
    for (size_t i = 0; i < join->section_count; i++) {
        if (join->sections[i].phase == phase && join->sections[i].name == name)
            return &join->sections[i];
    }
    if (join->section_count == ERG_MAX_SECTIONS)
        return NULL;
    struct erg_section_sum *sum = &join->sections[join->section_count++];
    *sum = (struct erg_section_sum){.phase = phase, .name = name, .t0_ns = INT64_MAX};
    return sum;
}

static void add_to_section(struct erg_join *join, const struct erg_pass_row *pass,
                           const struct erg_span *span, int64_t t0_ns,
                           const struct erg_energy *energy)
{
    int64_t duration_ns = (int64_t)span->ticks * ERG_TICK_NS;
    const char *name =
        span->component < join->name_count
            ? erg_component_section(join->names[span->component].component, pass->phase)
            : NULL;
    struct erg_section_sum *sum = name ? section_sum(join, pass->phase, name) : NULL;
    if (!sum)
        return;
    if (t0_ns < sum->t0_ns)
        sum->t0_ns = t0_ns;
    sum->t1_ns = t0_ns + duration_ns;
    sum->duration_ns += duration_ns;
    erg_energy_add(&sum->energy, energy);
    if (grade_of_part(pass->grade) > sum->grade)
        sum->grade = grade_of_part(pass->grade);
}

/* Sections of prefill and decode, and what of the pass's energy its spans account for. */
static int sum_sections(struct erg_join *join, const struct erg_pass_row *pass)
{
    ERG_AUTO_FREE struct erg_energy *parts = NULL;
    struct erg_energy rest;
    int rc = erg_pass_attribute(pass, &parts, &rest);
    int64_t t_ns = pass->t0_ns;
    for (uint32_t i = 0; rc == 0 && i < pass->n_spans; i++) {
        add_to_section(join, pass, &pass->spans[i], t_ns, &parts[i]);
        erg_energy_add(&join->in_spans, &parts[i]);
        t_ns += (int64_t)pass->spans[i].ticks * ERG_TICK_NS;
    }
    return rc;
}

static int emit_pass(struct erg_join *join, struct erg_pending *item, struct erg_err *err)
{
    struct erg_pass_row *pass = &item->pass;
    struct erg_window window = window_of(join, item->t0_ns, item->t1_ns);
    pass->t0_ns = item->t0_ns - join->zero_ns;
    pass->t1_ns = item->t1_ns - join->zero_ns;
    pass->energy = window.energy;
    pass->grade = window.grade;
    book(join, item, &window.energy);
    join->phases[item->phase].tokens += pass->n_tokens;
    if (pass->phase == ERG_PHASE_PREFILL)
        join->first_token_ns = item->t1_ns;
    if (pass->n_spans && !(pass->flags & ERG_PASS_BARE))
        join->profiled_tokens += pass->n_tokens;
    if (join->sink.pass)
        join->sink.pass(join->sink.user, pass);
    int rc = erg_overhead_add(&join->overhead, pass);
    if (rc == 0)
        rc = sum_sections(join, pass);
    if (rc == 0)
        rc = erg_rollup_add(join->rollup, pass, NULL);
    if (rc == 0)
        rc = emit_tokens(join, item);
    return rc ? erg_fail(err, rc, "no memory for the tokens of a pass") : 0;
}

/* The phase an instant belongs to; a gap between phases counts for the one before. */
static int32_t phase_at(const struct erg_join *join, int64_t t_ns)
{
    if (t_ns < join->zero_ns) {
        bool loading = join->has_load && t_ns > join->load_t0_ns && t_ns <= join->load_t1_ns;
        return loading ? ERG_SAMPLE_LOADING : ERG_SAMPLE_IDLE;
    }
    int32_t phase = ERG_PHASE_PRE_INFERENCE;
    for (int32_t p = 0; p < ERG_PHASES; p++) {
        if (join->phase_begun[p] && join->phase_start_ns[p] <= t_ns)
            phase = p;
    }
    return phase;
}

/*
 * Samples wait until it is known which phase they fall into: until the engine has reported
 * something at or after their time.
 */
static void settle_samples(struct erg_join *join, bool everything)
{
    while (join->first_sample && join->has_zero &&
           (everything || join->first_sample->t1_ns <= join->cursor_ns)) {
        struct erg_pending *item = join->first_sample;
        join->first_sample = item->next;
        if (!join->first_sample)
            join->last_sample = &join->first_sample;
        item->sample.phase = phase_at(join, item->t1_ns);
        item->sample.t_ns = item->t1_ns - join->zero_ns;
        join->sample_count++;
        if (join->sink.sample)
            join->sink.sample(join->sink.user, &item->sample);
        erg_pending_free(item);
    }
}

/* A pass may still get tokens while it is the last record and has fewer than it evaluated. */
static bool is_complete(const struct erg_join *join, const struct erg_pending *item)
{
    return item != join->open_pass || item->token_count >= item->pass.n_tokens;
}

int erg_join_settle(struct erg_join *join, bool everything, struct erg_err *err)
{
    int64_t patience = 10 * join->header.interval_ns;
    if (patience < PATIENCE_MIN_NS)
        patience = PATIENCE_MIN_NS;
    int64_t settled = join->timeline
                          ? erg_timeline_settled_ns(join->timeline, join->latest_ns, patience)
                          : INT64_MAX;
    int rc = 0;
    while (rc == 0 && join->first) {
        struct erg_pending *item = join->first;
        if (!everything && (item->t1_ns > settled || !is_complete(join, item)))
            break;
        if (item == join->open_pass)
            join->open_pass = NULL;
        join->first = item->next;
        if (!join->first)
            join->last = &join->first;
        if (item->kind == ERG_PENDING_PASS)
            rc = emit_pass(join, item, err);
        else
            emit_section(join, item);
        erg_pending_free(item);
    }
    settle_samples(join, everything);
    return rc;
}

void erg_join_flush_sections(struct erg_join *join)
{
    for (size_t i = 0; i < join->section_count && join->sink.section; i++) {
        const struct erg_section_sum *sum = &join->sections[i];
        struct erg_section_row row = {
            .phase = sum->phase,
            .name = sum->name,
            .t0_ns = sum->t0_ns,
            .t1_ns = sum->t1_ns,
            .duration_ns = sum->duration_ns,
            .energy = sum->energy,
            .grade = sum->grade,
        };
        join->sink.section(join->sink.user, &row);
    }
}
