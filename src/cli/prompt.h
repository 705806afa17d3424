/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_PROMPT_H
#define ERG_CLI_PROMPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Prompts to run, one after the other; all texts live in `text`. */
struct erg_prompts {
    char *text;
    const char **items;
    size_t count;
};

/*
 * Prompts from `text`, or from the file `path` ("-" = standard input) when it is NULL; the line
 * break at the end of a file is not part of the prompt. `lines`: every line that is not empty is
 * one. INVALID for no prompt, one that is no UTF-8 (with the position) or holds a NUL byte.
 */
int erg_prompts_read(struct erg_prompts *out, const char *text, const char *path, bool lines,
                     struct erg_err *err);
void erg_prompts_deinit(struct erg_prompts *prompts);

#endif
