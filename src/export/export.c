/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include "export/formats.h"

#include <string.h>

static const struct erg_exporter *const exporters[] = {
    &erg_export_json,     &erg_export_csv,    &erg_export_csv_zip,
    &erg_export_perfetto, &erg_export_chrome, &erg_export_speedscope,
    &erg_export_html,     &erg_export_erg,    &erg_export_sqlite,
};

const struct erg_exporter *erg_exporter_at(size_t i)
{
    return i < sizeof exporters / sizeof exporters[0] ? exporters[i] : NULL;
}

const struct erg_exporter *erg_exporter_find(const char *name)
{
    const struct erg_exporter *exporter;
    for (size_t i = 0; (exporter = erg_exporter_at(i)) != NULL; i++) {
        if (strcmp(exporter->name, name) == 0)
            return exporter;
    }
    return NULL;
}
