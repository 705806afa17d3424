/* SPDX-License-Identifier: MIT */
#include "power/replay_csv.h"

#include "base/num.h"
#include "power/exact.h"

#include <math.h>
#include <string.h>

enum { MAX_COLUMNS = ERG_DOMAINS + 1, MAX_FIELD = 48, TIME_COLUMN = -1 };

#define MAX_T_MS (ERG_EXACT_MAX_NS / 1e6)
#define MAX_MW   (ERG_EXACT_MAX_UW / 1e3)
#define MAX_MJ   9e12 /* of a cumulative column, so that nJ fit */
#define CSV_HINT "t_ms and one _mw or _mj column per domain: cpu gpu ane dram soc other"

struct reader {
    const char *p, *end;
    size_t line;             /* number of the current one, from 1 */
    int layout[MAX_COLUMNS]; /* index into replay->columns per field, or TIME_COLUMN */
    size_t fields;
    int64_t last_t_ns;
    struct erg_replay *replay;
    struct erg_err *err;
};

struct field {
    char text[MAX_FIELD];
};

/* The next line without its end and surrounding blanks; false at the end of the file. */
static bool next_line(struct reader *r, const char **out, size_t *out_len)
{
    while (r->p < r->end) {
        const char *start = r->p;
        const char *stop = memchr(start, '\n', (size_t)(r->end - start));
        r->p = stop ? stop + 1 : r->end;
        stop = stop ? stop : r->end;
        r->line++;
        while (start < stop && strchr(" \t\r", stop[-1]) && stop[-1])
            stop--;
        if (start == stop)
            continue;
        *out = start;
        *out_len = (size_t)(stop - start);
        return true;
    }
    return false;
}

