/* SPDX-License-Identifier: MIT */
#include "cli/split.h"

#include "record/activity.h"

#include <string.h>

/* What everybody expects needs no words, unless something else was to be had. */
static void tell_time(const struct erg_cli *cli, const struct erg_activity_choice *choice,
                      const char *asked)
{
    if (asked)
        erg_cli_note(cli, "energies are split by time, as asked");
    else if (choice->known)
        erg_cli_note(cli, "energies are split by time; activity is known (%s)", choice->why);
}

int erg_split_choose(const struct erg_cli *cli, struct erg_store *store, const char *summary_json,
                     const char *asked, struct erg_split *out, struct erg_err *err)
{
    struct erg_activity_key key;
    struct erg_activity_choice choice;
    bool wants_activity = asked && strcmp(asked, "time") != 0;
    *out = (struct erg_split){0};
    int rc = erg_activity_key_of(summary_json, &key, err);
    if (rc)
        return rc;
    if (!key.sources[0]) {
        if (asked)
            erg_cli_note(cli, "the run had no power source: there is no energy to split");
        return 0;
    }
    rc = erg_activity_choose(store, &key, wants_activity, &choice, err);
    if (rc)
        return rc;
    if (wants_activity && !choice.known)
        return erg_fail(err, ERG_NOT_FOUND, "cannot split energies by activity: %.200s",
                        choice.why);
    out->activity = erg_attribution_activity(&choice.activity);
    out->both = asked && strcmp(asked, "both") == 0;
    bool activity = asked ? strcmp(asked, "activity") == 0 : choice.is_default;
    out->shown = activity || (out->both && choice.is_default) ? "activity" : "time";
    if (out->both)
        erg_cli_note(cli, "energies are split by time and by activity (%s)", choice.why);
    else if (activity)
        erg_cli_note(cli, "energies are split by activity (%s)", choice.why);
    else
        tell_time(cli, &choice, asked);
    const char *doubt = erg_activity_doubt(key.sources);
    if (wants_activity && doubt && !strstr(choice.why, doubt))
        erg_cli_note(cli, "warning: power is from '%s', %s", key.sources, doubt);
    return 0;
}

const struct erg_attribution_model *erg_split_model(const struct erg_split *split)
{
    return split->shown && strcmp(split->shown, "activity") == 0 ? &split->activity : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_row(const struct erg_row *a, const struct erg_row *b)
{
    return a->layer == b->layer && same_text(a->phase, b->phase) && same_text(a->name, b->name) &&
           same_text(a->operation, b->operation);
}

/* Row i is in the same place in the other table, or near it. */
static const struct erg_row *find_row(const struct erg_rows *rows, size_t i,
                                      const struct erg_row *key)
{
    for (size_t k = 0; k < rows->count; k++) {
        const struct erg_row *row = &rows->items[(i + k) % rows->count];
        if (same_row(row, key))
            return row;
    }
    return NULL;
}

void erg_split_compare(const struct erg_split *split, struct erg_rows *rows,
                       const struct erg_rows *other)
{
    bool activity = erg_split_model(split) != NULL;
    for (size_t i = 0; i < rows->count; i++) {
        struct erg_row *row = &rows->items[i];
        const struct erg_row *match = find_row(other, i, row);
        if (!match || !erg_energy_known(&row->energy) || !erg_energy_known(&match->energy))
            continue;
        int64_t shown = erg_energy_total_nj(&row->energy);
        int64_t second = erg_energy_total_nj(&match->energy);
        row->by_time_nj = activity ? second : shown;
        row->by_activity_nj = activity ? shown : second;
    }
}

void erg_split_tell_fallbacks(const struct erg_cli *cli, size_t count)
{
    if (count)
        erg_cli_note(cli,
                     "%zu pass%s without FLOPs and bytes (deep mode has them) %s split by time",
                     count, count == 1 ? "" : "es", count == 1 ? "was" : "were");
}
