/* SPDX-License-Identifier: MIT */
/*
 * What a run costs in the store: bytes per decode token in the file, packing time per pass on the
 * caller's thread, passes (with their token) per second through the writer, spans read back per
 * second. 32 layers; `--quick` for use as a test.
 */
#include "base/clock.h"
#include "store/make_store.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct result {
    double bytes_per_token, caller_us, passes_per_second;
};

static int write_run(const char *path, enum make_detail detail, uint32_t tokens,
                     struct result *result)
{
    struct make_shape shape = {.layers = 32,
                               .detail = detail,
                               .time_scale = 1,
                               .noise = 0.15,
                               .spread = 0.3,
                               .energy = true,
                               .seed = 5};
    struct erg_run_row run = make_run("0190a0b1-7d3c-4000-8000-00000000abcd", "running", NULL);
    const struct erg_clock *clock = erg_clock_system();
    struct erg_writer *writer;
    struct erg_err err;
    int64_t caller_ns = 0, total_ns = 0;
    if (erg_writer_open(&writer, path, &run, make_name, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (uint32_t i = 0; i < tokens; i++) {
        struct make_pass pass;
        make_pass(&pass, &shape, i, ERG_PHASE_DECODE, i, 1, (int64_t)i * 100000000);
        struct erg_token_row token = make_token(&pass.row, 0, i);
        int64_t t0_ns = erg_clock_now_ns(clock);
        erg_writer_pass(writer, &pass.row);
        erg_writer_token(writer, &token);
        caller_ns += erg_clock_now_ns(clock) - t0_ns;
        make_pass_free(&pass);
    }
    int64_t t0_ns = erg_clock_now_ns(clock);
    if (erg_writer_finish(writer, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    total_ns = caller_ns + erg_clock_now_ns(clock) - t0_ns;
    struct stat st;
    if (stat(path, &st))
        return 1;
    result->bytes_per_token = (double)st.st_size / tokens;
    result->caller_us = (double)caller_ns / tokens / 1e3;
    result->passes_per_second = tokens / ((double)total_ns / 1e9);
    return 0;
}

static int count_spans(void *user, const struct erg_pass_row *pass)
{
    *(uint64_t *)user += pass->n_spans;
    return 0;
}

static int read_run(const char *path, double *out_spans_per_second)
{
    const struct erg_clock *clock = erg_clock_system();
    struct erg_store *store;
    uint64_t spans = 0;
    if (erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL))
        return 1;
    int64_t t0_ns = erg_clock_now_ns(clock);
    int status = erg_store_passes(store, "0190a0b1-7d3c-4000-8000-00000000abcd", true, count_spans,
                                  &spans, NULL);
    *out_spans_per_second = (double)spans / ((double)(erg_clock_now_ns(clock) - t0_ns) / 1e9);
    erg_store_close(store);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"minimal", "standard", "deep"};
    uint32_t tokens = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 50 : 3000;
    char folder[] = "/tmp/ergon-bench-XXXXXX", path[64];
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/ergon.db", folder);
    printf("%-10s %12s %16s %14s %16s\n", "mode", "bytes/token", "caller us/pass", "passes/s",
           "spans read/s");
    int status = 0;
    for (int detail = MAKE_MINIMAL; detail <= MAKE_DEEP && status == 0; detail++) {
        struct result result;
        double read_rate = 0;
        status = write_run(path, (enum make_detail)detail, tokens, &result);
        if (status == 0)
            status = read_run(path, &read_rate);
        if (status == 0)
            printf("%-10s %12.0f %16.1f %14.0f %16.0f\n", names[detail], result.bytes_per_token,
                   result.caller_us, result.passes_per_second, read_rate);
        static const char *const suffixes[] = {"", "-wal", "-shm"};
        for (size_t i = 0; i < 3; i++) {
            char file[80];
            snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
            unlink(file);
        }
    }
    rmdir(folder);
    return status != 0;
}
