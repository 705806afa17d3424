/* SPDX-License-Identifier: MIT */
/*
 * How near statistics of tensors come to reading their memory: GB/s of each kernel against a plain
 * sum of the same bytes, in turns. `--quick` for use as a test.
 */
#include "base/clock.h"
#include "engine/stats/stats.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 15 };

struct job {
    enum erg_stats_level level;
    const struct erg_stats_kernels *kernels;
    enum erg_stats_part part;
    bool attention;
    struct erg_tensor_view view;
    size_t bytes;
};

/* Keeps what is computed from being left out. */
static void use(const void *value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

typedef uint64_t words __attribute__((vector_size(32)));

/* The fastest plain read that needs no intrinsics; `bytes` is a multiple of 128. */
#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
static void
read_memory(const void *data, size_t bytes)
{
    const words *at = data;
    words a = {0}, b = a, c = a, d = a;
    for (size_t i = 0; i < bytes / sizeof *at; i += 4) {
        a ^= at[i];
        b ^= at[i + 1];
        c ^= at[i + 2];
        d ^= at[i + 3];
    }
    a ^= b ^ c ^ d;
    use(&a);
}

static void take(const struct job *job)
{
    if (job->attention) {
        struct erg_attention attention = {.threshold = 0.01};
        erg_attention_add(job->kernels, job->view.data, job->bytes / sizeof(float), &attention);
        use(&attention);
        return;
    }
    struct erg_moments moments = {.part = job->part, .threshold = 0.01};
    erg_stats_add(job->kernels, &job->view, NULL, &moments);
    use(&moments);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return values[n / 2];
}

static void measure(const struct job *job, const char *name, int rounds, size_t bytes_per_round)
{
    const struct erg_clock *clock = erg_clock_system();
    double plain[MAX_ROUNDS], with[MAX_ROUNDS], ratio[MAX_ROUNDS];
    size_t repeats = bytes_per_round / job->bytes + 1;
    double bytes = (double)repeats * (double)job->bytes;
    take(job); /* warm */
    for (int i = 0; i < rounds; i++) {
        int64_t start = erg_clock_now_ns(clock);
        for (size_t r = 0; r < repeats; r++)
            read_memory(job->view.data, job->bytes);
        int64_t between = erg_clock_now_ns(clock);
        for (size_t r = 0; r < repeats; r++)
            take(job);
        int64_t end = erg_clock_now_ns(clock);
        plain[i] = bytes / (double)(between - start);
        with[i] = bytes / (double)(end - between);
        ratio[i] = with[i] / plain[i];
    }
    double speed = median(with, rounds);
    size_t element = job->view.nb[0];
    printf("%-7s %-20s %8zu KiB %7.1f GB/s, %5.1f elements/ns, %8.1f GB/s plain, ratio %.2f\n",
           erg_stats_level_name(job->level), name, job->bytes / 1024, speed,
           speed / (double)element, median(plain, rounds), median(ratio, rounds));
}

static void every_kernel(struct job job, int rounds, size_t bytes_per_round)
{
    static const char *const types[] = {"f32", "f16", "bf16"};
    static const char *const parts[] = {"all", "unsigned", "variance", "negative"};
    char name[32];
    for (int type = 0; type < ERG_SCALARS; type++) {
        for (int part = 0; part < ERG_STATS_PARTS; part++) {
            size_t element = type == ERG_SCALAR_F32 ? 4 : 2, count = job.bytes / element;
            if (type && part)
                continue; /* the conversion is the same: once is enough */
            job.view = (struct erg_tensor_view){.data = job.view.data,
                                                .type = type,
                                                .ne = {(int64_t)count, 1, 1, 1},
                                                .nb = {element, job.bytes, job.bytes, job.bytes}};
            job.part = part;
            snprintf(name, sizeof name, "%s %s", parts[part], types[type]);
            measure(&job, name, rounds, bytes_per_round);
        }
    }
    job.attention = true;
    job.view.nb[0] = sizeof(float);
    measure(&job, "attention f32", rounds, bytes_per_round);
}

/* Values near 1 in all three formats, different enough from each other. */
static void fill(void *data, size_t bytes)
{
    uint16_t *half = data;
    for (size_t i = 0; i < bytes / sizeof *half; i++)
        half[i] = (uint16_t)(0x3c00 + i * 40503 % 0x300);
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    static const size_t sizes[] = {16 << 10, 256 << 10, 64 << 20};
    size_t count = quick ? 2 : 3, bytes = sizes[count - 1];
    void *data = aligned_alloc(64, bytes);
    if (!data)
        return 1;
    fill(data, bytes);
    for (size_t i = 0; i < count; i++) {
        for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++) {
            struct job job = {level, erg_stats_select(level), .bytes = sizes[i]};
            job.view.data = data;
            if (job.kernels)
                every_kernel(job, quick ? 1 : MAX_ROUNDS, quick ? 1 : (size_t)16 << 20);
        }
    }
    free(data);
    return 0;
}
