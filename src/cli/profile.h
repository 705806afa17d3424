/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_PROFILE_H
#define ERG_CLI_PROFILE_H

#include "cli/options.h"
#include "record/profile.h"

/*
 * Parse the texts "KEY=VALUE[,KEY=VALUE…]" of --profile; a key given twice takes its last value.
 * Layers are separated by ';' or, since nothing else is a bare number, by ','. The result borrows
 * nothing. INVALID with a message that names the option and the key.
 */
int erg_profile_parse(const struct erg_string_list *texts, struct erg_profile *out,
                      struct erg_err *err);

#endif
