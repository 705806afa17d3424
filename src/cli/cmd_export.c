/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *format, *output, *table;
    bool no_text;
};

#define FIELD(name) .offset = offsetof(struct options, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .name = "format",
     .value = "F",
     .choices = "json|csv|csv.zip|perfetto|chrome|speedscope|html|erg|sqlite",
     .help = "the format [from the name of the file, else json]",
     FIELD(format)},
    {.kind = ERG_OPT_STRING,
     .letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "where to write; '-' = standard output [-]",
     FIELD(output)},
    {.kind = ERG_OPT_CHOICE,
     .name = "table",
     .value = "TABLE",
     .choices = "runs|power_samples|sections|passes|tokens|layers|components|"
                "operations|host_samples",
     .help = "csv: which table [components]",
     FIELD(table)},
    {.kind = ERG_OPT_FLAG,
     .name = "no-text",
     .help = "html: leave out prompt, answer and the texts of tokens",
     FIELD(no_text)},
    {.kind = ERG_OPT_HEADING},
};

/* A file that appears under its name only when it is whole. */
struct output {
    int fd;
    char temporary[ERG_MAX_PATH_BYTES];
    struct erg_err failure; /* of the last write; exporters only know that it failed */
};

static int write_all(void *user, const void *bytes, size_t len)
{
    struct output *out = user;
    for (const char *at = bytes; len > 0;) {
        ssize_t n = write(out->fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return erg_fail_errno(&out->failure, errno, "cannot write the export");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int open_temporary(struct output *out, const char *path, struct erg_err *err)
{
    int len = snprintf(out->temporary, sizeof out->temporary, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof out->temporary)
        return erg_fail(err, ERG_LIMIT, "the path '%.64s…' is too long", path);
    out->fd = mkostemp(out->temporary, O_CLOEXEC);
    if (out->fd < 0)
        return erg_fail_errno(err, errno, "cannot create '%s'", path);
    mode_t mask = umask(0);
    umask(mask);
    fchmod(out->fd, 0666 & ~mask);
    return 0;
}

static int export_to_file(const struct erg_exporter *exporter, struct erg_export_request *request,
                          const char *path, struct erg_err *err)
{
    struct output out = {.fd = -1};
    int rc = open_temporary(&out, path, err);
    if (rc)
        return rc;
    request->user = &out;
    rc = exporter->write(request, err);
    if (rc && out.failure.code)
        *err = out.failure;
    if (!rc && fsync(out.fd) != 0 && errno != EINVAL)
        rc = erg_fail_errno(err, errno, "cannot write '%s'", path);
    if (close(out.fd) != 0 && !rc)
        rc = erg_fail_errno(err, errno, "cannot write '%s'", path);
    if (!rc && rename(out.temporary, path) != 0)
        rc = erg_fail_errno(err, errno, "cannot write '%s'", path);
    if (rc)
        unlink(out.temporary);
    return rc;
}

static int unknown_format(struct erg_cli *cli, const char *name)
{
    struct erg_buf list = {0};
    const char *names[32];
    size_t count = 0;
    for (; erg_exporter_at(count) && count < 31; count++) {
        names[count] = erg_exporter_at(count)->name;
        erg_buf_printf(&list, "%s%s", count ? ", " : "", names[count]);
    }
    names[count] = NULL;
    const char *near = erg_nearest(name, names);
    int status = near ? erg_cli_usage(cli, "unknown format '%.32s': did you mean '%s'?", name, near)
                      : erg_cli_usage(cli, "unknown format '%.32s'; known are %s", name,
                                      erg_buf_view(&list));
    erg_buf_deinit(&list);
    return status;
}

/* The format whose extension the file name has; the longest wins ("csv.zip" before "zip"). */
static const struct erg_exporter *by_extension(const char *path)
{
    const struct erg_exporter *best = NULL;
    size_t len = strlen(path);
    for (size_t i = 0; erg_exporter_at(i); i++) {
        const struct erg_exporter *exporter = erg_exporter_at(i);
        size_t tail = strlen(exporter->extension);
        bool fits = len > tail + 1 && path[len - tail - 1] == '.' &&
                    strcmp(path + len - tail, exporter->extension) == 0;
        if (fits && (!best || tail > strlen(best->extension)))
            best = exporter;
    }
    return best;
}

static int write_export(struct erg_cli *cli, const struct erg_exporter *exporter,
                        struct erg_export_request *request, const char *what, const char *path)
{
    struct erg_err err = {0};
    struct output standard = {.fd = STDOUT_FILENO};
    bool to_file = strcmp(path, "-") != 0;
    request->sink = write_all;
    request->user = &standard;
    int rc =
        to_file ? export_to_file(exporter, request, path, &err) : exporter->write(request, &err);
    if (rc == ERG_GONE && !to_file)
        return ERG_EXIT_OK;
    if (rc)
        return erg_cli_fail(cli, standard.failure.code ? &standard.failure : &err);
    if (to_file)
        erg_cli_note(cli, "%s written to '%s' as %s", what, path, exporter->name);
    return ERG_EXIT_OK;
}

static int export_run(struct erg_cli *cli, struct erg_store *store,
                      const struct erg_exporter *exporter, const char *path)
{
    const struct options *o = cli->options;
    struct erg_err err = {0};
    ERG_AUTO_FREE char *id = NULL;
    struct erg_export_request request = {
        .store = store, .table = o->table, .without_text = o->no_text};
    if (cli->arg_count > 1) {
        request.groups = cli->args;
        request.group_count = cli->arg_count;
        return write_export(cli, exporter, &request, "the comparison", path);
    }
    if (erg_store_resolve(store, cli->args[0], &id, &err))
        return erg_cli_fail(cli, &err);
    request.run_id = id;
    return write_export(cli, exporter, &request, id, path);
}

static int run(struct erg_cli *cli)
{
    const struct options *o = cli->options;
    const char *path = o->output ? o->output : "-";
    const struct erg_exporter *exporter = NULL;
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    if (o->format) {
        exporter = erg_exporter_find(o->format);
        if (!exporter)
            return unknown_format(cli, o->format);
    } else {
        exporter = by_extension(path);
        exporter = exporter ? exporter : erg_exporter_find("json");
    }
    if (!exporter)
        return erg_cli_usage(cli, "which format? --format F");
    if (o->table && strcmp(exporter->name, "csv") != 0)
        return erg_cli_usage(cli, "--table is for csv, not for %s", exporter->name);
    if (o->no_text && strcmp(exporter->name, "html") != 0)
        return erg_cli_usage(cli, "--no-text is for html, not for %s", exporter->name);
    if (cli->arg_count > 1 && strcmp(exporter->name, "html") != 0)
        return erg_cli_usage(cli, "%s takes one run; html compares several", exporter->name);
    if (!*path)
        return erg_cli_usage(cli, "the file name after --output is empty");
    if (erg_cli_open_store(cli, ERG_STORE_READ, &store, &err))
        return erg_cli_fail(cli, &err);
    int status = export_run(cli, store, exporter, path);
    erg_store_close(store);
    return status;
}

const struct erg_command erg_cmd_export = {
    .name = "export",
    .summary = "write a run to a file in another format",
    .usage = "RUN [RUN…] [--format F] [-o FILE]",
    .description =
        "Write all that is stored of a run; html is a page that shows it, or that compares\n"
        "two to four runs or groups, as 'ergon compare' takes them. The file appears under\n"
        "its name only when it is whole.",
    .options = options,
    .options_bytes = sizeof(struct options),
    .min_args = 1,
    .max_args = 4,
    .run = run,
};
