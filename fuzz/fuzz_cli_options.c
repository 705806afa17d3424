/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct values {
    bool flag;
    const char *text, *choice;
    int64_t count, age_ns;
    double ratio;
    struct erg_string_list tags;
};

#define ROW(k, l, n, field)                                                                        \
    .kind = (k), .letter = (l), .name = (n), .value = "V", .help = "h",                            \
    .offset = offsetof(struct values, field)

static const struct erg_option table[] = {
    {ROW(ERG_OPT_FLAG, 'a', "all", flag)},
    {ROW(ERG_OPT_STRING, 'm', "model", text)},
    {ROW(ERG_OPT_CHOICE, 0, "mode", choice), .choices = "minimal|standard|deep"},
    {ROW(ERG_OPT_INT, 'n', "tokens", count), .min = -5, .max = 100},
    {ROW(ERG_OPT_REAL, 0, "temp", ratio), .real_max = 2},
    {ROW(ERG_OPT_DURATION, 0, "older-than", age_ns), .max = INT64_MAX},
    {ROW(ERG_OPT_LIST, 0, "tag", tags), .max = 32},
    {.kind = ERG_OPT_HEADING},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Arguments separated by NUL bytes: what is accepted is in range, what is not has a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *argv[64], *rest[64];
    int argc = 0;
    size_t rest_count = 0;
    struct values values = {.count = 1};
    struct erg_option_set set = {table, &values};
    struct erg_err err = {0};
    char *text = malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t at = 0; at < size && argc < 64; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    bool stop = argc % 2;
    int used = erg_options_parse(&set, 1, argc, argv, stop, rest, &rest_count, &err);
    assert(used <= argc && values.count >= -5 && values.count <= 100);
    assert(values.ratio >= 0 && values.ratio <= 2 && values.age_ns >= 0 && values.tags.count <= 32);
    assert(used >= 0 || (used == ERG_INVALID && err.text[0]));
    assert(used < 0 || (rest_count <= (size_t)used && (!stop || rest_count <= 1)));
    free(text);
    return 0;
}
