/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/*
 * Power samples: one row for each step of the sampling grid, made from one reading of every source.
 * A source that has nothing new at a step, because its sensor is slower or its reading late, keeps
 * the power it had, for as long as that is its way.
 */
enum { HELD_STEPS = 3 };

/* Power (mW) of channel `i` since its last grid reading; NaN for the first one. */
static double power_mw(struct erg_join *join, uint32_t i, int64_t t_ns, int64_t value)
{
    struct erg_sample_state *state = &join->sample_states[i];
    struct erg_sample_state before = *state;
    state->seen = true;
    state->t_ns = t_ns;
    state->value = value;
    if (join->channels[i].quantity == ERG_QUANTITY_POWER)
        return (double)value / 1e3;
    if (!before.seen || t_ns <= before.t_ns)
        return NAN;
    int64_t used = value > before.value ? value - before.value : 0;
    return (double)used / (double)(t_ns - before.t_ns) * 1e3;
}

/* For how long the power of channel `i` stands for it. */
static int64_t held_ns(const struct erg_join *join, uint32_t i)
{
    return HELD_STEPS * (join->channels[i].update_period_ns + join->header.interval_ns);
}

/* A source that has been read without one of its channels has lost it. */
static bool is_lost(const struct erg_join *join, uint32_t i)
{
    for (uint32_t k = 0; k < join->channel_count; k++) {
        if (join->sample_states[k].row == join->row_number &&
            strcmp(join->channels[k].source, join->channels[i].source) == 0 &&
            strcmp(join->channels[i].measures, ERG_CHANNEL_REST) != 0)
            return true;
    }
    return false;
}

static bool has_power(const struct erg_join *join, uint32_t i, int64_t t_ns)
{
    const struct erg_sample_state *state = &join->sample_states[i];
    if (join->channels[i].raw || isnan(state->mw))
        return false;
    return state->row == join->row_number ||
           (t_ns - state->t_ns <= held_ns(join, i) && !is_lost(join, i));
}

/* The row is as full as it gets: it becomes a sample. */
static int close_row(struct erg_join *join, struct erg_err *err)
{
    struct erg_sample_row row = {.t_ns = join->row_t_ns, .total_mw = NAN};
    join->row_open = false;
    for (int d = 0; d < ERG_DOMAINS; d++)
        row.mw[d] = NAN;
    for (uint32_t i = 0; i < join->channel_count; i++) {
        if (!has_power(join, i, row.t_ns))
            continue;
        double mw = join->sample_states[i].mw, *sum = &row.mw[join->channels[i].domain];
        *sum = isnan(*sum) ? mw : *sum + mw;
        row.total_mw = isnan(row.total_mw) ? mw : row.total_mw + mw;
    }
    if (isnan(row.total_mw))
        return 0;
    struct erg_pending *item = erg_calloc(1, sizeof *item);
    if (!item)
        return erg_fail(err, ERG_NOMEM, "no memory for a recording");
    item->kind = ERG_PENDING_SAMPLE;
    item->t1_ns = row.t_ns;
    item->sample = row;
    *join->last_sample = item;
    join->last_sample = &item->next;
    return 0;
}

/* Does the reading belong to a later step than the open row? */
static bool begins_row(const struct erg_join *join, const struct erg_reading_view *reading)
{
    if (reading->t_after_ns - join->row_t0_ns > join->header.interval_ns / 2)
        return true;
    for (uint32_t k = 0; k < reading->count; k++) {
        if (join->sample_states[reading->values[k].channel].row == join->row_number)
            return true;
    }
    return false;
}

static bool is_full(const struct erg_join *join)
{
    for (uint32_t i = 0; i < join->channel_count; i++) {
        if (join->sample_states[i].row != join->row_number && !join->channels[i].raw)
            return false;
    }
    return true;
}

int erg_join_sample(struct erg_join *join, const struct erg_reading_view *reading,
                    struct erg_err *err)
{
    int rc = 0;
    if (join->row_open && begins_row(join, reading))
        rc = close_row(join, err);
    if (!join->row_open) {
        join->row_open = true;
        join->row_number++;
        join->row_t0_ns = join->row_t_ns = reading->t_after_ns;
    }
    if (reading->t_after_ns > join->row_t_ns)
        join->row_t_ns = reading->t_after_ns;
    for (uint32_t k = 0; k < reading->count; k++) {
        const struct erg_channel_value *value = &reading->values[k];
        struct erg_sample_state *state = &join->sample_states[value->channel];
        state->row = join->row_number;
        state->mw =
            value->status ? NAN : power_mw(join, value->channel, reading->t_after_ns, value->value);
    }
    if (rc == 0 && is_full(join))
        rc = close_row(join, err);
    return rc;
}

int erg_join_last_sample(struct erg_join *join, struct erg_err *err)
{
    return join->row_open ? close_row(join, err) : 0;
}
