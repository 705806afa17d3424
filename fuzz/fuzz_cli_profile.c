/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "cli/profile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct erg_profile *profile)
{
    double sparsity = profile->sparsity_threshold;
    double attention = profile->attention_sparsity_threshold;
    if (profile->power_interval_ms < 0 || profile->power_interval_ms > 60000 ||
        profile->sample_every < 0 || profile->sample_every > ERG_MAX_TOKENS ||
        profile->layer_stride < 0 || profile->layer_stride > ERG_MAX_LAYERS ||
        profile->bare_every < -1 || profile->bare_every == 1 ||
        profile->bare_every > ERG_MAX_TOKENS || profile->layer_count > ERG_PROFILE_LAYERS)
        abort();
    if (!(sparsity >= 0 && sparsity <= 1e30) || !(attention >= 0 && attention <= 1))
        abort();
    for (size_t i = 0; i < profile->layer_count; i++) {
        if (profile->layers[i] < 0 || profile->layers[i] >= ERG_MAX_LAYERS)
            abort();
    }
}

/* Texts of --profile separated by NUL bytes: what is taken is in range and makes options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_string_list texts = {.count = 0};
    struct erg_profile profile;
    struct erg_run_options options = {0};
    struct erg_err err = {.text = ""};
    const char *mode;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t at = 0; at < size && texts.count < 64; at += strlen(text + at) + 1)
        texts.items[texts.count++] = text + at;
    int rc = erg_profile_parse(&texts, &profile, &err);
    free(text);
    if (rc && (rc != ERG_INVALID || err.code != rc || !*err.text))
        abort();
    if (rc)
        return 0;
    check_ranges(&profile);
    rc = erg_profile_mode(&profile, NULL, &mode, &err);
    if (rc ? rc != ERG_INVALID || !*err.text : !mode)
        abort();
    erg_profile_apply(&profile, &options);
    return 0;
}
