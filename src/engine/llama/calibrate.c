/* SPDX-License-Identifier: MIT */
#include "engine/llama/calibrate.h"

#include "base/mem.h"
#include "engine/llama/amplify.h"
#include "engine/llama/nodes.h"
#include "engine/llama/prompt.h"
#include "engine/llama/threads.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PHASES = 2, MAX_NODES = 1 << 17, MAX_OPERATIONS = 4096, MAX_NODES_AT_ONCE = 512 };
enum { CANCEL_CHECK_NS = 50 * 1000 * 1000 };

/* A computation is arranged to take about this long, so that starting it costs nothing of note. */
#define COMPUTATION_NS 2000000

/* An executed node of a phase's graph. */
struct node {
    char op_name[ERG_NODE_NAME_BYTES]; /* to know it again */
    enum ggml_op op;
    struct erg_node_cost cost;
    size_t operation; /* index */
    bool fused;       /* computed together with the node before it */
    bool begins_fused;
};

struct phase {
    const char *name;
    struct node *nodes;
    size_t count, capacity;
    int position, tokens; /* of the pass */
    /* while a pass is listed */
    struct erg_node_facts *facts;
    const struct ggml_tensor **tensors;
    size_t facts_capacity, tensors_capacity;
};

struct operation {
    size_t phase;
    enum erg_component component;
    char name[ERG_OPERATION_BYTES];
    size_t nodes;
    double flops, bytes;
};

struct calibration {
    ergon_probe *probe;
    struct erg_channel *channel;
    const struct erg_model *model;
    struct erg_log *log;
    struct llama_context *ctx;
    struct llama_batch batch;
    bool has_batch;
    llama_token *prompt;
    int prompt_count, threads;
    ggml_backend_t backend;

    struct phase phases[PHASES];
    struct operation *operations;
    size_t count, capacity;

    /* what the callback does in the pass that is being evaluated */
    enum { LISTING, CAPTURING, IGNORING } purpose;
    struct phase *current;
    size_t seen;   /* executed nodes so far */
    size_t wanted; /* operation that is captured */
    bool check;    /* keep the results as well */
    struct erg_amplifier *amplifier;
    size_t amplified; /* operation that the amplifier has; SIZE_MAX = none */
    int status;
    struct erg_err *err;
};

/* --- passes ----------------------------------------------------------------------------------- */

static void list_node(struct calibration *c, const struct ggml_tensor *tensor)
{
    struct phase *phase = c->current;
    size_t n = phase->count + 1;
    void *nodes = phase->nodes, *facts = phase->facts, *tensors = phase->tensors;
    int status = erg_grow(&nodes, &phase->capacity, n, sizeof(*phase->nodes), MAX_NODES);
    phase->nodes = nodes;
    status = status ? status
                    : erg_grow(&facts, &phase->facts_capacity, n, sizeof(*phase->facts), MAX_NODES);
    phase->facts = facts;
    status = status ? status
                    : erg_grow(&tensors, &phase->tensors_capacity, n, sizeof(*phase->tensors),
                               MAX_NODES);
    phase->tensors = tensors;
    if (status != 0) {
        c->status =
            erg_fail(c->err, status, "cannot list the operations: %s", erg_code_text(status));
        return;
    }
    struct node *node = &phase->nodes[phase->count];
    *node = (struct node){.op = tensor->op};
    snprintf(node->op_name, sizeof(node->op_name), "%s", tensor->name);
    erg_node_facts(tensor, phase->tensors, phase->count, &phase->facts[phase->count]);
    erg_node_cost(tensor, &node->cost);
    phase->tensors[phase->count++] = tensor;
}

static void capture_node(struct calibration *c, const struct ggml_tensor *tensor)
{
    size_t i = c->seen++;
    const struct node *node = i < c->current->count ? &c->current->nodes[i] : NULL;
    if (!node || node->op != tensor->op || strcmp(node->op_name, tensor->name) != 0) {
        c->status = erg_fail(c->err, ERG_CORRUPT, "the graph is not the same as before");
    } else if (node->operation == c->wanted) {
        c->status = erg_amplifier_add(c->amplifier, tensor, node->fused, c->err);
    }
}

static void keep_result(struct calibration *c)
{
    const struct node *node = &c->current->nodes[c->seen - 1];
    if (node->operation == c->wanted && !node->begins_fused) {
        c->status = erg_amplifier_expect(c->amplifier, c->err);
    }
}

/*
 * Asked of each node before it is computed. When the answer is yes, all nodes before the next one
 * asked are computed: that is when what the next one reads can be copied.
 */
