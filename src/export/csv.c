/* SPDX-License-Identifier: MIT */
#include "export/formats.h"
#include "export/tables.h"

static int write_csv(const struct erg_export_request *request, struct erg_err *err)
{
    return erg_table_write(request, request->table ? request->table : "components", err);
}

const struct erg_exporter erg_export_csv = {
    .name = "csv",
    .summary = "one table as comma-separated values",
    .media_type = "text/csv; charset=utf-8",
    .extension = "csv",
    .write = write_csv,
};
