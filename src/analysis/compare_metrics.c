/* SPDX-License-Identifier: MIT */
#include "analysis/compare.h"

#include "base/nearest.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

#define SUMMARY(name) .key = (name), .member = (name)

static const struct erg_compare_metric metrics[] = {
    {SUMMARY("joules_per_token"), .title = "energy per token", .by_default = true},
    {SUMMARY("joules_per_input_token"), .title = "prefill energy per token", .by_default = true},
    {SUMMARY("joules_per_output_token"), .title = "decode energy per token", .by_default = true},
    {SUMMARY("tokens_per_second"), .title = "decode tokens per second", .unit = ERG_COMPARE_NUMBER,
     .higher_is_better = true, .by_default = true},
    {SUMMARY("prefill_tokens_per_second"), .title = "prefill tokens per second",
     .unit = ERG_COMPARE_NUMBER, .higher_is_better = true, .by_default = true},
    {SUMMARY("time_to_first_token_ms"), .title = "first token after",
     .unit = ERG_COMPARE_MILLISECONDS, .by_default = true},
    {SUMMARY("energy_per_million_parameters_mj"), .title = "energy per million parameters",
     .unit = ERG_COMPARE_MILLIJOULES, .by_default = true},
    {.key = "prefill_energy_per_million_parameters_mj",
     .title = "prefill, per million parameters",
     .unit = ERG_COMPARE_MILLIJOULES,
     .phase = "prefill",
     .member = "energy_mj",
     .per_million_parameters = true,
     .by_default = true},
    {.key = "decode_energy_per_million_parameters_mj",
     .title = "decode, per million parameters",
     .unit = ERG_COMPARE_MILLIJOULES,
     .phase = "decode",
     .member = "energy_mj",
     .per_million_parameters = true,
     .by_default = true},
    {SUMMARY("average_power_mw"), .title = "average power", .unit = ERG_COMPARE_MILLIWATTS,
     .by_default = true},
    {.key = "prefill_average_power_mw",
     .title = "average power, prefill",
     .unit = ERG_COMPARE_MILLIWATTS,
     .phase = "prefill",
     .member = "average_power_mw",
     .by_default = true},
    {.key = "decode_average_power_mw",
     .title = "average power, decode",
     .unit = ERG_COMPARE_MILLIWATTS,
     .phase = "decode",
     .member = "average_power_mw",
     .by_default = true},
    {SUMMARY("peak_power_mw"), .title = "peak power", .unit = ERG_COMPARE_MILLIWATTS},
    {SUMMARY("total_energy_mj"), .title = "energy", .unit = ERG_COMPARE_MILLIJOULES},
    {SUMMARY("net_energy_mj"), .title = "energy above idle", .unit = ERG_COMPARE_MILLIJOULES},
    {SUMMARY("total_duration_ms"), .title = "time", .unit = ERG_COMPARE_MILLISECONDS},
    {SUMMARY("tokens_per_joule"), .title = "tokens per joule", .unit = ERG_COMPARE_NUMBER,
     .higher_is_better = true},
    {SUMMARY("energy_delay_product_js"), .title = "energy × time, J·s", .unit = ERG_COMPARE_NUMBER},
    {SUMMARY("cost_usd"), .title = "cost, USD", .unit = ERG_COMPARE_NUMBER},
    {SUMMARY("co2_g"), .title = "CO2, g", .unit = ERG_COMPARE_NUMBER},
};

_Static_assert(sizeof metrics / sizeof metrics[0] == ERG_COMPARE_METRICS, "one row per metric");

const struct erg_compare_metric *erg_compare_metric_at(size_t i)
{
    return i < ERG_COMPARE_METRICS ? &metrics[i] : NULL;
}

const char *erg_compare_unit_name(enum erg_compare_unit unit)
{
    static const char *const units[] = {
        [ERG_COMPARE_JOULES] = "J",        [ERG_COMPARE_MILLIJOULES] = "mJ",
        [ERG_COMPARE_MILLISECONDS] = "ms", [ERG_COMPARE_MILLIWATTS] = "mW",
        [ERG_COMPARE_NUMBER] = "",
    };
    return units[unit];
}

int erg_compare_metric_find(const char *key)
{
    for (int i = 0; i < ERG_COMPARE_METRICS; i++) {
        if (strcmp(metrics[i].key, key) == 0)
            return i;
    }
    return -1;
}