static bool on_node(struct ggml_tensor *tensor, bool ask, void *user)
{
    struct calibration *c = user;
    if (!ask && c->check && c->purpose == CAPTURING && c->status == 0) {
        keep_result(c);
    }
    if (!ask || !erg_node_is_executed(tensor) || c->status != 0 || c->purpose == IGNORING) {
        return true;
    }
    if (c->purpose == LISTING) {
        list_node(c, tensor);
        return false;
    }
    capture_node(c, tensor);
    return true;
}

static int evaluate(struct calibration *c, const llama_token *tokens, int count, int position)
{
    c->batch.n_tokens = count;
    c->seen = 0;
    for (int i = 0; i < count; i++) {
        c->batch.token[i] = tokens[i];
        c->batch.pos[i] = position + i;
        c->batch.n_seq_id[i] = 1;
        c->batch.seq_id[i][0] = 0;
        c->batch.logits[i] = i == count - 1;
    }
    llama_memory_seq_rm(llama_get_memory(c->ctx), 0, position, -1);
    int result = llama_decode(c->ctx, c->batch);
    llama_synchronize(c->ctx);
    if (c->status == 0 && result != 0) {
        c->status = erg_fail(c->err, ERG_IO, "decoding failed: %s",
                             c->log->error[0] ? c->log->error : "no reason given");
    }
    return c->status;
}

/* The pass of a phase: the prompt, or one token behind it. */
static int evaluate_phase(struct calibration *c, struct phase *phase)
{
    c->current = phase;
    return evaluate(c, c->prompt, phase->tokens, phase->position);
}

/* --- the list --------------------------------------------------------------------------------- */

static size_t find_operation(struct calibration *c, size_t phase,
                             const struct erg_node_class *class, const char *name)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct operation *operation = &c->operations[i];
        if (operation->phase == phase && operation->component == class->component &&
            strcmp(operation->name, name) == 0) {
            return i;
        }
    }
    void *operations = c->operations;
    int status =
        erg_grow(&operations, &c->capacity, c->count + 1, sizeof(*c->operations), MAX_OPERATIONS);
    c->operations = operations;
    if (status != 0) {
        c->status =
            erg_fail(c->err, status, "cannot list the operations: %s", erg_code_text(status));
        return SIZE_MAX;
    }
    struct operation *operation = &c->operations[c->count];
    *operation = (struct operation){.phase = phase, .component = class->component};
    snprintf(operation->name, sizeof(operation->name), "%s", name);
    return c->count++;
}

/* docs/engine.md has the formulas; the first half of a fused norm moves no memory of its own. */
static void add_cost(struct operation *operation, const struct phase *phase,
                     const struct node *node)
{
    double n = phase->tokens, first = phase->position;
    double cells = n * first + n * (n + 1) / 2;
    operation->nodes += !node->fused;
    operation->flops += node->cost.flops + node->cost.flops_per_cell * cells;
    operation->bytes +=
        node->begins_fused ? 0 : node->cost.bytes + node->cost.cache_bytes_per_key * (first + n);
}

static int group_nodes(struct calibration *c, size_t index)
{
    struct phase *phase = &c->phases[index];
    ERG_AUTO_FREE struct erg_node_class *classes = erg_calloc(phase->count, sizeof(*classes));
    if (!classes) {
        return erg_fail(c->err, ERG_NOMEM, "cannot list the operations: out of memory");
    }
    erg_classify(phase->facts, phase->count, classes);
    for (size_t i = 0; i < phase->count && c->status == 0; i++) {
        struct node *node = &phase->nodes[i];
        bool begins = i + 1 < phase->count &&
                      erg_classify_fuses(&phase->facts[i], (int)i, &phase->facts[i + 1]);
        node->begins_fused = begins;
        node->fused = i > 0 && phase->nodes[i - 1].begins_fused;
        const char *name = begins || node->fused ? ERG_OPERATION_FUSED_NORM : classes[i].operation;
        node->operation = find_operation(c, index, &classes[i], name);
        if (c->status == 0) {
            add_cost(&c->operations[node->operation], phase, node);
        }
    }
    return c->status;
}

static void send_line(struct calibration *c, struct erg_jsonw *w, struct erg_buf *buf)
{
    if (erg_jsonw_finish(w) == 0) {
        ergon_probe_log(c->probe, ERGON_INFO, erg_buf_view(buf));
    }
    erg_buf_deinit(buf);
}

