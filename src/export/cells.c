/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "export/tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void erg_cell_text(struct erg_buf *line, const char *text, size_t len)
{
    bool formula = len && memchr("=+-@\t\r", text[0], 6);
    bool quoted = false;
    for (size_t i = 0; i < len && !quoted; i++)
        quoted = strchr(",\"\r\n", text[i]) != NULL; /* a NUL too */
    if (quoted)
        erg_buf_putc(line, '"');
    if (formula)
        erg_buf_putc(line, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            erg_buf_putc(line, '"');
        erg_buf_putc(line, text[i]);
    }
    erg_buf_puts(line, quoted ? "\"," : ",");
}

void erg_cell_int(struct erg_buf *line, int64_t value)
{
    erg_buf_printf(line, "%" PRId64 ",", value);
}

void erg_cell_real(struct erg_buf *line, double value)
{
    char text[32] = "";
    if (isfinite(value))
        erg_format_double(value, text, sizeof text);
    erg_buf_puts(line, text);
    erg_buf_putc(line, ',');
}

void erg_cell_micro(struct erg_buf *line, int64_t millionths)
{
    char text[32];
    erg_format_micro(millionths, text, sizeof text);
    erg_buf_puts(line, text);
    erg_buf_putc(line, ',');
}

void erg_cell_energy(struct erg_buf *line, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_cell_micro(line, erg_energy_total_nj(energy));
    else
        erg_buf_putc(line, ',');
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            erg_cell_micro(line, energy->nj[d]);
        else
            erg_buf_putc(line, ',');
    }
}

void erg_cell_end(struct erg_buf *line)
{
    if (line->len && erg_buf_status(line) == 0)
        line->data[line->len - 1] = '\n';
}
