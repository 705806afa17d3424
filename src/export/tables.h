/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_TABLES_H
#define ERG_EXPORT_TABLES_H

#include "export/out.h"

/*
 * The tables of the CSV formats, RFC 4180 with line feeds, units in the names of the columns. Text
 * that a spreadsheet would take for a formula gets an apostrophe in front.
 */

/* Name of table `i`; NULL behind the last. */
const char *erg_table_name(size_t i);

/* Write a table, header line first. INVALID when there is none of that name. */
int erg_table_write(const struct erg_export_request *request, const char *table,
                    struct erg_err *err);

/* One cell with the comma behind it; erg_cell_end() turns the last one into a line feed. */
void erg_cell_text(struct erg_buf *line, const char *text, size_t len);
void erg_cell_int(struct erg_buf *line, int64_t value);
void erg_cell_real(struct erg_buf *line, double value); /* NaN is empty */
void erg_cell_micro(struct erg_buf *line, int64_t millionths);
/* Seven cells: the total, then the domains. */
void erg_cell_energy(struct erg_buf *line, const struct erg_energy *energy);
void erg_cell_end(struct erg_buf *line);

/* Header of what erg_cell_energy() writes. */
#define ERG_CSV_ENERGY                                                                             \
    "energy_mj,cpu_energy_mj,gpu_energy_mj,ane_energy_mj,dram_energy_mj,soc_energy_mj,"            \
    "other_energy_mj"

/* The tables of spans: "layers", "components", "operations" (tables_spans.c). */
int erg_table_write_spans(struct erg_out *out, unsigned keys);

#endif
