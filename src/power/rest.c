/* SPDX-License-Identifier: MIT */
#include "power/rest.h"

#include "base/mem.h"
#include "base/num.h"
#include "energy/curve.h"
#include "energy/wide.h"

#include <stdlib.h>

/* Readings that are kept of a channel that runs ahead of another; more are thinned out. */
enum { KEPT = 256 };

struct point {
    int64_t t_ns, nj;
};

struct operand {
    bool used;
    const struct erg_channel *channel;
    int64_t value;  /* the last one: energy at its maximum, or power */
    erg_u128 carry; /* half µW·ns that are no whole nJ yet */
    struct point points[KEPT];
    size_t count;
};

struct erg_rest {
    uint32_t count, machine;
    int64_t patience_ns;
    bool given;
    int64_t t_ns, nj; /* given last */
    struct operand operands[];
};

int erg_rest_new(struct erg_rest **out, const struct erg_channel *channels, uint32_t count,
                 uint32_t machine, int64_t patience_ns, struct erg_err *err)
{
    struct erg_rest *rest = erg_calloc(1, sizeof *rest + count * sizeof rest->operands[0]);
    if (!rest)
        return erg_fail(err, ERG_NOMEM, "cannot keep power channels: out of memory");
    rest->count = count;
    rest->machine = machine;
    rest->patience_ns = patience_ns;
    for (uint32_t i = 0; i < count; i++) {
        rest->operands[i].channel = &channels[i];
        rest->operands[i].used = i == machine || !channels[i].raw;
    }
    *out = rest;
    return 0;
}

void erg_rest_free(struct erg_rest *rest)
{
    free(rest);
}

/* Every second point is enough to tell where the energy was. */
static void thin_out(struct operand *operand)
{
    size_t kept = 0;
    for (size_t i = 0; i < operand->count; i += 2)
        operand->points[kept++] = operand->points[i];
    operand->count = kept;
}

static void put(struct operand *operand, int64_t t_ns, int64_t nj)
{
    if (operand->count == KEPT)
        thin_out(operand);
    operand->points[operand->count++] = (struct point){t_ns, nj};
}

/* What was used between the last reading and this one. */
static int64_t used_nj(struct operand *operand, int64_t elapsed_ns, int64_t value)
{
    const struct erg_channel *channel = operand->channel;
    int64_t before = operand->value;
    if (channel->quantity == ERG_QUANTITY_ENERGY) {
        if (value <= before)
            return 0;
        operand->value = value;
        return value - before;
    }
    operand->value = value;
    if (elapsed_ns > channel->max_gap_ns)
        return 0;
    operand->carry += ((erg_u128)(uint64_t)before + (uint64_t)value) * (uint64_t)elapsed_ns;
    erg_u128 whole = operand->carry / ERG_HALF_UWNS_PER_NJ;
    operand->carry %= ERG_HALF_UWNS_PER_NJ;
    return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

void erg_rest_add(struct erg_rest *rest, uint32_t channel, int64_t t_ns, int64_t value)
{
    struct operand *operand = &rest->operands[channel];
    value = value < 0 ? 0 : value;
    if (!operand->used)
        return;
    if (operand->count == 0) {
        operand->value = value;
        put(operand, t_ns, 0);
        return;
    }
    struct point last = operand->points[operand->count - 1];
    if (t_ns <= last.t_ns)
        return;
    int64_t used = used_nj(operand, t_ns - last.t_ns, value);
    put(operand, t_ns, erg_add_sat_i64(last.nj, used));
}

/* Energy at `t_ns`; what lies before that time is not asked for again. */
static int64_t energy_at(struct operand *operand, int64_t t_ns)
{
    size_t from = 0;
    while (from + 1 < operand->count && operand->points[from + 1].t_ns <= t_ns)
        from++;
    if (operand->count == 0)
        return 0;
    operand->count -= from;
    for (size_t i = 0; i < operand->count && from; i++)
        operand->points[i] = operand->points[i + from];
    struct point a = operand->points[0];
    if (operand->count == 1 || t_ns <= a.t_ns)
        return a.nj;
    struct point b = operand->points[1];
    return a.nj + (int64_t)((erg_u128)(uint64_t)(b.nj - a.nj) * (uint64_t)(t_ns - a.t_ns) /
                            (uint64_t)(b.t_ns - a.t_ns));
}

/* Up to when everything is known that is still alive; false before the machine's first reading. */
static bool known_until(const struct erg_rest *rest, int64_t *out_t_ns)
{
    const struct operand *machine = &rest->operands[rest->machine];
    if (machine->count == 0)
        return false;
    int64_t until = machine->points[machine->count - 1].t_ns, oldest = until - rest->patience_ns;
    for (uint32_t i = 0; i < rest->count; i++) {
        const struct operand *operand = &rest->operands[i];
        int64_t last = operand->count ? operand->points[operand->count - 1].t_ns : INT64_MIN;
        if (operand->used && last >= oldest && last < until)
            until = last;
    }
    *out_t_ns = until;
    return true;
}

bool erg_rest_take(struct erg_rest *rest, int64_t *out_t_ns, int64_t *out_nj)
{
    int64_t t_ns;
    if (!known_until(rest, &t_ns) || (rest->given && t_ns <= rest->t_ns))
        return false;
    erg_i128 rest_nj = energy_at(&rest->operands[rest->machine], t_ns);
    for (uint32_t i = 0; i < rest->count; i++) {
        if (rest->operands[i].used && i != rest->machine)
            rest_nj -= energy_at(&rest->operands[i], t_ns);
    }
    if (rest_nj > rest->nj)
        rest->nj = (int64_t)rest_nj;
    rest->given = true;
    rest->t_ns = t_ns;
    *out_t_ns = t_ns;
    *out_nj = rest->nj;
    return true;
}
