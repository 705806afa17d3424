/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

#include "analysis/compare.h"
#include "analysis/matrix.h"
#include "base/limits.h"
#include "export/export.h"
#include "export/tables.h"
#include "export/view.h"
#include "server/api_priv.h"
#include "server/assets.h"
#include "store/lists.h"

#include <stdio.h>
#include <string.h>

/* What there is beside runs: power sources, models, regions, the store, this server. */

/* --- power sources -----------------------------------------------------------------------------*/

static const char advice[] =
    "no sensor of this machine can be read, so energies are estimates of a model; 'ergon doctor' "
    "says how to get measured ones";

static void look(struct erg_call *call, bool again, struct erg_sources_found *out)
{
    erg_sources_look(&call->api->sources, call->options->root, call->options->clock, again, out);
}

static void put_finding(struct erg_jsonw *w, const struct erg_power_probe *probe)
{
    erg_jsonw_kstr(w, "name", probe->name);
    erg_jsonw_kstr(w, "summary", probe->summary);
    erg_jsonw_kstr(w, "state", erg_power_state_name(probe->state));
    erg_jsonw_kstr(w, "reason", probe->reason);
    erg_jsonw_kstr(w, "remedy", probe->remedy[0] ? probe->remedy : NULL);
}

int erg_get_power_status(struct erg_call *call, struct erg_err *err)
{
    struct erg_sources_found found;
    struct erg_jsonw *w = &call->w;
    bool ready = false, sensor = false;
    look(call, erg_param_flag(&call->params, "refresh", false), &found);
    for (size_t i = 0; i < found.count; i++) {
        bool good = found.probes[i].state == ERG_POWER_READY;
        ready |= good;
        sensor |= good && strcmp(found.probes[i].name, "estimate") != 0;
    }
    erg_call_begin(call);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "checked_at_utc", found.checked_at_utc);
    erg_jsonw_kbool(w, "ready", ready);
    erg_jsonw_kbool(w, "has_sensor", sensor);
    erg_jsonw_kstr(w, "default_spec",
                   call->options->power_spec ? call->options->power_spec : "auto");
    erg_jsonw_key(w, "sources");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < found.count; i++) {
        erg_jsonw_obj_begin(w);
        put_finding(w, &found.probes[i]);
        erg_jsonw_knull(w, "measured"); /* a load on all processors: the doctor's, not a server's */
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_kstr(w, "advice", sensor ? NULL : advice);
    erg_jsonw_obj_end(w);
    return erg_call_send(call, 200, err);
}

int erg_get_powermetrics_status(struct erg_call *call, struct erg_err *err)
{
    struct erg_sources_found found;
    struct erg_jsonw *w = &call->w;
    look(call, false, &found);
    for (size_t i = 0; i < found.count; i++) {
        const struct erg_power_probe *probe = &found.probes[i];
        if (strcmp(probe->name, "powermetrics") != 0)
            continue;
        erg_call_begin(call);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "checked_at_utc", found.checked_at_utc);
        erg_jsonw_kbool(w, "available", probe->state == ERG_POWER_READY);
        put_finding(w, probe);
        erg_jsonw_obj_end(w);
        return erg_call_send(call, 200, err);
    }
    return erg_fail(err, ERG_NOT_FOUND, "this program has no source powermetrics");
}

/* --- models, regions, store --------------------------------------------------------------------*/

int erg_get_models(struct erg_call *call, struct erg_err *err)
{
    struct erg_model_list list;
    int rc = erg_model_discover(call->options->model_dirs, &list, err);
    if (rc)
        return rc;
    erg_call_begin(call);
    erg_jsonw_arr_begin(&call->w);
    for (size_t i = 0; i < list.count; i++)
        erg_model_entry_write(&list.entries[i], &call->w);
    erg_jsonw_arr_end(&call->w);
    erg_model_list_deinit(&list);
    return erg_call_send(call, 200, err);
}

int erg_get_grid(struct erg_call *call, struct erg_err *err)
{
    erg_call_begin(call);
    erg_view_grid(&call->w);
    return erg_call_send(call, 200, err);
}

int erg_get_store(struct erg_call *call, struct erg_err *err)
{
    struct erg_jsonw *w = &call->w;
    struct erg_store_facts facts;
    struct erg_store *store;
    int rc = erg_call_store(call, &store, err);
    if (rc == 0)
        rc = erg_store_facts(store, &facts, err);
    if (rc)
        return rc;
    erg_call_begin(call);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "runs", facts.runs);
    erg_jsonw_key(w, "by_status");
    erg_jsonw_obj_begin(w);
    for (size_t i = 0; i < 5; i++)
        erg_jsonw_kint(w, erg_status_names[i], facts.by_status[i]);
    erg_jsonw_obj_end(w);
    erg_jsonw_kint(w, "file_bytes", facts.file_bytes);
    erg_jsonw_kint(w, "free_bytes", facts.free_bytes);
    erg_jsonw_kint(w, "reclaimable_bytes", facts.reclaimable_bytes);
    erg_jsonw_kint(w, "schema_version", facts.schema_version);
    erg_jsonw_kstr(w, "first_created_at",
                   facts.first_created_at[0] ? facts.first_created_at : NULL);
    erg_jsonw_kstr(w, "last_created_at", facts.last_created_at[0] ? facts.last_created_at : NULL);
    erg_jsonw_kint(w, "models", facts.models);
    erg_jsonw_kint(w, "tags", facts.tags);
    erg_jsonw_kint(w, "experiments", facts.experiments);
    erg_jsonw_obj_end(w);
    return erg_call_send(call, 200, err);
}