static void send_list(struct calibration *c)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "operations");
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < c->count; i++) {
        const struct operation *operation = &c->operations[i];
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kstr(&w, "phase", c->phases[operation->phase].name);
        erg_jsonw_kstr(&w, "component", erg_component_name(operation->component));
        erg_jsonw_kstr(&w, "operation", operation->name);
        erg_jsonw_kint(&w, "nodes", (int64_t)operation->nodes);
        erg_jsonw_kreal(&w, "flops", operation->flops);
        erg_jsonw_kreal(&w, "bytes", operation->bytes);
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_arr_end(&w);
    erg_jsonw_kint(&w, "threads", c->threads);
    erg_jsonw_kint(&w, "prompt_tokens", c->prompt_count);
    erg_jsonw_obj_end(&w);
    send_line(c, &w, &buf);
}

static int list_operations(struct calibration *c)
{
    c->purpose = LISTING;
    for (size_t i = 0; i < PHASES && c->status == 0; i++) {
        if (evaluate_phase(c, &c->phases[i]) == 0) {
            group_nodes(c, i);
        }
        free(c->phases[i].facts);
        free(c->phases[i].tensors);
        c->phases[i].facts = NULL;
        c->phases[i].tensors = NULL;
    }
    if (c->status == 0) {
        send_list(c);
    }
    return c->status;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* As many rounds as make a computation take a while. */
static int arrange(struct calibration *c, struct erg_err *err)
{
    size_t nodes = erg_amplifier_nodes(c->amplifier), rounds = 1;
    if (nodes == 0) {
        return erg_fail(err, ERG_UNSUPPORTED, "none of its nodes was met");
    }
    int status = erg_amplifier_arrange(c->amplifier, 1, err);
    status = status ? status : erg_amplifier_run(c->amplifier, c->backend, err);
    if (status != 0) {
        return status;
    }
    int64_t t0_ns = ergon_probe_now_ns();
    status = erg_amplifier_run(c->amplifier, c->backend, err);
    int64_t once_ns = ergon_probe_now_ns() - t0_ns;
    rounds += (size_t)(COMPUTATION_NS / (once_ns > 0 ? once_ns : 1));
    rounds = rounds * nodes > MAX_NODES_AT_ONCE ? MAX_NODES_AT_ONCE / nodes + 1 : rounds;
    status = status ? status : erg_amplifier_arrange(c->amplifier, rounds, err);
    return status ? status : erg_amplifier_run(c->amplifier, c->backend, err);
}

/* Have the nodes of an operation copied, by evaluating its pass once more. */
static int amplify(struct calibration *c, size_t index, struct erg_err *err)
{
    if (c->amplified == index) {
        return 0;
    }
    erg_amplifier_free(c->amplifier);
    c->amplifier = NULL;
    c->amplified = SIZE_MAX;
    int status = erg_amplifier_new(&c->amplifier, err);
    if (status != 0) {
        return status;
    }
    c->purpose = CAPTURING;
    c->wanted = index;
    c->err = err;
    status = evaluate_phase(c, &c->phases[c->operations[index].phase]);
    c->purpose = IGNORING;
    c->status = 0;
    status = status ? status : arrange(c, err);
    c->amplified = status ? SIZE_MAX : index;
    return status;
}

struct block {
    int64_t t0_ns, t1_ns, repetitions;
};

static int repeat(struct calibration *c, int64_t duration_ns, struct block *out,
                  bool *out_cancelled, struct erg_err *err)
{
    int64_t rounds = (int64_t)erg_amplifier_rounds(c->amplifier);
    int64_t checked_ns = ergon_probe_now_ns();
    *out = (struct block){.t0_ns = ergon_probe_now_ns()};
    int status = 0;
    do {
        status = erg_amplifier_run(c->amplifier, c->backend, err);
        out->t1_ns = ergon_probe_now_ns();
        out->repetitions += rounds;
        if (out->t1_ns - checked_ns > CANCEL_CHECK_NS) {
            checked_ns = out->t1_ns;
            *out_cancelled = erg_channel_cancelled(c->channel);
        }
    } while (status == 0 && !*out_cancelled && out->t1_ns - out->t0_ns < duration_ns);
    return status;
}

static void send_block(struct calibration *c, int operation, const struct block *block)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "block");
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kint(&w, "operation", operation);
    erg_jsonw_kint(&w, "t0_ns", block->t0_ns);
    erg_jsonw_kint(&w, "t1_ns", block->t1_ns);
    erg_jsonw_kint(&w, "repetitions", block->repetitions);
    if (c->check) {
        erg_jsonw_kint(&w, "differing", (int64_t)erg_amplifier_differing(c->amplifier));
    }
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
    send_line(c, &w, &buf);
}

static void send_skipped(struct calibration *c, int operation, const struct erg_err *why)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "skipped");
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kint(&w, "operation", operation);
    erg_jsonw_kstr(&w, "reason", why->text);
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
    send_line(c, &w, &buf);
}