/* Cut the next field off a line; false when it cannot be one. */
static bool next_field(const char **p, const char *stop, struct field *out)
{
    const char *start = *p;
    const char *comma = memchr(start, ',', (size_t)(stop - start));
    const char *end = comma ? comma : stop;
    *p = comma ? comma + 1 : NULL;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (start < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t len = (size_t)(end - start);
    if (len >= MAX_FIELD || memchr(start, '\0', len))
        return false;
    memcpy(out->text, start, len);
    out->text[len] = '\0';
    return true;
}

static int bad_header(const struct reader *r, const char *name)
{
    return erg_fail(r->err, ERG_CORRUPT,
                    "line %zu: unexpected column '%.47s' (wanted: " CSV_HINT ")", r->line, name);
}

static int add_column(struct reader *r, const char *name)
{
    char domain_name[MAX_FIELD];
    size_t len = strlen(name);
    enum erg_quantity quantity = ERG_QUANTITY_POWER;
    if (len > 3 && !strcmp(name + len - 3, "_mj"))
        quantity = ERG_QUANTITY_ENERGY;
    else if (len <= 3 || strcmp(name + len - 3, "_mw") != 0)
        return bad_header(r, name);
    memcpy(domain_name, name, len - 3);
    domain_name[len - 3] = '\0';
    int domain = erg_domain_find(domain_name);
    if (domain < 0)
        return bad_header(r, name);
    struct erg_replay *replay = r->replay;
    for (uint32_t i = 0; i < replay->count; i++) {
        if (replay->columns[i].domain == (enum erg_domain)domain)
            return erg_fail(r->err, ERG_CORRUPT, "line %zu: two columns for '%s'", r->line,
                            domain_name);
    }
    struct erg_replay_column *column = &replay->columns[replay->count];
    column->domain = (enum erg_domain)domain;
    erg_curve_init(&column->curve, quantity, INT64_MAX);
    r->layout[r->fields++] = (int)replay->count++;
    return 0;
}

static int read_header(struct reader *r)
{
    const char *p;
    size_t len;
    bool has_time = false;
    if (r->end - r->p >= 3 && !memcmp(r->p, "\xEF\xBB\xBF", 3))
        r->p += 3;
    if (!next_line(r, &p, &len))
        return erg_fail(r->err, ERG_CORRUPT, "the file is empty (wanted: " CSV_HINT ")");
    for (const char *stop = p + len; p;) {
        struct field field;
        if (!next_field(&p, stop, &field))
            return bad_header(r, "…");
        if (!strcmp(field.text, "t_ms") && !has_time) {
            has_time = true;
            r->layout[r->fields++] = TIME_COLUMN;
            continue;
        }
        /* A domain appears once, so that fields cannot run over. */
        int rc = add_column(r, field.text);
        if (rc)
            return rc;
    }
    if (!has_time || r->replay->count == 0)
        return erg_fail(r->err, ERG_CORRUPT, "line %zu: the header lacks %s (wanted: " CSV_HINT ")",
                        r->line, has_time ? "a domain" : "t_ms");
    return 0;
}

static int number(const struct reader *r, const struct field *field, double min, double max,
                  double scale, int64_t *out)
{
    double value;
    struct erg_err why;
    if (erg_parse_double(field->text, min, max, &value, &why))
        return erg_fail(r->err, ERG_CORRUPT, "line %zu: %.128s", r->line, why.text);
    *out = llround(value * scale);
    return 0;
}

static int add_reading(const struct reader *r, struct erg_replay_column *column, int64_t t_ns,
                       int64_t value)
{
    struct erg_curve *curve = &column->curve;
    if (curve->quantity == ERG_QUANTITY_ENERGY && curve->count &&
        value < curve->points[curve->count - 1].value)
        return erg_fail(r->err, ERG_CORRUPT, "line %zu: cumulative energy of '%s' steps back",
                        r->line, erg_domain_name(column->domain));
    int rc = erg_curve_add(curve, t_ns, value);
    if (rc)
        return erg_fail(r->err, rc, "line %zu: %s", r->line, erg_code_text(rc));
    return 0;
}

static int read_row(struct reader *r, const char *p, size_t len)
{
    int64_t values[ERG_DOMAINS] = {0}, t_ns = 0;
    size_t i = 0;
    int rc = 0;
    for (const char *stop = p + len; p && rc == 0; i++) {
        struct field field;
        if (i == r->fields || !next_field(&p, stop, &field))
            return erg_fail(r->err, ERG_CORRUPT, "line %zu: not %zu numbers", r->line, r->fields);
        int column = r->layout[i];
        if (column == TIME_COLUMN)
            rc = number(r, &field, -MAX_T_MS, MAX_T_MS, 1e6, &t_ns);
        else if (r->replay->columns[column].curve.quantity == ERG_QUANTITY_POWER)
            rc = number(r, &field, 0, MAX_MW, 1e3, &values[column]);
        else
            rc = number(r, &field, 0, MAX_MJ, 1e6, &values[column]);
    }
    if (rc)
        return rc;
    if (i != r->fields)
        return erg_fail(r->err, ERG_CORRUPT, "line %zu: not %zu numbers", r->line, r->fields);
    if (r->replay->rows && t_ns <= r->last_t_ns)
        return erg_fail(r->err, ERG_CORRUPT, "line %zu: t_ms does not increase", r->line);
    r->last_t_ns = t_ns;
    r->replay->rows++;
    for (uint32_t c = 0; c < r->replay->count && rc == 0; c++)
        rc = add_reading(r, &r->replay->columns[c], t_ns, values[c]);
    return rc;
}

int erg_replay_parse(const char *bytes, size_t len, struct erg_replay *out, struct erg_err *err)
{
    struct erg_replay replay = {.count = 0};
    struct reader r = {.p = bytes, .end = bytes + len, .replay = &replay, .err = err};
    const char *line;
    size_t line_len;
    int rc = read_header(&r);
    while (rc == 0 && next_line(&r, &line, &line_len))
        rc = read_row(&r, line, line_len);
    if (rc == 0 && replay.rows == 0)
        rc = erg_fail(err, ERG_CORRUPT, "there are no rows below the header");
    if (rc) {
        erg_replay_deinit(&replay);
        return rc;
    }
    *out = replay;
    return 0;
}

void erg_replay_deinit(struct erg_replay *replay)
{
    for (uint32_t i = 0; i < replay->count; i++)
        erg_curve_deinit(&replay->columns[i].curve);
    *replay = (struct erg_replay){0};
}
