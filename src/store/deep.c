/* SPDX-License-Identifier: MIT */
#include "store/deep.h"

#include <math.h>
#include <string.h>

const struct erg_attention_row *erg_attention_of(const struct erg_pass_row *pass, uint32_t span)
{
    uint32_t from = 0, to = pass->n_attention;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (pass->attention[middle].span == span)
            return &pass->attention[middle];
        if (pass->attention[middle].span < span)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct erg_routing_row *erg_routing_of(const struct erg_pass_row *pass, uint32_t span)
{
    uint32_t from = 0, to = pass->n_routing;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (pass->routing[middle].span == span)
            return &pass->routing[middle];
        if (pass->routing[middle].span < span)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

double erg_known_mean(const float *values, size_t n)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            continue;
        sum += (double)values[i];
        known++;
    }
    return known ? sum / (double)known : NAN;
}

double erg_load_balance(const uint64_t *counts, size_t n)
{
    double sum = 0, entropy = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)counts[i];
    if (sum <= 0 || n < 2)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double share = (double)counts[i] / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    double balance = entropy / log((double)n);
    return balance < 1 ? fabs(balance) : 1; /* rounding: at most 1, no −0 */
}

enum erg_extra_kind erg_extra_kind(const char *component, const char *operation)
{
    if (strcmp(operation, "activation") == 0 || strcmp(component, "activation") == 0)
        return ERG_EXTRA_KILL_RATIO;
    return strstr(component, "norm") ? ERG_EXTRA_VARIANCE_RATIO : ERG_EXTRA_NONE;
}
