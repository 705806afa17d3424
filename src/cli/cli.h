/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_CLI_H
#define ERG_CLI_CLI_H

#include "base/err.h"
#include "base/jsonw.h"
#include "base/root.h"
#include "cli/options.h"
#include "cli/term.h"
#include "model/discover.h"
#include "store/store.h"

#include <stdio.h>

/* Exit statuses of the contract; erg_code_exit_status() maps the rest. */
enum erg_exit {
    ERG_EXIT_OK = 0,
    ERG_EXIT_NEGATIVE = 1, /* it works, and the answer is no */
    ERG_EXIT_USAGE = 2,
    ERG_EXIT_POWER = 3, /* a named power source cannot be used */
    ERG_EXIT_DATA = 4,
    ERG_EXIT_INCOMPLETE = 5, /* interrupted, or the engine died */
};

/* Values of the options that every command takes. */
struct erg_globals {
    const char *db;
    const char *models_dir;
    const char *log;
    const char *sysroot;
    bool json, quiet, help, version;
};

struct erg_command;

/* What a command gets to work with. */
struct erg_cli {
    const struct erg_command *command;
    struct erg_globals globals;
    const char *const *args; /* arguments that are no options */
    size_t arg_count;
    void *options; /* the command's own struct, filled */
    struct erg_term term;
    char program_dir[ERG_MAX_PATH_BYTES]; /* "" = not known */
};

/*
 * A command: one static const struct in a file of its own, listed in commands.c. `run` prints its
 * product to stdout and returns an exit status; errors go through erg_cli_fail(). It owns nothing
 * of what it is given.
 */
struct erg_command {
    const char *name;
    const char *summary;     /* one line, for the list of commands */
    const char *usage;       /* "RUN [options]", behind "ergon NAME " */
    const char *description; /* paragraphs of the help text; NULL = the summary */
    const struct erg_option *options;
    size_t options_bytes; /* size of the struct that `options` fills */
    const void *defaults; /* what the struct holds before; NULL = zero bytes */
    size_t min_args, max_args;
    bool hidden; /* for the build, not for people */
    int (*run)(struct erg_cli *cli);
};

/* Commands in the order of the help text; NULL behind the last. */
const struct erg_command *erg_command_at(size_t i);
const struct erg_command *erg_command_find(const char *name);

/* The options of every command, a table like a command's own. */
const struct erg_option *erg_cli_global_options(void);

/* The whole program: parse, run, return the exit status. */
int erg_cli_main(int argc, const char *const *argv);

/* "ergon run: <message>" on stderr; returns the exit status that belongs to the error's code. */
int erg_cli_fail(const struct erg_cli *cli, const struct erg_err *err);

/* The same for wrong usage, with a pointer to the help text; returns ERG_EXIT_USAGE. */
int erg_cli_usage(const struct erg_cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A line on stderr unless --quiet. */
void erg_cli_note(const struct erg_cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The store of --db, $ERGON_DB or the default path; `out` has room for `out_bytes`. */
int erg_cli_store_path(const struct erg_cli *cli, char *out, size_t out_bytes, struct erg_err *err);
int erg_cli_open_store(const struct erg_cli *cli, enum erg_store_mode mode, struct erg_store **out,
                       struct erg_err *err);
int erg_cli_model_dirs(const struct erg_cli *cli, struct erg_model_dirs *out, struct erg_err *err);
int erg_cli_root(const struct erg_cli *cli, struct erg_root *out, struct erg_err *err);

/* Write a finished text to stdout; ERG_EXIT_OK or, with a message, ERG_EXIT_DATA. */
int erg_cli_put(const struct erg_cli *cli, const struct erg_buf *text);

/* A JSON writer that ends at stdout; finish with erg_cli_json_end(), which adds a line break. */
void erg_cli_json_begin(struct erg_jsonw *w, struct erg_buf *scratch);
int erg_cli_json_end(const struct erg_cli *cli, struct erg_jsonw *w);

#endif
