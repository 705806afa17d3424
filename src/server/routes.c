/* SPDX-License-Identifier: MIT */
#include "server/routes.h"

#include "server/handlers.h"

#include <stdio.h>
#include <string.h>

#define API "/api/profiling"
#define RUN API "/run/{id}"

#define METRICS                                                                                    \
    "time_ms|energy_mj|power_mw|activation_mean|activation_std|activation_max|"                    \
    "activation_sparsity|attention_entropy"
#define PHASE_NAMES "pre_inference|prefill|decode|post_inference"
#define SORT_KEYS(sign)                                                                            \
    sign "created_at|" sign "model_name|" sign "status|" sign "mode|" sign "experiment_name|" sign \
         "total_duration_ms|" sign "total_energy_mj|" sign "joules_per_token|" sign                \
         "input_tokens|" sign "output_tokens|" sign "tokens_per_second"

enum { MOST_TOKENS = 4194304, MOST_ROWS = 1000000000 };

#define TEXT(key, hi)                                                                              \
    {                                                                                              \
        .name = (key), .kind = ERG_PARAM_TEXT, .most = (hi)                                        \
    }
#define INT(key, lo, hi)                                                                           \
    {                                                                                              \
        .name = (key), .kind = ERG_PARAM_INT, .least = (lo), .most = (hi)                          \
    }
#define REAL(key, lo, hi)                                                                          \
    {                                                                                              \
        .name = (key), .kind = ERG_PARAM_REAL, .least = (lo), .most = (hi)                         \
    }
#define FLAG(key)                                                                                  \
    {                                                                                              \
        .name = (key), .kind = ERG_PARAM_FLAG                                                      \
    }