/* --- what this server knows --------------------------------------------------------------------*/

static void put_depths(struct erg_jsonw *w)
{
    static const struct {
        const char *name, *mode, *summary, *goal_pct;
        int bytes;
    } depths[] = {
        {"minimal", "minimal", "power, phases, tokens, time of layers and components", "0.2", 1000},
        {"module", "standard", "and the activations of every component", "1", 4000},
        {"deep", "deep", "and every operation, attention by head, expert routing", "2", 15000},
    };
    erg_jsonw_key(w, "depths");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "name", depths[i].name);
        erg_jsonw_kstr(w, "mode", depths[i].mode);
        erg_jsonw_kstr(w, "summary", depths[i].summary);
        erg_jsonw_key(w, "slowdown_goal_pct");
        erg_jsonw_raw(w, depths[i].goal_pct);
        erg_jsonw_kint(w, "store_bytes_per_token", depths[i].bytes);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void put_metrics(struct erg_jsonw *w)
{
    erg_jsonw_key(w, "metrics");
    erg_jsonw_arr_begin(w);
    for (int m = 0; m < ERG_MATRIX_METRICS; m++) {
        const struct erg_matrix_info *info = erg_matrix_info((enum erg_matrix_metric)m);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "name", info->name);
        erg_jsonw_kstr(w, "title", info->title);
        erg_jsonw_kstr(w, "unit", info->unit);
        erg_jsonw_kstr(w, "aggregate", info->aggregate);
        erg_jsonw_key(w, "modes");
        erg_jsonw_arr_begin(w);
        for (size_t i = 0; i < 3 && info->modes[i]; i++)
            erg_jsonw_str(w, info->modes[i]);
        erg_jsonw_arr_end(w);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void put_formats(struct erg_jsonw *w)
{
    erg_jsonw_key(w, "formats");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; erg_exporter_at(i); i++) {
        const struct erg_exporter *exporter = erg_exporter_at(i);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "name", exporter->name);
        erg_jsonw_kstr(w, "summary", exporter->summary);
        erg_jsonw_kstr(w, "media_type", exporter->media_type);
        erg_jsonw_kstr(w, "extension", exporter->extension);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "tables");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; erg_table_name(i); i++)
        erg_jsonw_str(w, erg_table_name(i));
    erg_jsonw_arr_end(w);
}

static void put_compare_metrics(struct erg_jsonw *w)
{
    erg_jsonw_key(w, "compare_metrics");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < ERG_COMPARE_METRICS; i++) {
        const struct erg_compare_metric *metric = erg_compare_metric_at(i);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "metric", metric->key);
        erg_jsonw_kstr(w, "title", metric->title);
        erg_jsonw_kstr(w, "unit", erg_compare_unit_name(metric->unit));
        erg_jsonw_kbool(w, "higher_is_better", metric->higher_is_better);
        erg_jsonw_kbool(w, "default", metric->by_default);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

int erg_get_capabilities(struct erg_call *call, struct erg_err *err)
{
    struct erg_jsonw *w = &call->w;
    erg_call_begin(call);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "version", ERGON_VERSION);
    put_depths(w);
    put_metrics(w);
    put_formats(w);
    erg_jsonw_key(w, "sort_keys");
    erg_jsonw_arr_begin(w);
    for (const char *const *key = erg_store_sort_keys(); *key; key++)
        erg_jsonw_str(w, *key);
    erg_jsonw_arr_end(w);
    put_compare_metrics(w);
    erg_jsonw_key(w, "limits");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "compare_groups", ERG_COMPARE_GROUPS);
    erg_jsonw_kint(w, "compare_runs", ERG_COMPARE_RUNS_MOST);
    erg_jsonw_kint(w, "tags", ERG_MAX_TAGS);
    erg_jsonw_kint(w, "label_bytes", ERG_MAX_LABEL_BYTES);
    erg_jsonw_obj_end(w);
    erg_jsonw_obj_end(w);
    return erg_call_send(call, 200, err);
}

int erg_get_openapi(struct erg_call *call, struct erg_err *err)
{
    (void)err;
    erg_assets_handle(&erg_description, call->x);
    return 0;
}

int erg_get_health(struct erg_call *call, struct erg_err *err)
{
    erg_call_begin(call);
    erg_jsonw_obj_begin(&call->w);
    erg_jsonw_kstr(&call->w, "status", "ok");
    erg_jsonw_kstr(&call->w, "version", ERGON_VERSION);
    erg_jsonw_obj_end(&call->w);
    return erg_call_send(call, 200, err);
}
