/* SPDX-License-Identifier: MIT */
#include "engine/llama/command.h"

#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_BYTES = 64 * 1024, LENGTH_BYTES = 4, MAX_THREADS = 512 /* as ggml's */ };

void erg_channel_init(struct erg_channel *channel, int fd)
{
    memset(channel, 0, sizeof(*channel));
    channel->fd = fd;
}

void erg_channel_deinit(struct erg_channel *channel)
{
    free(channel->bytes);
    channel->bytes = NULL;
}

static uint32_t frame_bytes(const struct erg_channel *channel)
{
    uint32_t len;
    memcpy(&len, channel->bytes, LENGTH_BYTES);
    return len;
}

static bool has_frame(const struct erg_channel *channel)
{
    return channel->len >= LENGTH_BYTES &&
           channel->len - LENGTH_BYTES >= (size_t)frame_bytes(channel);
}

/* Take in what the socket has, without waiting. */
static int receive(struct erg_channel *channel, struct erg_err *err)
{
    for (;;) {
        void *bytes = channel->bytes;
        int status = erg_grow(&bytes, &channel->capacity, channel->len + READ_BYTES, 1,
                              (size_t)ERG_MAX_JSON_BYTES * 2);
        channel->bytes = bytes;
        if (status != 0) {
            return erg_fail(err, status, "cannot take in a command");
        }
        ssize_t got = recv(channel->fd, channel->bytes + channel->len, READ_BYTES, MSG_DONTWAIT);
        if (got > 0) {
            channel->len += (size_t)got;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            channel->gone = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return 0;
        }
        if (has_frame(channel)) {
            return 0;
        }
    }
}

static json_t *parse_frame(const struct erg_channel *channel)
{
    return json_loadb(channel->bytes + LENGTH_BYTES, frame_bytes(channel),
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

static void drop_frame(struct erg_channel *channel)
{
    size_t used = LENGTH_BYTES + (size_t)frame_bytes(channel);
    channel->len -= used;
    memmove(channel->bytes, channel->bytes + used, channel->len);
}

static int check_length(const struct erg_channel *channel, struct erg_err *err)
{
    if (channel->len >= LENGTH_BYTES && frame_bytes(channel) > ERG_MAX_JSON_BYTES) {
        return erg_fail(err, ERG_CORRUPT, "a command of %u bytes is too long",
                        (unsigned)frame_bytes(channel));
    }
    return 0;
}

static int take_frame(struct erg_channel *channel, json_t **out, struct erg_err *err)
{
    json_t *json = parse_frame(channel);
    drop_frame(channel);
    if (!json_is_object(json) || !json_is_string(json_object_get(json, "cmd"))) {
        json_decref(json);
        return erg_fail(err, ERG_INVALID, "a command is not a JSON object with 'cmd'");
    }
    *out = json;
    return 1;
}

int erg_channel_next(struct erg_channel *channel, int timeout_ms, json_t **out, struct erg_err *err)
{
    for (bool waited = false;; waited = true) {
        int status = check_length(channel, err);
        if (status != 0) {
            return status;
        }
        if (has_frame(channel)) {
            return take_frame(channel, out, err);
        }
        if (channel->gone) {
            return erg_fail(err, ERG_GONE, "the recorder closed the connection");
        }
        struct pollfd ready = {.fd = channel->fd, .events = POLLIN};
        if (waited || poll(&ready, 1, timeout_ms) <= 0) {
            return 0;
        }
        status = receive(channel, err);
        if (status != 0) {
            return status;
        }
    }
}

bool erg_channel_cancelled(struct erg_channel *channel)
{
    struct erg_err ignored;
    if (receive(channel, &ignored) != 0 || channel->gone) {
        return true;
    }
    if (check_length(channel, &ignored) != 0 || !has_frame(channel)) {
        return false;
    }
    json_t *json = parse_frame(channel);
    const char *name = json_string_value(json_object_get(json, "cmd"));
    bool cancel = name && strcmp(name, "cancel") == 0;
    if (cancel) {
        drop_frame(channel);
    }
    json_decref(json);
    return cancel;
}

/* Reads the members of one command; the first wrong one is kept. */
struct members {
    const json_t *json;
    struct erg_err *err;
    int status;
};

static void wrong(struct members *m, const char *key, const char *what)
{
    if (m->status == 0) {
        m->status = erg_fail(m->err, ERG_INVALID, "'%s' must be %s", key, what);
    }
}

static const json_t *member(const struct members *m, const char *key)
{
    const json_t *value = json_object_get(m->json, key);
    return json_is_null(value) ? NULL : value;
}

static int get_int(struct members *m, const char *key, int fallback, int min, int max)
{
    const json_t *value = member(m, key);
    if (!value) {
        return fallback;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < min || number > max) {
        char what[64];
        snprintf(what, sizeof(what), "a whole number from %d to %d", min, max);
        wrong(m, key, what);
        return fallback;
    }
    return (int)number;
}

static double get_real(struct members *m, const char *key, double fallback, double min, double max)
{
    const json_t *value = member(m, key);
    if (!value) {
        return fallback;
    }
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= min && number <= max)) {
        char what[64];
        snprintf(what, sizeof(what), "a number from %g to %g", min, max);
        wrong(m, key, what);
        return fallback;
    }
    return number;
}

