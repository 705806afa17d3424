/* SPDX-License-Identifier: MIT */
#include "export/html.h"

#include "base/mem.h"
#include "export/brief.h"
#include "export/gzip64.h"
#include "export/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PASSES = 1 << 22 };

static const struct erg_view_range whole = {.token = -1, .to = -1, .phase = ERG_PHASES};

/* A metric of all passes. */
struct stack {
    char *head;    /* MatrixHead as JSON */
    float *values; /* [pass][cell] */
    size_t cells;
};

struct stacks {
    struct erg_html *html;
    struct erg_pack_pass *passes;
    size_t count, capacity;
};

static void stack_deinit(struct stack *stack)
{
    free(stack->head);
    free(stack->values);
    *stack = (struct stack){0};
}

/* --- reading -----------------------------------------------------------------------------------*/

static int on_pass(void *user, const struct erg_pass_row *row, int64_t first_token)
{
    struct stacks *stacks = user;
    void *passes = stacks->passes;
    (void)first_token;
    int rc =
        erg_grow(&passes, &stacks->capacity, stacks->count + 1, sizeof *stacks->passes, MAX_PASSES);
    stacks->passes = passes;
    if (rc)
        return erg_out_fail(stacks->html->err, rc);
    stacks->passes[stacks->count++] = (struct erg_pack_pass){
        .phase = row->phase,
        .duration_ticks = (row->t1_ns - row->t0_ns) / ERG_TICK_NS,
        .energy_nj = erg_energy_known(&row->energy) ? erg_energy_total_nj(&row->energy) : 0,
    };
    return 0;
}

static int read_passes(struct stacks *stacks)
{
    const struct erg_export_request *request = stacks->html->request;
    const struct erg_token_range all = {0, INT64_MAX, ERG_PHASES};
    return erg_store_passes_of(request->store, request->run_id, &all, ERG_PASSES_ROWS, on_pass,
                               stacks, stacks->html->err);
}

static int read_stack(const struct stacks *stacks, enum erg_matrix_metric metric,
                      const struct erg_view_split *split, const struct erg_run_sums *sums,
                      struct stack *out)
{
    const struct erg_html *html = stacks->html;
    const struct erg_view_matrix request = {.metric = metric, .range = whole, .stack = true};
    struct erg_buf json, floats;
    struct erg_jsonw w;
    erg_buf_init(&json);
    erg_buf_init(&floats);
    erg_jsonw_init(&w, &json);
    const struct erg_view view = {html->request->store, html->request->run_id, &w};
    int rc = erg_view_matrix(&view, split, sums, &request, &floats, html->err);
    int end = erg_jsonw_finish(&w) ? erg_jsonw_finish(&w) : erg_buf_status(&floats);
    size_t count = floats.len / sizeof(float);
    if (rc == 0 && end)
        rc = erg_out_fail(html->err, end);
    if (rc == 0 && stacks->count && count % stacks->count)
        rc = erg_fail(html->err, ERG_CORRUPT, "the passes of the run do not match its matrices");
    if (rc == 0) {
        out->head = erg_buf_take(&json);
        out->values = (float *)(void *)erg_buf_take(&floats);
        out->cells = stacks->count ? count / stacks->count : 0;
    }
    erg_buf_deinit(&json);
    erg_buf_deinit(&floats);
    return rc;
}

/* --- packing -----------------------------------------------------------------------------------*/

static int to_buf(void *user, const char *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return erg_buf_status(user);
}

static int compress(const void *bytes, size_t len, struct erg_buf *out, struct erg_err *err)
{
    struct erg_gzip64 *gzip64;
    int rc = erg_gzip64_open(&gzip64, to_buf, out, err);
    if (rc)
        return rc;
    if (len)
        rc = erg_gzip64_put(gzip64, bytes, len);
    rc = rc ? erg_out_fail(err, rc) : erg_gzip64_finish(gzip64, err);
    erg_gzip64_close(gzip64);
    return rc;
}

/* Copies of values and passes, joined. */
struct joined {
    float *values;
    struct erg_pack_pass *passes;
    size_t count;
};

static void joined_deinit(struct joined *joined)
{
    free(joined->values);
    free(joined->passes);
    *joined = (struct joined){0};
}

static int join(const struct stacks *stacks, const struct stack *stack, size_t every,
                enum erg_pack_join how, struct joined *out)
{
    size_t bytes = stacks->count * stack->cells * sizeof(float);
    out->values = erg_realloc(NULL, bytes);
    out->passes = erg_calloc(stacks->count, sizeof *out->passes);
    if (!out->values || !out->passes) {
        joined_deinit(out);
        return erg_out_fail(stacks->html->err, ERG_NOMEM);
    }
    if (stacks->count) {
        memcpy(out->values, stack->values, bytes);
        memcpy(out->passes, stacks->passes, stacks->count * sizeof *out->passes);
    }
    out->count = erg_pack_join(out->values, out->passes, stacks->count, stack->cells, every, how);
    return 0;
}

