/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_OPTIONS_H
#define ERG_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an option's value is, and the type of the field it is stored in. */
enum erg_option_kind {
    ERG_OPT_HEADING,  /* no option: `help` is a heading of the help text */
    ERG_OPT_FLAG,     /* bool, no value */
    ERG_OPT_STRING,   /* const char * */
    ERG_OPT_INT,      /* int64_t, min…max */
    ERG_OPT_REAL,     /* double, real_min…real_max */
    ERG_OPT_DURATION, /* int64_t nanoseconds; a bare number is seconds */
    ERG_OPT_CHOICE,   /* const char *, one of `choices` */
    ERG_OPT_LIST,     /* struct erg_string_list, may be given several times */
};

/* One option of a table; the last row has neither kind nor help. */
struct erg_option {
    enum erg_option_kind kind;
    char letter;       /* 0 = none */
    const char *name;  /* without "--" */
    const char *value; /* metavariable, NULL for flags */
    const char *help;  /* one line, lower case; what the default is stands in brackets */
    size_t offset;     /* of the field in the table's struct */
    int64_t min, max;
    double real_min, real_max;
    const char *choices; /* "minimal|standard|deep"; of other kinds what completion offers */
};

/* Values of an option that may be repeated; borrowed from the command line. */
struct erg_string_list {
    const char *items[64];
    size_t count;
};

/* An option table together with the struct it fills. */
struct erg_option_set {
    const struct erg_option *options;
    void *values;
};

/*
 * Parse arguments: options into the structs of `sets` (looked up in order), everything else, in
 * order, into out_rest, an array of `argc` pointers. Options and other arguments may be mixed; "--"
 * ends the options; "-" is no option. With `stop_at_word` parsing ends behind the first argument
 * that is no option. Returns the number of arguments consumed, or INVALID with a message that
 * names the option and, for an unknown one, the nearest that exists.
 */
int erg_options_parse(const struct erg_option_set *sets, size_t set_count, int argc,
                      const char *const *argv, bool stop_at_word, const char **out_rest,
                      size_t *out_rest_count, struct erg_err *err);

/* The help text's lines of a table. */
void erg_options_help(const struct erg_option *options, struct erg_buf *out);

#endif