void erg_compare_select_default(struct erg_compare *compare)
{
    for (size_t i = 0; i < ERG_COMPARE_METRICS; i++)
        compare->selected[i] |= metrics[i].by_default;
}

static int find(const char *key, size_t *out, struct erg_err *err)
{
    const char *keys[ERG_COMPARE_METRICS + 1] = {NULL};
    int found = erg_compare_metric_find(key);
    if (found >= 0) {
        *out = (size_t)found;
        return 0;
    }
    for (size_t i = 0; i < ERG_COMPARE_METRICS; i++)
        keys[i] = metrics[i].key;
    const char *near = erg_nearest(key, keys);
    if (near)
        return erg_fail(err, ERG_INVALID, "unknown metric '%.64s': did you mean '%s'?", key, near);
    return erg_fail(err, ERG_INVALID, "unknown metric '%.64s', such as joules_per_token", key);
}

int erg_compare_select(struct erg_compare *compare, const char *key, struct erg_err *err)
{
    size_t metric;
    int rc = find(key, &metric, err);
    if (!rc)
        compare->selected[metric] = true;
    return rc;
}

int erg_compare_add_gate(struct erg_compare *compare, const char *text, struct erg_err *err)
{
    char key[64], number[32];
    struct erg_compare_gate gate = {0};
    double percent;
    size_t key_len = strcspn(text, "+-"), sign = key_len;
    const char *digits = text + sign + (text[sign] != '\0');
    size_t digits_len = strcspn(digits, "%");
    bool shaped = text[sign] && key_len && key_len < sizeof key && digits_len &&
                  digits_len < sizeof number && strcmp(digits + digits_len, "%") == 0;
    if (!shaped)
        return erg_fail(err, ERG_INVALID,
                        "a limit is METRIC+PCT%% or METRIC-PCT%%, such as joules_per_token+5%%, "
                        "not '%.64s'",
                        text);
    if (compare->gate_count == ERG_COMPARE_GATES)
        return erg_fail(err, ERG_LIMIT, "more than %d limits", ERG_COMPARE_GATES);
    memcpy(key, text, key_len);
    key[key_len] = '\0';
    memcpy(number, digits, digits_len);
    number[digits_len] = '\0';
    int rc = find(key, &gate.metric, err);
    if (!rc && erg_parse_double(number, 0, text[sign] == '-' ? 100 : 1e6, &percent, NULL))
        rc = erg_fail(err, ERG_INVALID, "'%.64s': '%.32s' is no percentage within the limits", text,
                      number);
    if (rc)
        return rc;
    gate.limit_ratio = (text[sign] == '-' ? -percent : percent) / 100;
    snprintf(gate.text, sizeof gate.text, "%s%c%s%%", key, text[sign], number);
    compare->selected[gate.metric] = true;
    compare->gates[compare->gate_count++] = gate;
    return 0;
}

/* The figures of each set; NULL ends a list. "normalized" has those of the default. */
static const struct {
    const char *name;
    const char *metrics[8];
} sets[] = {
    {"normalized", {NULL}},
    {"token",
     {"joules_per_token", "tokens_per_joule", "tokens_per_second", "prefill_tokens_per_second"}},
    {"input_token",
     {"joules_per_input_token", "prefill_tokens_per_second", "time_to_first_token_ms"}},
    {"output_token", {"joules_per_output_token", "tokens_per_second"}},
    {"second", {"average_power_mw", "prefill_average_power_mw", "decode_average_power_mw"}},
    {"million_parameters",
     {"energy_per_million_parameters_mj", "prefill_energy_per_million_parameters_mj",
      "decode_energy_per_million_parameters_mj"}},
    {"none",
     {"total_energy_mj", "net_energy_mj", "total_duration_ms", "peak_power_mw",
      "energy_delay_product_js", "cost_usd", "co2_g"}},
};

const char *erg_compare_set_at(size_t i)
{
    return i < sizeof sets / sizeof sets[0] ? sets[i].name : NULL;
}

int erg_compare_select_set(struct erg_compare *compare, const char *name, struct erg_err *err)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (strcmp(sets[i].name, name) != 0)
            continue;
        if (i == 0)
            erg_compare_select_default(compare);
        int rc = 0;
        for (size_t m = 0; sets[i].metrics[m] && rc == 0; m++)
            rc = erg_compare_select(compare, sets[i].metrics[m], err);
        return rc;
    }
    return erg_fail(err, ERG_INVALID,
                    "must be one of normalized, token, input_token, output_token, second, "
                    "million_parameters, none");
}
