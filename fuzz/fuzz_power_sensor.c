/* SPDX-License-Identifier: MIT */
#include "power/gauge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number accepted is the number that is there: printed again it is found in the text. */
static void number(const char *text, size_t size)
{
    int64_t value, again;
    char shown[32];
    struct erg_err err = {.text = ""};
    int rc = erg_gauge_parse(text, size, &value, &err);
    if (rc) {
        if (rc != ERG_CORRUPT || err.code != rc || !*err.text)
            abort();
        return;
    }
    int len = snprintf(shown, sizeof shown, "%" PRId64 "\n", value);
    if (erg_gauge_parse(shown, (size_t)len, &again, NULL) || again != value)
        abort();
}

/* A small text of /sys: a number, or KEY=VALUE lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[32];
    number((const char *)data, size);
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (erg_gauge_uevent(text, "PCI_SLOT_NAME", out, sizeof out)) {
        char line[64];
        snprintf(line, sizeof line, "PCI_SLOT_NAME=%s", out);
        if (!*out || strchr(out, '\n') || !strstr(text, line))
            abort();
    }
    free(text);
    return 0;
}
