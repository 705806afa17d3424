/* SPDX-License-Identifier: MIT */
/*
 * What the probe costs the measured process: a span, and a pass of 100 spans with its token, sent
 * over a socket that a thread drains. All in one run; `--quick` for use as a test.
 */
#include "ergon/probe.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SPANS = 100, MAX_BATCHES = 2001 };

/* Writes of this thread, counted where the linker sends them. */
static unsigned long writes;

ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    writes++;
    return __real_send(fd, bytes, len, flags);
}

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    writes++;
    return __real_write(fd, bytes, len);
}

static void *drain(void *fd)
{
    static char bytes[1 << 16];
    while (read(*(int *)fd, bytes, sizeof bytes) > 0)
        continue;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and the order statistics that bound it with 95 % (binomial, normal approximation). */
static void print_median(const char *what, double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    int half_width = 1;
    while (half_width * half_width < n) /* 1.96 sqrt(n) / 2 ≈ sqrt(n) */
        half_width++;
    int low = n / 2 - half_width, high = n / 2 + half_width;
    printf("%-34s %9.1f ns  [%.1f, %.1f]\n", what, values[n / 2], values[low < 0 ? 0 : low],
           values[high >= n ? n - 1 : high]);
}

static void put_pass(ergon_probe *probe, const uint32_t *names, const struct ergon_span_values *v)
{
    int64_t t0_ns = ergon_probe_now_ns();
    ergon_probe_pass_begin(probe, t0_ns, ERGON_DECODE, 1, 0);
    for (int i = 0; i < SPANS; i++)
        ergon_probe_span(probe, i / 10, names[i % 10], 0, 1, v);
    ergon_probe_pass_end(probe, t0_ns + 2 * SPANS, ERGON_PASS_TRACED);
    ergon_probe_token(probe, ERGON_DECODE, 0, 1, "token", 5);
    ergon_probe_flush(probe);
}

/* Time of one span: a batch of 10 000 in a pass that is never written. */
static double time_span(ergon_probe *probe, const uint32_t *names,
                        const struct ergon_span_values *v)
{
    enum { BATCH = 10000 };
    ergon_probe_pass_begin(probe, 0, ERGON_DECODE, 1, 0);
    int64_t t0_ns = ergon_probe_now_ns();
    for (int i = 0; i < BATCH; i++)
        ergon_probe_span(probe, i & 31, names[i & 7], names[i & 3], 1, v);
    return (double)(ergon_probe_now_ns() - t0_ns) / BATCH;
}

/* Writes that the passes needed. */
static unsigned long measure(ergon_probe *probe, const uint32_t *names, int batches)
{
    static double bare[MAX_BATCHES], valued[MAX_BATCHES], pass[MAX_BATCHES];
    const struct ergon_span_values v = {1, 2, 3, 4, 5, 0.5f, NAN};
    unsigned long in_passes = 0;
    for (int i = 0; i < batches; i++) {
        bare[i] = time_span(probe, names, NULL);
        valued[i] = time_span(probe, names, &v);
        ergon_probe_drain(probe, 1000); /* what the reader has not taken yet, on a busy machine */
        unsigned long before = writes;
        int64_t t0_ns = ergon_probe_now_ns();
        put_pass(probe, names, NULL);
        pass[i] = (double)(ergon_probe_now_ns() - t0_ns);
        in_passes += writes - before;
    }
    print_median("span", bare, batches);
    print_median("span with statistics", valued, batches);
    print_median("pass of 100 spans and a token", pass, batches);
    printf("%-34s %9.3f\n", "writes per pass", (double)in_passes / batches);
    printf("%-34s %9llu\n", "records dropped", (unsigned long long)ergon_probe_dropped(probe));
    return in_passes;
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && !strcmp(argv[1], "--quick");
    int fds[2], batches = quick ? 101 : MAX_BATCHES;
    uint32_t names[10];
    pthread_t reader;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || pthread_create(&reader, NULL, drain, &fds[1]))
        return 2;
    ergon_probe *probe = ergon_probe_open(fds[0], NULL);
    if (!probe)
        return 2;
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "component %d", i);
        names[i] = ergon_probe_name(probe, name);
    }
    put_pass(probe, names, NULL); /* the names travel with it */
    bool as_promised =
        measure(probe, names, batches) == (unsigned long)batches && !ergon_probe_dropped(probe);
    ergon_probe_close(probe);
    close(fds[0]);
    pthread_join(reader, NULL);
    close(fds[1]);
    return as_promised ? 0 : 1;
}
