/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_VIEW_H
#define ERG_EXPORT_VIEW_H

#include "analysis/matrix.h"
#include "base/jsonw.h"
#include "energy/attribution.h"
#include "store/ranges.h"

/*
 * Views of one run: what a page shows of it, each as one JSON object (src/server/openapi.json says
 * which members they have). The server sends them, and a report has them inside. They read the
 * store; what they show is worked out in analysis/.
 */
struct erg_view {
    struct erg_store *store;
    const char *run_id; /* full id */
    struct erg_jsonw *w;
};

/* How the energy of passes is split over what they consist of. */
struct erg_view_split {
    const char *name;    /* "time", "activity" */
    bool activity_known; /* the machine's costs are known */
    char reason[400];
    struct erg_attribution_model activity;
};

/*
 * Choose for a run: `asked` is "auto" (or NULL), "time" or "activity". NOT_FOUND when `activity` is
 * asked for and not known.
 */
int erg_view_split_choose(struct erg_store *store, const char *run_id, const char *asked,
                          struct erg_view_split *out, struct erg_err *err);
/* The model to split by; NULL is `time`. */
const struct erg_attribution_model *erg_view_split_model(const struct erg_view_split *split);
/* The object behind "attribution". */
void erg_view_put_split(struct erg_jsonw *w, const struct erg_view_split *split);

/*
 * What the passes of a run add up to: as the store has it, else (a run that goes on or broke off,
 * energies split by activity) from the passes themselves, which takes a while. *out_costly (may be
 * NULL): the latter.
 */
int erg_view_sums(struct erg_store *store, const char *run_id, const struct erg_view_split *split,
                  struct erg_run_sums *out, bool *out_costly, struct erg_err *err);

/* Which part of a run. */
struct erg_view_range {
    int64_t token;    /* < 0 = not one … */
    int64_t from, to; /* … but these; to < 0 = up to the last */
    uint32_t phase;   /* ERG_PHASES = all */
};
bool erg_view_is_whole(const struct erg_view_range *range);
/* The tokens of it. NOT_FOUND when the run has not got the token. */
int erg_view_tokens_of(const struct erg_view *view, const struct erg_view_range *range,
                       struct erg_token_range *out, struct erg_err *err);

/* The run with rows: `detail` is a set of these. */
enum erg_view_detail {
    ERG_VIEW_SAMPLES = 1,
    ERG_VIEW_LAYERS = 2,
    ERG_VIEW_COMPONENTS = 4,
    ERG_VIEW_OPERATIONS = 8,
};
int erg_view_run(const struct erg_view *view, unsigned detail, struct erg_err *err);

int erg_view_report(const struct erg_view *view, const struct erg_view_split *split,
                    const struct erg_run_sums *sums, struct erg_err *err);
int erg_view_pipeline(const struct erg_view *view, struct erg_err *err);
int erg_view_tokens(const struct erg_view *view, const struct erg_view_range *range,
                    struct erg_err *err);
int erg_view_tree(const struct erg_view *view, const struct erg_view_split *split,
                  const struct erg_run_sums *sums, int depth, struct erg_err *err);
int erg_view_flow(const struct erg_view *view, const struct erg_view_split *split,
                  const struct erg_run_sums *sums, uint32_t phase, struct erg_err *err);
int erg_view_operations(const struct erg_view *view, const struct erg_view_split *split,
                        const struct erg_run_sums *sums, const struct erg_view_range *range,
                        int64_t layer, const char *component, struct erg_err *err);
int erg_view_attention(const struct erg_view *view, const struct erg_view_range *range,
                       struct erg_err *err);
int erg_view_routing(const struct erg_view *view, const struct erg_view_range *range,
                     struct erg_err *err);

/* Regions with carbon intensity and price of electricity: no view of a run, but needed with one. */
void erg_view_grid(struct erg_jsonw *w);

/*
 * Matrices and power series may be long: as JSON, or as float32 (`floats` then gets the values in
 * the order of the JSON form, NaN for null, and the object has all but those).
 */
struct erg_view_matrix {
    enum erg_matrix_metric metric;
    struct erg_view_range range;
    bool stack; /* one for each pass */
};
int erg_view_matrix(const struct erg_view *view, const struct erg_view_split *split,
                    const struct erg_run_sums *sums, const struct erg_view_matrix *request,
                    struct erg_buf *floats, struct erg_err *err);

struct erg_view_power {
    int64_t max_points; /* < 0 = all */
    double from_ms, to_ms;
};
int erg_view_power(const struct erg_view *view, const struct erg_view_power *request,
                   struct erg_buf *floats, struct erg_err *err);

/*
 * The float32 form in front of the values: "ERG32\n\0\0", u32 length of the JSON text, u32 0, the
 * text, padded with blanks so that the values lie at a multiple of 8. All little-endian.
 */
void erg_view_put_floats_head(const struct erg_buf *json, struct erg_buf *out);

#endif
