/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_PRECHECK_H
#define ERG_ENGINE_PRECHECK_H

#include "base/err.h"

/*
 * Look for what libllama would answer with an abort rather than an error: NOT_FOUND, IO, CORRUPT or
 * UNSUPPORTED with the reason, 0 when the file may be given to it. Only metadata are read.
 */
int erg_precheck_model(const char *path, struct erg_err *err);

#endif