/* Obey one command between blocks; *out_end when it was the last. */
static int obey(struct calibration *c, const json_t *json, bool *out_end, struct erg_err *err)
{
    struct erg_block_command command;
    struct erg_err why = {0};
    struct block block;
    bool cancelled = false;
    const char *name = json_string_value(json_object_get(json, "cmd"));
    *out_end = strcmp(name, "block") != 0;
    if (strcmp(name, "cancel") == 0) {
        return erg_fail(err, ERG_CANCELLED, "cancelled");
    }
    if (*out_end) {
        return strcmp(name, "end") == 0
                   ? 0
                   : erg_fail(err, ERG_INVALID, "'%.60s' while calibrating", name);
    }
    int status = erg_command_block(json, (int)c->count, &command, err);
    if (status != 0) {
        return status;
    }
    c->check = command.check;
    status = amplify(c, (size_t)command.operation, &why);
    status = status ? status
                    : repeat(c, (int64_t)command.duration_ms * 1000000, &block, &cancelled, &why);
    if (status != 0) {
        send_skipped(c, command.operation, &why);
    } else {
        send_block(c, command.operation, &block);
    }
    return cancelled ? erg_fail(err, ERG_CANCELLED, "cancelled") : 0;
}

static int serve_blocks(struct calibration *c, struct erg_err *err)
{
    enum { DRAIN_MS = 50 };
    for (bool end = false; !end;) {
        json_t *json = NULL;
        bool delivered = ergon_probe_drain(c->probe, 0) == 0;
        int status = erg_channel_next(c->channel, delivered ? -1 : DRAIN_MS, &json, err);
        if (status == 1) {
            status = obey(c, json, &end, err);
            json_decref(json);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static int make_context(struct calibration *c, struct erg_err *err)
{
    struct llama_context_params params = llama_context_default_params();
    uint32_t tokens = (uint32_t)c->prompt_count;
    params.n_ctx = tokens + 1;
    params.n_batch = params.n_ubatch = tokens;
    params.n_threads = params.n_threads_batch = c->threads;
    params.cb_eval = on_node;
    params.cb_eval_user_data = c;
    erg_log_forget(c->log);
    c->ctx = llama_init_from_model(c->model->llama, params);
    if (!c->ctx) {
        return erg_fail(err, ERG_NOMEM, "cannot make a context: %s",
                        c->log->error[0] ? c->log->error : "no reason given");
    }
    c->batch = llama_batch_init((int32_t)tokens, 0, 1);
    c->has_batch = true;
    return 0;
}

static int open_calibration(struct calibration *c, const struct erg_calibrate_command *command,
                            struct erg_err *err)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int limit = llama_model_n_ctx_train(c->model->llama) - 1;
    c->threads = command->threads > 0 ? command->threads : cpus > 0 ? cpus : 1;
    if (!c->model->on_cpu) {
        return erg_fail(err, ERG_UNSUPPORTED, "only operations on the CPU can be repeated");
    }
    struct erg_run_command prompt = {
        .prompt_tokens = command->prompt_tokens < limit ? command->prompt_tokens : limit};
    int status = erg_prompt_tokens(c->model->llama, &prompt, &c->prompt, &c->prompt_count, err);
    if (status != 0) {
        return status;
    }
    c->phases[0] = (struct phase){.name = "prefill", .tokens = c->prompt_count};
    c->phases[1] = (struct phase){.name = "decode", .position = c->prompt_count, .tokens = 1};
    c->amplified = SIZE_MAX;
    c->backend = erg_cpu_backend(c->threads);
    if (!c->backend) {
        return erg_fail(err, ERG_UNSUPPORTED, "no CPU back end of one's own can be made");
    }
    return make_context(c, err);
}

static void close_calibration(struct calibration *c)
{
    erg_amplifier_free(c->amplifier);
    ggml_backend_free(c->backend);
    for (size_t i = 0; i < PHASES; i++) {
        free(c->phases[i].nodes);
    }
    if (c->has_batch) {
        llama_batch_free(c->batch);
    }
    llama_free(c->ctx);
    free(c->operations);
    free(c->prompt);
}

int erg_calibrate(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
                  struct erg_log *log, const struct erg_calibrate_command *command,
                  struct erg_err *err)
{
    struct calibration c = {
        .probe = probe, .channel = channel, .model = model, .log = log, .err = err};
    int status = open_calibration(&c, command, err);
    status = status ? status : list_operations(&c);
    status = status ? status : serve_blocks(&c, err);
    close_calibration(&c);
    return status;
}
