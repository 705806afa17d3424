/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_PARAMS_H
#define ERG_SERVER_PARAMS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The query of a request: what a route takes, and what a client sent. Whatever is not declared, not
 * in its range, there twice, or no UTF-8 is refused before a handler sees it.
 */
enum erg_param_kind {
    ERG_PARAM_TEXT,   /* least…most: bytes */
    ERG_PARAM_INT,    /* least…most: the number */
    ERG_PARAM_REAL,   /* least…most: the number */
    ERG_PARAM_FLAG,   /* true, false */
    ERG_PARAM_CHOICE, /* one of `choices` */
};

struct erg_param_spec {
    const char *name; /* NULL ends a list */
    enum erg_param_kind kind;
    double least, most;
    const char *choices; /* "a|b|c" */
    bool required;
};

enum { ERG_PARAMS_MOST = 20 };

struct erg_params {
    const struct erg_param_spec *specs;
    struct {
        const char *text; /* decoded; NULL = not given */
        double number;    /* INT, REAL; FLAG: 0 or 1 */
    } values[ERG_PARAMS_MOST];
    char *decoded; /* the texts */
};

/*
 * Read the query (what stands behind '?', as it was sent). INVALID says which parameter is wrong,
 * what it was, and what it may be; `out` is to be released in any case.
 */
int erg_params_parse(struct erg_params *out, const struct erg_param_spec *specs, const char *query,
                     struct erg_err *err);
void erg_params_deinit(struct erg_params *params);

/* Names are those of the specs; a name that is none is a bug. NULL and `fallback`: not given. */
const char *erg_param_text(const struct erg_params *params, const char *name);
int64_t erg_param_int(const struct erg_params *params, const char *name, int64_t fallback);
double erg_param_real(const struct erg_params *params, const char *name, double fallback);
bool erg_param_flag(const struct erg_params *params, const char *name, bool fallback);

#endif