#define CHOICE(key, words)                                                                         \
    {                                                                                              \
        .name = (key), .kind = ERG_PARAM_CHOICE, .choices = (words)                                \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#define ATTRIBUTION CHOICE("attribution", "auto|time|activity")
#define FORMAT      CHOICE("format", "json|f32")
#define PHASE       CHOICE("phase", PHASE_NAMES)
#define TOKEN       INT("token", 0, MOST_TOKENS)
#define FROM_TO     INT("from", 0, MOST_TOKENS), INT("to", 0, MOST_TOKENS)
#define FILTERS                                                                                    \
    TEXT("model", 4096), TEXT("tag", 256), TEXT("tags", 256), TEXT("experiment", 256),             \
        CHOICE("status", "running|complete|failed|cancelled|interrupted"),                         \
        CHOICE("mode", "minimal|standard|deep"), TEXT("date_from", 40), TEXT("date_to", 40),       \
        TEXT("search", 1000), TEXT("same_prompt_as", 128)

static const struct erg_param_spec none[] = {END};
static const struct erg_param_spec list[] = {
    FILTERS,
    CHOICE("sort", SORT_KEYS("") "|" SORT_KEYS("-")),
    INT("limit", 0, 1000000),
    INT("offset", 0, MOST_ROWS),
    TEXT("fields", 400),
    END,
};
static const struct erg_param_spec groups[] = {
    {.name = "by",
     .kind = ERG_PARAM_CHOICE,
     .choices = "prompt|model|experiment|tag",
     .required = true},
    FILTERS,
    INT("limit", 0, 10000),
    INT("offset", 0, MOST_ROWS),
    END,
};
static const struct erg_param_spec old[] = {
    {.name = "older_than", .kind = ERG_PARAM_TEXT, .most = 20, .required = true},
    END,
};
static const struct erg_param_spec detail[] = {TEXT("detail", 100), END};
static const struct erg_param_spec summary[] = {ATTRIBUTION, END};
static const struct erg_param_spec tokens[] = {FROM_TO, PHASE, END};
static const struct erg_param_spec power[] = {
    INT("max_points", 20, 1000000),
    REAL("from_ms", -1e12, 1e12),
    REAL("to_ms", -1e12, 1e12),
    FORMAT,
    END,
};
static const struct erg_param_spec tree[] = {INT("depth", 0, 4), ATTRIBUTION, END};
static const struct erg_param_spec flow[] = {PHASE, ATTRIBUTION, END};
static const struct erg_param_spec matrix[] = {
    CHOICE("metric", METRICS), TOKEN, FROM_TO, PHASE, ATTRIBUTION, FLAG("stack"), FORMAT, END,
};
static const struct erg_param_spec operations[] = {
    TOKEN, FROM_TO, PHASE, ATTRIBUTION, INT("layer", -1, 4095), TEXT("component", 128), END,
};
static const struct erg_param_spec deep[] = {TOKEN, FROM_TO, PHASE, END};
static const struct erg_param_spec file[] = {
    CHOICE("format", "json|csv|csv.zip|perfetto|chrome|speedscope|html|erg|sqlite"),
    CHOICE("table", "runs|power_samples|sections|passes|tokens|layers|components|operations|"
                    "host_samples"),
    FLAG("text"),
    END,
};
static const struct erg_param_spec refresh[] = {FLAG("refresh"), END};

static const struct erg_route routes[] = {
    {ERG_POST, API "/generate", erg_post_generate, none, true, true},
    {ERG_GET, API "/queue", erg_get_queue, none, false, false},
    {ERG_POST, RUN "/cancel", erg_post_cancel, none, false, false},
    {ERG_GET, API "/runs", erg_get_runs, list, false, false},
    {ERG_DELETE, API "/runs", erg_delete_runs, old, false, false},
    {ERG_GET, API "/runs/groups", erg_get_groups, groups, false, false},
    {ERG_GET, RUN, erg_get_run, detail, false, true},
    {ERG_PATCH, RUN, erg_patch_run, none, true, false},
    {ERG_DELETE, RUN, erg_delete_run, none, false, false},
    {ERG_GET, RUN "/summary", erg_get_summary, summary, false, false},
    {ERG_GET, RUN "/pipeline", erg_get_pipeline, none, false, false},
    {ERG_GET, RUN "/tokens", erg_get_tokens, tokens, false, false},
    {ERG_GET, RUN "/power", erg_get_power, power, false, false},
    {ERG_GET, RUN "/tree", erg_get_tree, tree, false, false},
    {ERG_GET, RUN "/flow", erg_get_flow, flow, false, false},
    {ERG_GET, RUN "/matrix", erg_get_matrix, matrix, false, false},
    {ERG_GET, RUN "/operations", erg_get_operations, operations, false, false},
    {ERG_GET, RUN "/attention", erg_get_attention, deep, false, false},
    {ERG_GET, RUN "/routing", erg_get_routing, deep, false, false},
    {ERG_GET, API "/export/{id}", erg_get_export, file, false, true},
    {ERG_POST, API "/compare", erg_post_compare, none, true, false},
    {ERG_GET, API "/power/status", erg_get_power_status, refresh, false, false},
    {ERG_GET, API "/powermetrics/status", erg_get_powermetrics_status, none, false, false},
    {ERG_GET, API "/models", erg_get_models, none, false, false},
    {ERG_GET, API "/grid", erg_get_grid, none, false, false},
    {ERG_GET, API "/store", erg_get_store, none, false, false},
    {ERG_GET, API "/capabilities", erg_get_capabilities, none, false, false},
    {ERG_GET, "/metrics", erg_get_metrics, none, false, false},
    {ERG_GET, "/openapi.json", erg_get_openapi, none, false, false},
    {ERG_GET, "/healthz", erg_get_health, none, false, false},
};

enum { ROUTES = sizeof routes / sizeof routes[0] };

const struct erg_route *erg_route_at(size_t i)
{
    return i < ROUTES ? &routes[i] : NULL;
}

/* {id} stands for one part of the path, which is not empty and fits; "" when the pattern has none.
 */
static bool matches(const char *pattern, const char *path, char out_id[160])
{
    out_id[0] = '\0';
    while (*pattern && *path) {
        if (strncmp(pattern, "{id}", 4) == 0) {
            size_t len = strcspn(path, "/");
            if (len == 0 || len >= 160)
                return false;
            memcpy(out_id, path, len);
            out_id[len] = '\0';
            pattern += 4;
            path += len;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

static void put_allow(enum erg_method method, char out_allow[64])
{
    static const char *const names[] = {"GET, HEAD", "POST", "PATCH", "DELETE"};
    size_t len = strlen(out_allow);
    snprintf(out_allow + len, 64 - len, "%s%s", len ? ", " : "", names[method]);
}

const struct erg_route *erg_route_find(enum erg_method method, const char *path, char out_id[160],
                                       char out_allow[64])
{
    out_allow[0] = '\0';
    for (size_t i = 0; i < ROUTES; i++) {
        if (!matches(routes[i].pattern, path, out_id))
            continue;
        if (routes[i].method == method)
            return &routes[i];
        put_allow(routes[i].method, out_allow);
    }
    return NULL;
}