static bool get_bool(struct members *m, const char *key, bool fallback)
{
    const json_t *value = member(m, key);
    if (value && !json_is_boolean(value)) {
        wrong(m, key, "true or false");
    }
    return value && json_is_boolean(value) ? json_is_true(value) : fallback;
}

static const char *get_text(struct members *m, const char *key, const char *fallback)
{
    const json_t *value = member(m, key);
    if (value &&
        (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))) {
        wrong(m, key, "a text without NUL");
        return fallback;
    }
    return value ? json_string_value(value) : fallback;
}

int erg_command_load(const json_t *json, struct erg_load_command *out, struct erg_err *err)
{
    struct members m = {.json = json, .err = err};
    out->model = get_text(&m, "model", NULL);
    out->gpu_layers = get_int(&m, "gpu_layers", 0, -1, 1 << 20);
    out->device = get_text(&m, "device", "cpu");
    out->mmap = get_bool(&m, "mmap", true);
    if (!out->model || out->model[0] == '\0') {
        wrong(&m, "model", "the path of a GGUF file");
    }
    return m.status;
}

static void get_prompt(struct members *m, struct erg_run_command *out)
{
    const json_t *prompt = member(m, "prompt");
    out->prompt_tokens = get_int(m, "prompt_tokens", 0, 0, (int)ERG_MAX_TOKENS);
    if (prompt && !json_is_string(prompt)) {
        wrong(m, "prompt", "a text");
    } else if (prompt && json_string_length(prompt) > ERG_MAX_PROMPT_BYTES) {
        wrong(m, "prompt", "at most 16 MiB long");
    } else if (prompt) {
        out->prompt = json_string_value(prompt);
        out->prompt_bytes = json_string_length(prompt);
    } else if (out->prompt_tokens == 0) {
        wrong(m, "prompt", "given, or 'prompt_tokens' above 0");
    }
}

static void get_layers(struct members *m, struct erg_run_command *out)
{
    const json_t *layers = member(m, "layers"), *layer;
    size_t i;
    json_array_foreach(layers, i, layer)
    {
        if (!json_is_integer(layer) || json_integer_value(layer) < 0 ||
            json_integer_value(layer) >= ERG_MAX_LAYERS) {
            layers = NULL;
            break;
        }
    }
    if (member(m, "layers") && json_array_size(layers) == 0) {
        wrong(m, "layers", "an array of numbers of layers");
        return;
    }
    out->layers = layers;
}

static void get_profile(struct members *m, struct erg_run_command *out)
{
    out->sparsity_threshold = get_real(m, "sparsity_threshold", 0.01, 0, 1e30);
    out->attention_sparsity_threshold = get_real(m, "attention_sparsity_threshold", 0.01, 0, 1);
    out->sample_every = get_int(m, "sample_every", 1, 1, (int)ERG_MAX_TOKENS);
    out->bare_every = get_int(m, "bare_every", 16, 0, (int)ERG_MAX_TOKENS);
    out->overhead_budget_pct = get_real(m, "overhead_budget_pct", 0, 0, 1000);
    out->layer_stride = get_int(m, "layer_stride", 1, 1, ERG_MAX_LAYERS);
    get_layers(m, out);
    if (out->bare_every == 1) {
        wrong(m, "bare_every", "0 or at least 2");
    }
    if (out->bare_every == 0 && out->overhead_budget_pct > 0) {
        wrong(m, "bare_every", "above 0 with 'overhead_budget_pct'");
    }
}

