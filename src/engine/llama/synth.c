/* SPDX-License-Identifier: MIT */
#include "engine/llama/synth.h"

#include "base/mem.h"
#include "engine/llama/model_file.h"
#include "engine/llama/synth_pool.h"

#include <errno.h>
#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALIGNMENT = 32, PROGRESS_NS = 200000000 };

struct synth {
    const struct erg_synthesis *job;
    const char *name; /* of the file, for messages */
    struct gguf_context *gguf;
    struct ggml_context *ggml; /* descriptions only */
    FILE *file;
    struct erg_synth_pools pools;
    uint32_t tensors, written;         /* how many there are, how many are done */
    int64_t bytes;                     /* of the whole file */
    int64_t bytes_of[GGML_TYPE_COUNT]; /* of the matrices of a type */
    int64_t next_progress_ns;
    struct erg_err *err;
};

static int count_tensor(void *user, const struct erg_tensor_plan *plan)
{
    struct synth *s = user;
    s->tensors++;
    if (plan->role == ERG_TENSOR_MATRIX) {
        s->bytes_of[plan->type] += erg_tensor_plan_bytes(plan);
    }
    return 0;
}

static int describe_tensor(void *user, const struct erg_tensor_plan *plan)
{
    struct synth *s = user;
    struct ggml_tensor *t =
        ggml_new_tensor(s->ggml, (enum ggml_type)plan->type, plan->dimensions, plan->ne);
    ggml_set_name(t, plan->name);
    gguf_add_tensor(s->gguf, t);
    s->bytes += (erg_tensor_plan_bytes(plan) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return 0;
}

static int make_metadata(struct synth *s)
{
    const struct erg_blueprint *blueprint = s->job->blueprint;
    erg_blueprint_tensors(blueprint, count_tensor, s);
    s->gguf = gguf_init_empty();
    s->ggml = ggml_init((struct ggml_init_params){
        .mem_size = (s->tensors + 1) * ggml_tensor_overhead(), .no_alloc = true});
    if (!s->gguf || !s->ggml) {
        return erg_fail(s->err, ERG_NOMEM, "cannot describe the model: out of memory");
    }
    erg_synth_metadata(blueprint, s->job->spec, s->gguf);
    erg_blueprint_tensors(blueprint, describe_tensor, s);
    int status = erg_synth_vocab(s->gguf, blueprint->shape.vocab, s->err);
    s->bytes += (int64_t)gguf_get_meta_size(s->gguf);
    return status;
}

/* Between two pieces of at most a pool: tell how far it is, and listen. */
static int pause_writing(struct synth *s, int layer)
{
    int64_t now = ergon_probe_now_ns();
    if (s->job->probe && now >= s->next_progress_ns) {
        s->next_progress_ns = now + PROGRESS_NS;
        ergon_probe_progress(s->job->probe, now, ERGON_PRE_INFERENCE, layer, s->written, s->tensors,
                             0, 0);
    }
    return erg_channel_cancelled(s->job->channel) ? erg_fail(s->err, ERG_CANCELLED, "cancelled")
                                                  : 0;
}

static int put(struct synth *s, const void *bytes, size_t len)
{
    if (fwrite(bytes, 1, len, s->file) == len) {
        return 0;
    }
    return erg_fail_errno(s->err, errno, "cannot write '%.150s'", s->name);
}

static int layer_of(const struct erg_tensor_plan *plan)
{
    int layer;
    return sscanf(plan->name, "blk.%d.", &layer) == 1 ? layer : -1;
}

static int write_matrix(struct synth *s, const struct erg_tensor_plan *plan)
{
    const struct erg_synth_pool *pool;
    size_t left = (size_t)erg_tensor_plan_bytes(plan);
    int status = erg_synth_pool(&s->pools, (int)plan->type, s->bytes_of[plan->type], &pool, s->err);
    while (status == 0 && left > 0) {
        size_t from = (size_t)(erg_synth_random(&s->pools) % (pool->bytes / pool->block_bytes)) *
                      pool->block_bytes;
        size_t len = pool->bytes - from < left ? pool->bytes - from : left;
        status = put(s, pool->data + from, len);
        status = status ? status : pause_writing(s, layer_of(plan));
        left -= len;
    }
    return status;
}

static float value_of(struct synth *s, const struct erg_tensor_plan *plan, int64_t i)
{
    switch (plan->role) {
    case ERG_TENSOR_NORM:
        return 1;
    case ERG_TENSOR_BIAS:
        return 0;
    case ERG_TENSOR_FACTORS:
        return erg_blueprint_rope_factor(s->job->blueprint, (int)i);
    default:
        return erg_synth_weight(&s->pools);
    }
}

static int write_floats(struct synth *s, const struct erg_tensor_plan *plan)
{
    int status = 0;
    for (int64_t i = 0; i < plan->ne[0] * plan->ne[1] && status == 0; i++) {
        float value = value_of(s, plan, i);
        status = put(s, &value, sizeof(value));
    }
    return status;
}

static int write_tensor(void *user, const struct erg_tensor_plan *plan)
{
    static const char zeros[ALIGNMENT];
    struct synth *s = user;
    size_t over = (size_t)erg_tensor_plan_bytes(plan) % ALIGNMENT;
    int status = plan->role == ERG_TENSOR_MATRIX ? write_matrix(s, plan) : write_floats(s, plan);
    s->written++;
    return status || over == 0 ? status : put(s, zeros, ALIGNMENT - over);
}

static int write_metadata(struct synth *s)
{
    size_t bytes = gguf_get_meta_size(s->gguf);
    ERG_AUTO_FREE void *meta = erg_calloc(1, bytes);
    if (!meta) {
        return erg_fail(s->err, ERG_NOMEM, "cannot write the model: out of memory");
    }
    gguf_get_meta_data(s->gguf, meta);
    return put(s, meta, bytes);
}

static int write_all(struct synth *s, int fd)
{
    int copy = dup(fd);
    s->file = copy < 0 ? NULL : fdopen(copy, "wb");
    if (!s->file) {
        int reason = errno;
        erg_cleanup_fd(&copy);
        return erg_fail_errno(s->err, reason, "cannot write '%.150s'", s->name);
    }
    int status = write_metadata(s);
    status = status ? status : erg_blueprint_tensors(s->job->blueprint, write_tensor, s);
    if (fclose(s->file) != 0 && status == 0) {
        status = erg_fail_errno(s->err, errno, "cannot write '%.150s'", s->name);
    }
    return status;
}

int erg_synthesize_into(const struct erg_synthesis *synthesis, int fd, const char *name,
                        struct erg_err *err)
{
    struct synth s = {.job = synthesis, .name = name, .err = err};
    erg_synth_pools_init(&s.pools, synthesis->blueprint->seed);
    int status = make_metadata(&s);
    status = status ? status : erg_model_file_reserve(fd, s.bytes, name, err);
    status = status ? status : write_all(&s, fd);
    erg_synth_pools_deinit(&s.pools);
    if (s.gguf) {
        gguf_free(s.gguf);
    }
    ggml_free(s.ggml);
    return status;
}

int erg_synthesize(const struct erg_synthesis *synthesis, const char *out, struct erg_err *err)
{
    struct erg_model_file file;
    int status = erg_model_file_create(&file, out, err);
    if (status != 0) {
        return status;
    }
    status = erg_synthesize_into(synthesis, file.fd, out, err);
    return erg_model_file_finish(&file, status, err);
}
