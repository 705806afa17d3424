/* SPDX-License-Identifier: MIT */
#include "export/formats.h"
#include "export/tables.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>

/* Every table as a file of one ZIP archive, written as it goes (sizes behind the data). */
struct zip_export {
    const struct erg_export_request *request;
    struct archive *archive;
    int status; /* first failure of the sink */
};

/* After a failure bytes are swallowed: an archive that is not completed leaks its compressor. */
static la_ssize_t on_bytes(struct archive *archive, void *user, const void *bytes, size_t len)
{
    struct zip_export *export = user;
    (void)archive;
    if (export->status == 0)
        export->status = export->request->sink(export->request->user, bytes, len);
    return (la_ssize_t)len;
}

static int fail(const struct zip_export *export, struct erg_err *err)
{
    if (export->status)
        return erg_out_fail(err, export->status);
    const char *why = archive_error_string(export->archive);
    return erg_fail(err, ERG_NOMEM, "cannot make the archive: %s", why ? why : "out of memory");
}

/* Rows of a table, on their way into the archive. */
static int on_rows(void *user, const void *bytes, size_t len)
{
    struct zip_export *export = user;
    if (archive_write_data(export->archive, bytes, len) != (la_ssize_t)len)
        return ERG_NOMEM;
    return export->status;
}

static int begin_file(struct zip_export *export, const char *table, struct erg_err *err)
{
    char name[64];
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return erg_fail(err, ERG_NOMEM, "no memory for the archive");
    snprintf(name, sizeof name, "%s.csv", table);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 946684800, 0); /* the same run gives the same bytes */
    int rc = archive_write_header(export->archive, entry);
    archive_entry_free(entry);
    return rc == ARCHIVE_OK && !export->status ? 0 : fail(export, err);
}

static int write_tables(struct zip_export *export, struct erg_err *err)
{
    struct erg_export_request request = *export->request;
    request.sink = on_rows;
    request.user = export;
    const char *table;
    for (size_t i = 0; (table = erg_table_name(i)) != NULL; i++) {
        int rc = begin_file(export, table, err);
        if (rc == 0)
            rc = erg_table_write(&request, table, err);
        bool finished = archive_write_finish_entry(export->archive) == ARCHIVE_OK;
        if (rc == 0 && (!finished || export->status))
            rc = fail(export, err);
        if (rc)
            return rc;
    }
    bool closed = archive_write_close(export->archive) == ARCHIVE_OK;
    return closed && !export->status ? 0 : fail(export, err);
}

static int write_zip(const struct erg_export_request *request, struct erg_err *err)
{
    struct zip_export export = {.request = request, .archive = archive_write_new()};
    if (!export.archive)
        return erg_fail(err, ERG_NOMEM, "no memory for the archive");
    int rc = 0;
    if (archive_write_set_format_zip(export.archive) != ARCHIVE_OK ||
        archive_write_set_options(export.archive, "zip:compression=deflate") != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(export.archive, 1) != ARCHIVE_OK ||
        archive_write_open(export.archive, &export, NULL, on_bytes, NULL) != ARCHIVE_OK)
        rc = fail(&export, err);
    if (rc == 0)
        rc = write_tables(&export, err);
    if (rc && !export.status)
        export.status = rc;
    archive_write_free(export.archive);
    return rc;
}

const struct erg_exporter erg_export_csv_zip = {
    .name = "csv.zip",
    .summary = "every table as comma-separated values, in one archive",
    .media_type = "application/zip",
    .extension = "csv.zip",
    .write = write_zip,
};
