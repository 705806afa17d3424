/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_SERVE_START_H
#define ERG_CLI_SERVE_START_H

#include "cli/cli.h"

/* What `ergon serve` says before it serves: where, with what store, models and power sources. */
struct erg_serve_start {
    const char *host, *token; /* NULL = no token */
    int port;
    const char *store_path;
    const struct erg_model_dirs *model_dirs;
    const struct erg_root *root;
    bool has_dashboard;
};

/* "http://127.0.0.1:8000/", with the token behind '#', where no server and no log sees it. */
void erg_serve_url(const struct erg_serve_start *start, char *out, size_t out_bytes);

/* Text or, with --json, one object in one line; an exit status. */
int erg_serve_print_start(const struct erg_cli *cli, const struct erg_serve_start *start);

#endif
