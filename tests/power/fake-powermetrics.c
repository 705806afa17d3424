/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Stands in for powermetrics (ERGON_POWERMETRICS): it takes the same options and does what
 * ERGON_FAKE_POWERMETRICS says, statements with ';' between them:
 *
 *   doc FILE [N]       the document, N times; a NUL before each but the first
 *   cut FILE BYTES     its beginning
 *   text TEXT          TEXT as it is; words TEXT: on standard error
 *   lacks SAMPLER      refuse that sampler, as a system that does not know it
 *   live CPU_MW GPU_MW [N]  documents of constant power, one every interval, N or for ever
 *   wait FILE          go on once there is such a file
 *   args FILE          write the options there
 *   stall, exit STATUS
 */
static const char *samplers = "", *interval = "1000";
static unsigned documents;

static int64_t number(const char *text)
{
    int64_t value = 0;
    if (!text || erg_parse_i64(text, 0, INT64_MAX, &value, NULL))
        exit(3);
    return value;
}

static void separate(void)
{
    if (documents++)
        putchar('\0');
}

static void print_file(const char *path, int64_t limit)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(3);
    }
    for (int c; limit != 0 && (c = getc(file)) != EOF; limit--)
        putchar(c);
    fclose(file);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Energies are what has been used since the start, in whole mJ, less what has been told. */
static void run_live(int64_t cpu_mw, int64_t gpu_mw, int64_t count)
{
    int64_t period = number(interval) * 1000000, start = now_ns(), before = start;
    int64_t cpu_told = 0, gpu_told = 0;
    for (int64_t i = 1; count < 0 || i <= count; i++) {
        int64_t due = start + i * period;
        for (int64_t left; (left = due - now_ns()) > 0;) {
            struct timespec ts = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
            nanosleep(&ts, NULL);
        }
        int64_t now = now_ns(), ms = (now - start) / 1000;
        int64_t cpu = cpu_mw * ms / 1000000, gpu = gpu_mw * ms / 1000000;
        separate();
        printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n"
               "<key>is_delta</key><true/>\n<key>elapsed_ns</key><integer>%" PRId64 "</integer>\n"
               "<key>hw_model</key><string>Fake1,1</string>\n<key>processor</key>\n<dict>\n"
               "<key>cpu_energy</key><integer>%" PRId64 "</integer>\n"
               "<key>gpu_energy</key><integer>%" PRId64 "</integer>\n</dict>\n"
               "<key>thermal_pressure</key><string>Nominal</string>\n</dict>\n</plist>\n",
               now - before, cpu - cpu_told, gpu - gpu_told);
        fflush(stdout);
        before = now;
        cpu_told = cpu;
        gpu_told = gpu;
    }
}

static void wait_for(const char *path)
{
    struct timespec little = {.tv_nsec = 1000000};
    while (access(path, F_OK) != 0)
        nanosleep(&little, NULL);
}

static void write_options(const char *path, char *argv[])
{
    FILE *file = fopen(path, "wb");
    for (int i = 1; file && argv[i]; i++)
        fprintf(file, "%s%s", i > 1 ? " " : "", argv[i]);
    if (file)
        fclose(file);
}

static void obey(char *statement, char *argv[])
{
    char *save = NULL, *verb = strtok_r(statement, " ", &save);
    char *first = verb ? strtok_r(NULL, " ", &save) : NULL;
    char *second = first ? strtok_r(NULL, " ", &save) : NULL;
    char *third = second ? strtok_r(NULL, " ", &save) : NULL;
    if (!verb)
        return;
    if (strcmp(verb, "doc") == 0) {
        for (int64_t i = second ? number(second) : 1; i > 0; i--) {
            separate();
            print_file(first, -1);
        }
    } else if (strcmp(verb, "cut") == 0) {
        separate();
        print_file(first, number(second));
    } else if (strcmp(verb, "text") == 0) {
        fputs(first, stdout);
    } else if (strcmp(verb, "words") == 0) {
        fprintf(stderr, "%s%s%s%s%s\n", first, second ? " " : "", second ? second : "",
                third ? " " : "", third ? third : "");
    } else if (strcmp(verb, "lacks") == 0 && strstr(samplers, first)) {
        fprintf(stderr, "powermetrics: unrecognized sampler: %s\n", first);
        exit(64);
    } else if (strcmp(verb, "live") == 0) {
        run_live(number(first), number(second), third ? number(third) : -1);
    } else if (strcmp(verb, "wait") == 0) {
        fflush(stdout);
        wait_for(first);
    } else if (strcmp(verb, "args") == 0) {
        write_options(first, argv);
    } else if (strcmp(verb, "stall") == 0) {
        fflush(stdout);
        for (;;)
            pause();
    } else if (strcmp(verb, "exit") == 0) {
        exit((int)number(first));
    }
}

int main(int argc, char *argv[])
{
    const char *script = getenv("ERGON_FAKE_POWERMETRICS");
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--samplers") == 0)
            samplers = argv[i + 1];
        else if (strcmp(argv[i], "-i") == 0)
            interval = argv[i + 1];
    }
    char *copy = strdup(script ? script : "live 2000 500"), *next = copy;
    while (next) {
        char *statement = next;
        next = strchr(statement, ';');
        if (next)
            *next++ = '\0';
        obey(statement, argv);
    }
    free(copy);
    return 0;
}
