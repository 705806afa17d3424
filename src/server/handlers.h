/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_HANDLERS_H
#define ERG_SERVER_HANDLERS_H

#include "server/routes.h"

/* The handlers, by file. */

/* api_generate.c: making runs */
int erg_post_generate(struct erg_call *call, struct erg_err *err);
int erg_post_cancel(struct erg_call *call, struct erg_err *err);
int erg_get_queue(struct erg_call *call, struct erg_err *err);
/* A run that is not in the store, as far as the queue knows it: true when it does, with what came
 * of the answer. */
bool erg_answer_ticket(struct erg_call *call, int *out_status, struct erg_err *err);

/* api_runs.c: lists of runs, labels, deletion */
int erg_get_runs(struct erg_call *call, struct erg_err *err);
int erg_get_groups(struct erg_call *call, struct erg_err *err);
int erg_patch_run(struct erg_call *call, struct erg_err *err);
int erg_delete_run(struct erg_call *call, struct erg_err *err);
int erg_delete_runs(struct erg_call *call, struct erg_err *err);

/* api_views.c: one run */
int erg_get_run(struct erg_call *call, struct erg_err *err);
int erg_get_summary(struct erg_call *call, struct erg_err *err);
int erg_get_pipeline(struct erg_call *call, struct erg_err *err);
int erg_get_tokens(struct erg_call *call, struct erg_err *err);
int erg_get_power(struct erg_call *call, struct erg_err *err);
int erg_get_tree(struct erg_call *call, struct erg_err *err);
int erg_get_flow(struct erg_call *call, struct erg_err *err);
int erg_get_matrix(struct erg_call *call, struct erg_err *err);
int erg_get_operations(struct erg_call *call, struct erg_err *err);
int erg_get_attention(struct erg_call *call, struct erg_err *err);
int erg_get_routing(struct erg_call *call, struct erg_err *err);

/* api_files.c: exports and comparisons */
int erg_get_export(struct erg_call *call, struct erg_err *err);
int erg_post_compare(struct erg_call *call, struct erg_err *err);

/* api_facts.c: what there is beside runs */
int erg_get_power_status(struct erg_call *call, struct erg_err *err);
int erg_get_powermetrics_status(struct erg_call *call, struct erg_err *err);
int erg_get_models(struct erg_call *call, struct erg_err *err);
int erg_get_grid(struct erg_call *call, struct erg_err *err);
int erg_get_store(struct erg_call *call, struct erg_err *err);
int erg_get_capabilities(struct erg_call *call, struct erg_err *err);
int erg_get_openapi(struct erg_call *call, struct erg_err *err);
int erg_get_health(struct erg_call *call, struct erg_err *err);

/* api_metrics.c */
int erg_get_metrics(struct erg_call *call, struct erg_err *err);

#endif
