/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_SPLIT_H
#define ERG_CLI_SPLIT_H

#include "cli/cli.h"
#include "cli/rows.h"

/* How `ergon show` splits the energy of a pass over what it consists of. */
struct erg_split {
    const char *shown; /* "time", "activity"; NULL: there is no energy to split */
    bool both;         /* side by side */
    struct erg_attribution_model activity;
};

/*
 * Choose for a run with this summary: `asked` is "time", "activity", "both" or NULL, and says on
 * stderr what was chosen and why. NOT_FOUND when `activity` is asked for and not known.
 */
int erg_split_choose(const struct erg_cli *cli, struct erg_store *store, const char *summary_json,
                     const char *asked, struct erg_split *out, struct erg_err *err);

/* The model that is shown; NULL is `time`. */
const struct erg_attribution_model *erg_split_model(const struct erg_split *split);

/* Note in `rows`, which have the energies of the model that is shown, those of the other one. */
void erg_split_compare(const struct erg_split *split, struct erg_rows *rows,
                       const struct erg_rows *other);

/* Say how many passes the model `activity` could not split. */
void erg_split_tell_fallbacks(const struct erg_cli *cli, size_t count);

#endif
