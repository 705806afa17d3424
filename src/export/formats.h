/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_FORMATS_H
#define ERG_EXPORT_FORMATS_H

#include "export/export.h"

/* One per file; the list in export.c gives their order. */
extern const struct erg_exporter erg_export_json;
extern const struct erg_exporter erg_export_csv;
extern const struct erg_exporter erg_export_csv_zip;
extern const struct erg_exporter erg_export_perfetto;
extern const struct erg_exporter erg_export_chrome;
extern const struct erg_exporter erg_export_speedscope;
extern const struct erg_exporter erg_export_html;
extern const struct erg_exporter erg_export_erg;
extern const struct erg_exporter erg_export_sqlite;

#endif
