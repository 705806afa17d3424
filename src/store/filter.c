/* SPDX-License-Identifier: MIT */
#include "store/filter.h"

#include <string.h>

/* What runs may be sorted by, and the column behind it. */
static const char *const columns[] = {
    /* created_at is local time, which may step back; its order is that of UTC */
    "created_at_utc",    "model_name", "status",           "mode",         "experiment_name",
    "duration_ns",       "energy_nj",  "joules_per_token", "input_tokens", "output_tokens",
    "tokens_per_second",
};

static const char *const sort_keys[] = {
    "created_at",
    "model_name",
    "status",
    "mode",
    "experiment_name",
    "total_duration_ms",
    "total_energy_mj",
    "joules_per_token",
    "input_tokens",
    "output_tokens",
    "tokens_per_second",
    NULL,
};

_Static_assert(sizeof sort_keys / sizeof sort_keys[0] == sizeof columns / sizeof columns[0] + 1,
               "a column for each key");

const char *const *erg_store_sort_keys(void)
{
    return sort_keys;
}

int erg_filter_order(const char *sort, struct erg_buf *sql, struct erg_err *err)
{
    if (!sort) {
        erg_buf_puts(sql, " ORDER BY created_at_utc DESC, rowid DESC");
        return 0;
    }
    const char *key = sort + (*sort == '-');
    for (size_t i = 0; sort_keys[i]; i++) {
        if (strcmp(key, sort_keys[i]))
            continue;
        erg_buf_printf(sql, " ORDER BY %s %s NULLS LAST, created_at_utc DESC, rowid DESC",
                       columns[i], *sort == '-' ? "DESC" : "ASC");
        return 0;
    }
    return erg_fail(err, ERG_INVALID, "cannot sort by '%.64s'", key);
}

void erg_filter_condition(const struct erg_run_filter *filter, struct erg_buf *sql)
{
    erg_buf_puts(sql,
                 "(?1 IS NULL OR model_name = ?1 OR model_path = ?1) AND (?2 IS NULL OR EXISTS("
                 "SELECT 1 FROM json_each(tags) AS tag WHERE tag.value = ?2)) "
                 "AND (?3 IS NULL OR experiment_name = ?3) "
                 "AND (?4 IS NULL OR substr(created_at, 1, length(?4)) >= ?4) "
                 "AND (?5 IS NULL OR substr(created_at, 1, length(?5)) <= ?5) "
                 "AND (?7 IS NULL OR status = ?7 OR (?7 = 'interrupted' AND status = 'running')) "
                 "AND (?8 IS NULL OR mode = ?8)");
    if (filter->search)
        erg_buf_puts(sql, " AND (prompt LIKE ?6 ESCAPE '\\' OR response LIKE ?6 ESCAPE '\\' "
                          "OR model_name LIKE ?6 ESCAPE '\\')");
    if (filter->same_prompt_as)
        erg_buf_puts(sql, " AND prompt IS (SELECT other.prompt FROM profiling_runs AS other "
                          "WHERE other.id = ?9)");
}

/* '%TEXT%' with the characters escaped that LIKE gives a meaning to; free() it. */
static char *like_pattern(const char *text)
{
    struct erg_buf pattern;
    erg_buf_init(&pattern);
    erg_buf_putc(&pattern, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text))
            erg_buf_putc(&pattern, '\\');
        erg_buf_putc(&pattern, *text);
    }
    erg_buf_putc(&pattern, '%');
    return erg_buf_take(&pattern);
}

int erg_filter_bind(sqlite3_stmt *stmt, const struct erg_run_filter *filter, char **out_pattern,
                    struct erg_err *err)
{
    char *pattern = filter->search ? like_pattern(filter->search) : NULL;
    if (filter->search && !pattern)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, filter->model);
    erg_bind_text(&bind, filter->tag);
    erg_bind_text(&bind, filter->experiment);
    erg_bind_text(&bind, filter->since);
    erg_bind_text(&bind, filter->until);
    erg_bind_text(&bind, pattern);
    erg_bind_text(&bind, filter->status);
    erg_bind_text(&bind, filter->mode);
    erg_bind_text(&bind, filter->same_prompt_as);
    *out_pattern = pattern;
    return 0;
}