/* A head without its passes, which are those of the times. */
static void put_short_head(const char *head, struct erg_buf *out)
{
    size_t len;
    const char *passes = erg_summary_member(head, "passes", &len);
    if (*passes != '[') {
        erg_buf_puts(out, head);
        return;
    }
    erg_buf_append(out, head, (size_t)(passes - head));
    erg_buf_puts(out, "[]");
    erg_buf_puts(out, passes + len);
}

static int write_stack(const struct stacks *stacks, const char *query, const char *packing,
                       size_t every, const char *head, const struct erg_buf *values)
{
    struct erg_html *html = stacks->html;
    struct erg_buf json;
    erg_buf_init(&json);
    erg_buf_printf(&json, "{\"packing\":\"%s\",\"every\":%zu,\"head\":\"", packing, every);
    int rc = compress(head, strlen(head), &json, html->err);
    erg_buf_puts(&json, "\",\"values\":\"");
    if (rc == 0 && erg_buf_status(&json))
        rc = erg_out_fail(html->err, erg_buf_status(&json));
    if (rc == 0)
        rc = erg_html_begin(html, query, ERG_HTML_STACK);
    if (rc == 0)
        rc = erg_html_put(html, json.data, json.len);
    if (rc == 0)
        rc = erg_html_put(html, values->data, values->len);
    erg_buf_deinit(&json);
    if (rc == 0)
        rc = erg_html_puts(html, "\"}");
    return rc ? rc : erg_html_end(html);
}

static int write_short(const struct stacks *stacks, const char *query, const char *packing,
                       size_t every, const char *head, const struct erg_buf *values)
{
    struct erg_buf brief;
    erg_buf_init(&brief);
    put_short_head(head, &brief);
    int rc = erg_buf_status(&brief);
    rc = rc ? erg_out_fail(stacks->html->err, rc)
            : write_stack(stacks, query, packing, every, erg_buf_view(&brief), values);
    erg_buf_deinit(&brief);
    return rc;
}

/* What a packer wrote, compressed into `out`. */
static int finish(const struct stacks *stacks, struct erg_buf *raw, struct erg_buf *out)
{
    int rc = erg_buf_status(raw);
    rc = rc ? erg_out_fail(stacks->html->err, rc)
            : compress(raw->data, raw->len, out, stacks->html->err);
    erg_buf_deinit(raw);
    return rc;
}

/* --- times and energies ------------------------------------------------------------------------*/

struct costs {
    struct stack time, energy; /* no head: not known */
    struct erg_buf packed_time, packed_energy;
    size_t every;
};

static int pack_costs(const struct stacks *stacks, struct costs *costs)
{
    struct joined time = {0}, energy = {0};
    struct erg_buf raw;
    erg_buf_clear(&costs->packed_time);
    erg_buf_clear(&costs->packed_energy);
    int rc = join(stacks, &costs->time, costs->every, ERG_PACK_SUM, &time);
    if (rc == 0) {
        erg_buf_init(&raw);
        erg_pack_ticks(time.values, time.count, costs->time.cells, &raw);
        rc = finish(stacks, &raw, &costs->packed_time);
    }
    if (rc == 0 && costs->energy.head)
        rc = join(stacks, &costs->energy, costs->every, ERG_PACK_SUM, &energy);
    if (rc == 0 && costs->energy.head) {
        erg_buf_init(&raw);
        erg_pack_share(energy.values, time.values, energy.passes, energy.count, costs->energy.cells,
                       &raw);
        rc = finish(stacks, &raw, &costs->packed_energy);
    }
    joined_deinit(&time);
    joined_deinit(&energy);
    return rc;
}

/* As many passes to a matrix as it takes to leave a third to statistics. */
static int fit_costs(const struct stacks *stacks, struct costs *costs)
{
    for (costs->every = 1;; costs->every *= 2) {
        int rc = pack_costs(stacks, costs);
        size_t bytes = costs->packed_time.len + costs->packed_energy.len;
        if (rc || bytes <= stacks->html->most_bytes / 3 * 2 || costs->every >= stacks->count)
            return rc;
    }
}

static int put_costs(const struct stacks *stacks, struct costs *costs)
{
    const struct erg_html *html = stacks->html;
    const struct erg_view_split *split = &html->split;
    int rc = read_stack(stacks, ERG_MATRIX_TIME_MS, split, &html->sums, &costs->time);
    bool powered = false;
    for (size_t i = 0; i < stacks->count; i++)
        powered = powered || stacks->passes[i].energy_nj != 0;
    if (rc == 0 && powered)
        rc = read_stack(stacks, ERG_MATRIX_ENERGY_MJ, split, &html->sums, &costs->energy);
    if (rc == 0)
        rc = fit_costs(stacks, costs);
    if (rc == 0)
        rc = write_stack(stacks, "/matrix?metric=time_ms&stack=true", "ticks", costs->every,
                         costs->time.head, &costs->packed_time);
    if (rc == 0 && costs->energy.head)
        rc = write_short(stacks, "/matrix?metric=energy_mj&stack=true", "share", costs->every,
                         costs->energy.head, &costs->packed_energy);
    return rc;
}

