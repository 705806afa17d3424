/* SPDX-License-Identifier: MIT */
#include "power/ioreport.h"

#include "base/num.h"
#include "energy/wide.h"

#include <string.h>

static bool begins_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

static bool ends_with(const char *name, const char *word)
{
    size_t len = strlen(name), word_len = strlen(word);
    return len >= word_len && strcmp(name + len - word_len, word) == 0;
}

uint64_t erg_ioreport_ticks(const void *raw_element, size_t bytes)
{
    uint64_t ticks = 0;
    if (bytes >= ERG_IOREPORT_TICKS_AT + sizeof ticks)
        memcpy(&ticks, (const char *)raw_element + ERG_IOREPORT_TICKS_AT, sizeof ticks);
    return ticks;
}

/* The total it belongs to, or −1. "ECPU0", "PACC_0" and others are parts of totals. */
static int total_of(const char *name)
{
    if (strcmp(name, "GPU Energy") == 0)
        return ERG_IOREPORT_GPU;
    if (ends_with(name, "CPU Energy"))
        return ERG_IOREPORT_CPU;
    if (begins_with(name, "ANE"))
        return ERG_IOREPORT_ANE;
    if (begins_with(name, "DRAM"))
        return ERG_IOREPORT_DRAM;
    return begins_with(name, "GPU SRAM") ? ERG_IOREPORT_GPU_SRAM : -1;
}

bool erg_ioreport_wanted(const char *name)
{
    return total_of(name) >= 0;
}

/* Nanojoules of one; 0 for a unit that is not known. */
static int64_t unit_nj(const char *unit)
{
    static const struct {
        const char *name;
        int64_t nj;
    } units[] = {{"mJ", 1000000}, {"uJ", 1000}, {"nJ", 1}};
    size_t len = strlen(unit);
    while (len && unit[len - 1] == ' ')
        len--;
    size_t blanks = strspn(unit, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (len == blanks + 2 && strncmp(unit + blanks, units[i].name, 2) == 0)
            return units[i].nj;
    }
    return 0;
}

static void add(struct erg_ioreport_sums *sums, int total, const struct erg_ioreport_item *item)
{
    int64_t nj = unit_nj(item->unit), product;
    if (nj == 0 || item->count < 0)
        return;
    if (__builtin_mul_overflow(item->count, nj, &product))
        product = INT64_MAX;
    sums->nj[total] = erg_add_sat_i64(sums->nj[total], product);
    sums->present |= 1u << total;
    if (item->ticks > sums->ticks[total])
        sums->ticks[total] = item->ticks;
}

void erg_ioreport_sum(const struct erg_ioreport_item *items, size_t count,
                      struct erg_ioreport_sums *out)
{
    *out = (struct erg_ioreport_sums){0};
    bool whole = false;
    for (size_t i = 0; i < count; i++)
        whole = whole || strcmp(items[i].name, "CPU Energy") == 0;
    for (size_t i = 0; i < count; i++) {
        int total = total_of(items[i].name);
        if (total == ERG_IOREPORT_CPU && whole && strcmp(items[i].name, "CPU Energy") != 0)
            continue;
        if (total >= 0)
            add(out, total, &items[i]);
    }
}

int64_t erg_ioreport_time_ns(uint64_t ticks, uint32_t numerator, uint32_t denominator,
                             int64_t now_ns)
{
    if (ticks == 0 || numerator == 0 || denominator == 0 || now_ns < 0)
        return -1;
    erg_u128 ns = (erg_u128)ticks * numerator / denominator;
    return ns <= (uint64_t)now_ns ? (int64_t)ns : -1;
}
