/* SPDX-License-Identifier: MIT */
#include "engine/llama/bench.h"

#include "base/mem.h"
#include "engine/llama/prompt.h"
#include "engine/llama/run_state.h"

#include <stdlib.h>

enum { PAIRS_PER_LINE = 100, ROUND_PAIRS = 24 };

/* One of the two contexts. */
struct side {
    struct erg_run_command command;
    struct erg_run run;
    bool profiled;
    llama_token next;
    int64_t time_ns, report_ns; /* of the latest turn, per token */
};

struct pair {
    int64_t a_ns, b_ns, report_ns;
    int round;
};

/* What a program that nobody profiles does to get from one token to the next. */
static int evaluate_bare(struct erg_run *run, llama_token *out_next, struct erg_err *err)
{
    if (llama_decode(run->ctx, run->batch) != 0) {
        return erg_fail(err, ERG_IO, "decoding failed: %s",
                        run->log->error[0] ? run->log->error : "no reason given");
    }
    llama_synchronize(run->ctx);
    *out_next = llama_sampler_sample(run->sampler, run->ctx, -1);
    run->position += run->batch.n_tokens;
    return 0;
}

static int decode(struct side *side, struct erg_err *err)
{
    llama_token token = side->next;
    if (side->profiled) {
        return erg_run_decode_one(&side->run, token, &side->next, err);
    }
    erg_run_set_token(&side->run, 0, token, true);
    return evaluate_bare(&side->run, &side->next, err);
}

static int prefill(struct side *side, struct erg_err *err)
{
    struct erg_run *run = &side->run;
    if (side->profiled) {
        return erg_run_prefill(run, &side->next, err);
    }
    for (int i = 0; i < run->prompt_count; i++) {
        erg_run_set_token(run, i, run->prompt[i], i == run->prompt_count - 1);
    }
    return evaluate_bare(run, &side->next, err);
}

static void forget(struct erg_run *run)
{
    llama_memory_clear(llama_get_memory(run->ctx), false);
    run->position = 0;
}

static int take_turn(struct side *side, const struct erg_bench_command *command,
                     struct erg_err *err)
{
    int count = command->prefill ? 1 : command->block;
    int64_t report_ns = 0;
    if (command->prefill) {
        forget(&side->run);
    }
    int64_t t0_ns = ergon_probe_now_ns(), t1_ns = t0_ns;
    for (int i = 0; i < count; i++) {
        int status = command->prefill ? prefill(side, err) : decode(side, err);
        if (status != 0) {
            return status;
        }
        t1_ns = ergon_probe_now_ns();
        report_ns += side->profiled ? t1_ns - side->run.pass_t1_ns : 0;
    }
    side->time_ns = (t1_ns - t0_ns) / count;
    side->report_ns = report_ns / count;
    return 0;
}

static int check_room(const struct erg_run *run, struct erg_err *err)
{
    int need = run->prompt_count + run->command->tokens;
    if (need > run->n_ctx || run->prompt_count > run->ubatch) {
        return erg_fail(err, ERG_LIMIT,
                        "%d tokens do not fit the context of %d, or a prompt of %d one pass of %d",
                        need, run->n_ctx, run->prompt_count, run->ubatch);
    }
    return 0;
}

static int open_side(struct side *side, const struct erg_bench_command *command, bool profiled,
                     struct erg_err *err)
{
    struct erg_run *run = &side->run;
    side->command = command->run;
    side->profiled = profiled || (command->against && !command->control);
    if (!side->profiled) {
        side->command.instrument = "none";
    } else if (!profiled) {
        side->command.mode = command->against;
    }
    run->command = &side->command;
    erg_run_prepare(run);
    int status =
        erg_prompt_tokens(run->model->llama, run->command, &run->prompt, &run->prompt_count, err);
    status = status ? status : erg_run_open(run, err);
    status = status ? status : check_room(run, err);
    status = status ? status : erg_run_fill_batch(run, err);
    return status ? status : prefill(side, err);
}

static void close_side(struct side *side)
{
    erg_run_close(&side->run);
    free(side->run.prompt);
    free(side->run.output);
}

static int measure(struct side *a, struct side *b, const struct erg_bench_command *command,
                   struct pair *pairs, int count, struct erg_err *err)
{
    for (int i = -ERG_BENCH_WARMUP_PAIRS; i < count; i++) {
        struct side *first = i & 1 ? b : a, *second = i & 1 ? a : b;
        int status = take_turn(first, command, err);
        status = status ? status : take_turn(second, command, err);
        if (status == 0 && erg_channel_cancelled(a->run.channel)) {
            status = erg_fail(err, ERG_CANCELLED, "cancelled");
        }
        if (status != 0) {
            return status;
        }
        if (i >= 0) {
            pairs[i] = (struct pair){a->time_ns, b->time_ns, b->report_ns, 0};
        }
    }
    return 0;
}

/*
 * Contexts differ by where their memory lies, by more than what profiling costs. So they are made
 * anew for each round, side `first` before the other.
 */
static int measure_round(const struct erg_run *run, const struct erg_bench_command *command,
                         int first, struct pair *pairs, int count, struct erg_err *err)
{
    struct side sides[2] = {{.run = *run}, {.run = *run}};
    int status = 0;
    for (int i = 0; i < 2 && status == 0; i++) {
        int k = i ^ first;
        status = open_side(&sides[k], command, k == 1 && !command->control, err);
    }
    status = status ? status : measure(&sides[0], &sides[1], command, pairs, count, err);
    close_side(&sides[0]);
    close_side(&sides[1]);
    return status;
}

static void send_line(ergon_probe *probe, const struct pair *pairs, int count)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "pairs");
    erg_jsonw_arr_begin(&w);
    for (int i = 0; i < count; i++) {
        erg_jsonw_arr_begin(&w);
        erg_jsonw_int(&w, pairs[i].a_ns);
        erg_jsonw_int(&w, pairs[i].b_ns);
        erg_jsonw_int(&w, pairs[i].report_ns);
        erg_jsonw_int(&w, pairs[i].round);
        erg_jsonw_arr_end(&w);
    }
    erg_jsonw_arr_end(&w);
    erg_jsonw_obj_end(&w);
    if (erg_jsonw_finish(&w) == 0) {
        ergon_probe_log(probe, ERGON_INFO, erg_buf_view(&buf));
    }
    erg_buf_deinit(&buf);
}

int erg_bench(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
              struct erg_log *log, const struct erg_bench_command *command, struct erg_err *err)
{
    ERG_AUTO_FREE struct pair *pairs = erg_calloc((size_t)command->pairs, sizeof(*pairs));
    if (!pairs) {
        return erg_fail(err, ERG_NOMEM, "cannot measure: out of memory");
    }
    const struct erg_run run = {.probe = probe, .channel = channel, .model = model, .log = log};
    int twos = command->pairs / (2 * ROUND_PAIRS), rounds = twos > 0 ? 2 * twos : 2;
    int status = 0;
    for (int r = 0, from = 0; r < rounds && status == 0; r++) {
        int to = r + 1 < rounds ? command->pairs / 2 * (r + 1) / rounds * 2 : command->pairs;
        status = measure_round(&run, command, r % 2, pairs + from, to - from, err);
        for (; from < to; from++) {
            pairs[from].round = r;
        }
    }
    for (int i = 0; status == 0 && i < command->pairs; i += PAIRS_PER_LINE) {
        int left = command->pairs - i;
        send_line(probe, &pairs[i], left < PAIRS_PER_LINE ? left : PAIRS_PER_LINE);
    }
    return status;
}