/* --- everything else: numbers without exact sums -----------------------------------------------*/

static int put_floats(const struct stacks *stacks, const char *query, const struct stack *stack,
                      const struct joined *joined, size_t every, size_t most, bool *out_fits)
{
    struct erg_buf raw, packed;
    erg_buf_init(&raw);
    erg_buf_init(&packed);
    erg_pack_float24(joined->values, joined->count, stack->cells, &raw);
    int rc = finish(stacks, &raw, &packed);
    *out_fits = packed.len <= most || every >= stacks->count;
    if (rc == 0 && *out_fits)
        rc = write_short(stacks, query, "float24", every, stack->head, &packed);
    erg_buf_deinit(&packed);
    return rc;
}

static int put_statistic(const struct stacks *stacks, enum erg_matrix_metric metric, size_t most)
{
    const struct erg_html *html = stacks->html;
    const struct erg_matrix_info *info = erg_matrix_info(metric);
    enum erg_pack_join how = metric == ERG_MATRIX_MAX   ? ERG_PACK_MOST
                             : metric == ERG_MATRIX_STD ? ERG_PACK_ROOT_MEAN_SQUARE
                                                        : ERG_PACK_MEAN;
    struct stack stack = {0};
    char query[64];
    snprintf(query, sizeof query, "/matrix?metric=%s&stack=true", info->name);
    int rc = read_stack(stacks, metric, &html->split, &html->sums, &stack);
    bool fits = false;
    for (size_t every = 1; rc == 0 && !fits; every *= 2) {
        struct joined joined = {0};
        rc = join(stacks, &stack, every, how, &joined);
        if (rc == 0)
            rc = put_floats(stacks, query, &stack, &joined, every, most, &fits);
        joined_deinit(&joined);
    }
    stack_deinit(&stack);
    return rc;
}

/* Power of joined passes is energy over time, split by activity, or it would be flat. */
static int put_power(const struct stacks *stacks, const struct costs *costs)
{
    const struct erg_html *html = stacks->html;
    struct erg_view_split split;
    struct erg_run_sums sums = {0};
    struct stack power = {0}, energy = {0};
    struct joined joined = {0}, time = {0};
    bool fits;
    int rc = erg_view_split_choose(html->request->store, html->request->run_id, "activity", &split,
                                   html->err);
    if (rc == 0)
        rc = erg_view_sums(html->request->store, html->request->run_id, &split, &sums, NULL,
                           html->err);
    if (rc == 0)
        rc = read_stack(stacks, ERG_MATRIX_POWER_MW, &split, &sums, &power);
    if (rc == 0)
        rc = read_stack(stacks, ERG_MATRIX_ENERGY_MJ, &split, &sums, &energy);
    if (rc == 0)
        rc = join(stacks, &energy, costs->every, ERG_PACK_SUM, &joined);
    if (rc == 0)
        rc = join(stacks, &costs->time, costs->every, ERG_PACK_SUM, &time);
    if (rc == 0) {
        for (size_t i = 0; i < joined.count * energy.cells; i++)
            joined.values[i] = time.values[i] > 0 ? joined.values[i] / time.values[i] * 1000 : NAN;
        rc = put_floats(stacks, "/matrix?attribution=activity&metric=power_mw&stack=true", &power,
                        &joined, costs->every, SIZE_MAX, &fits);
    }
    joined_deinit(&joined);
    joined_deinit(&time);
    stack_deinit(&power);
    stack_deinit(&energy);
    erg_run_sums_deinit(&sums);
    return rc;
}

int erg_html_put_stacks(struct erg_html *html)
{
    static const enum erg_matrix_metric statistics[] = {
        ERG_MATRIX_MEAN, ERG_MATRIX_STD, ERG_MATRIX_MAX, ERG_MATRIX_SPARSITY, ERG_MATRIX_ENTROPY,
    };
    enum { STATISTICS = sizeof statistics / sizeof statistics[0] };
    struct stacks stacks = {.html = html};
    struct costs costs = {0};
    int rc = read_passes(&stacks);
    if (rc == 0)
        rc = put_costs(&stacks, &costs);
    if (rc == 0 && html->split.activity_known)
        rc = put_power(&stacks, &costs);
    size_t used = costs.packed_time.len + costs.packed_energy.len;
    size_t left = used < html->most_bytes ? html->most_bytes - used : 0;
    for (size_t i = 0; i < STATISTICS && rc == 0; i++)
        rc = put_statistic(&stacks, statistics[i], left / STATISTICS);
    stack_deinit(&costs.time);
    stack_deinit(&costs.energy);
    erg_buf_deinit(&costs.packed_time);
    erg_buf_deinit(&costs.packed_energy);
    free(stacks.passes);
    return rc;
}
