/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_ASK_H
#define ERG_CLI_ASK_H

#include "base/err.h"

#include <stddef.h>

/*
 * Run `program argument` without input and take the first line it prints, control characters
 * replaced, into `out`. NOT_FOUND, DENIED … when it cannot be started, IO with its first line when
 * it fails or prints nothing, BUSY when it takes longer than `patience_ms`: then it is killed with
 * everything it has started.
 */
int erg_ask_program(const char *program, const char *argument, int patience_ms, char *out,
                    size_t out_bytes, struct erg_err *err);

#endif
