/* SPDX-License-Identifier: MIT */
#include "power/spread.h"

#include "base/err.h"
#include "base/num.h"

void erg_spread_init(struct erg_spread *spread, uint32_t count, int64_t patience_ns)
{
    *spread = (struct erg_spread){.patience_ns = patience_ns, .count = count};
}

static void tell(struct erg_spread_channel *channel, int64_t t_ns)
{
    channel->told_ns = t_ns;
    channel->pending = true;
}

static void publish(struct erg_spread_channel *channel, int64_t published_ns, int64_t nj)
{
    if (nj < channel->last_nj)
        channel->lost = true;
    else
        channel->total_nj = erg_add_sat_i64(channel->total_nj, nj - channel->last_nj);
    channel->last_nj = nj;
    channel->published_ns = published_ns;
    if (published_ns > channel->told_ns)
        tell(channel, published_ns);
}

void erg_spread_show(struct erg_spread *spread, uint32_t i, int64_t published_ns, int64_t nj,
                     int64_t now_ns)
{
    struct erg_spread_channel *channel = &spread->channels[i];
    int64_t t_ns = published_ns >= 0 && published_ns < now_ns ? published_ns : now_ns;
    if (!channel->started) {
        *channel =
            (struct erg_spread_channel){.started = true, .published_ns = t_ns, .last_nj = nj};
        tell(channel, t_ns);
        return;
    }
    /* Energy without a new time was published since we looked last. */
    bool moved = nj != channel->last_nj;
    if (moved && t_ns <= channel->told_ns)
        t_ns = now_ns;
    if (moved || t_ns > channel->published_ns)
        publish(channel, t_ns, nj);
    else if (now_ns - spread->patience_ns > channel->told_ns)
        tell(channel, now_ns - spread->patience_ns);
}

bool erg_spread_next(struct erg_spread *spread, int64_t *out_t_ns,
                     struct erg_channel_value *out_values)
{
    int64_t t_ns = INT64_MAX;
    for (uint32_t i = 0; i < spread->count; i++) {
        if (spread->channels[i].pending && spread->channels[i].told_ns < t_ns)
            t_ns = spread->channels[i].told_ns;
    }
    if (t_ns == INT64_MAX)
        return false;
    for (uint32_t i = 0; i < spread->count; i++) {
        struct erg_spread_channel *channel = &spread->channels[i];
        out_values[i] = (struct erg_channel_value){.status = (uint32_t)-ERG_BUSY};
        if (!channel->pending || channel->told_ns != t_ns)
            continue;
        if (channel->lost) { /* the reading itself comes next, at the same time */
            out_values[i].status = (uint32_t)-ERG_OVERRUN;
            channel->lost = false;
            continue;
        }
        out_values[i] = (struct erg_channel_value){.value = channel->total_nj};
        channel->pending = false;
    }
    *out_t_ns = t_ns;
    return true;
}