int erg_command_run(const json_t *json, struct erg_run_command *out, struct erg_err *err)
{
    struct members m = {.json = json, .err = err};
    memset(out, 0, sizeof(*out));
    get_prompt(&m, out);
    out->chat = get_bool(&m, "chat", false);
    out->bos = get_bool(&m, "bos", true);
    out->ignore_eos = get_bool(&m, "ignore_eos", false);
    out->tokens = get_int(&m, "tokens", 128, 0, (int)ERG_MAX_TOKENS);
    out->ctx = get_int(&m, "ctx", 0, 0, (int)ERG_MAX_TOKENS);
    out->batch = get_int(&m, "batch", 0, 0, 1 << 20);
    out->ubatch = get_int(&m, "ubatch", 0, 0, 1 << 16);
    out->threads = get_int(&m, "threads", 0, 0, MAX_THREADS);
    out->threads_batch = get_int(&m, "threads_batch", 0, 0, MAX_THREADS);
    out->temperature = get_real(&m, "temperature", 0, 0, 1e6);
    out->top_p = get_real(&m, "top_p", 0.95, 0, 1);
    out->top_k = get_int(&m, "top_k", 40, 0, INT_MAX);
    out->seed = (unsigned)get_real(&m, "seed", 0, 0, 4294967294.0);
    out->flash_attn = get_text(&m, "flash_attn", NULL);
    out->cache_type_k = get_text(&m, "cache_type_k", "f16");
    out->cache_type_v = get_text(&m, "cache_type_v", "f16");
    out->mode = get_text(&m, "mode", "standard");
    out->instrument = get_text(&m, "instrument", "auto");
    out->dump_logits = get_text(&m, "dump_logits", NULL);
    out->dump_all = get_bool(&m, "dump_all", false);
    get_profile(&m, out);
    out->dump_nodes = get_text(&m, "dump_nodes", NULL);
    out->dump_tensors = get_text(&m, "dump_tensors", NULL);
    return m.status;
}

/* A small llama unless the members say otherwise; their names are the keys of a specification. */
static int get_blueprint(struct members *m, struct erg_blueprint *out)
{
    static const struct {
        const char *key;
        int value;
    } defaults[] = {
        {"layers", 2}, {"embedding", 256}, {"heads", 4}, {"feed_forward", 512}, {"vocab", 512}};
    int status = erg_blueprint_begin(out, get_text(m, "arch", "llama"), m->err);
    if (status == 0) {
        status = erg_blueprint_set_type(out, get_text(m, "type", "q4_0"), m->err);
    }
    for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults) && status == 0; i++) {
        const struct erg_blueprint_key *key = erg_blueprint_key_find(defaults[i].key);
        *erg_blueprint_number(out, key) = defaults[i].value;
    }
    for (size_t i = 0; erg_blueprint_key_at(i) && status == 0; i++) {
        const struct erg_blueprint_key *key = erg_blueprint_key_at(i);
        int *number = erg_blueprint_number(out, key);
        *number = get_int(m, key->name, *number, key->min, key->max);
    }
    m->status = m->status ? m->status : status;
    return m->status ? m->status : erg_blueprint_finish(out, m->err);
}

int erg_command_synth(const json_t *json, struct erg_synth_command *out, struct erg_err *err)
{
    struct members m = {.json = json, .err = err};
    out->out = get_text(&m, "out", NULL);
    out->model = get_text(&m, "model", NULL);
    if (!out->out || out->out[0] == '\0') {
        wrong(&m, "out", "the path of the file to write");
    }
    if (m.status != 0) {
        return m.status;
    }
    return out->model ? erg_blueprint_parse(out->model, &out->blueprint, err)
                      : get_blueprint(&m, &out->blueprint);
}

int erg_command_bench(const json_t *json, struct erg_bench_command *out, struct erg_err *err)
{
    int status = erg_command_run(json, &out->run, err);
    if (status != 0) {
        return status;
    }
    struct members m = {.json = json, .err = err};
    const char *what = get_text(&m, "what", "decode");
    out->prefill = strcmp(what, "prefill") == 0;
    if (!out->prefill && strcmp(what, "decode") != 0) {
        wrong(&m, "what", "decode or prefill");
    }
    out->control = get_bool(&m, "control", false);
    out->against = get_text(&m, "against", NULL);
    out->pairs = get_int(&m, "pairs", 500, 2, 100000);
    out->block = get_int(&m, "block", 1, 1, 1000);
    out->run.tokens = out->prefill ? 0 : (out->pairs + ERG_BENCH_WARMUP_PAIRS) * out->block;
    out->run.ignore_eos = true;
    out->run.bare_every = 0;
    out->run.overhead_budget_pct = 0;
    out->run.sample_every = 1;
    return m.status;
}

int erg_command_calibrate(const json_t *json, struct erg_calibrate_command *out,
                          struct erg_err *err)
{
    struct members m = {.json = json, .err = err};
    out->threads = get_int(&m, "threads", 0, 0, MAX_THREADS);
    out->prompt_tokens = get_int(&m, "prompt_tokens", 64, 1, 1 << 16);
    return m.status;
}

int erg_command_block(const json_t *json, int operations, struct erg_block_command *out,
                      struct erg_err *err)
{
    struct members m = {.json = json, .err = err};
    out->operation = get_int(&m, "operation", -1, 0, operations - 1);
    out->duration_ms = get_int(&m, "duration_ms", 100, 1, 600000);
    out->check = get_bool(&m, "check", false);
    if (out->operation < 0) {
        wrong(&m, "operation", "given");
    }
    return m.status;
}
