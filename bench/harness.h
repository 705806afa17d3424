/* SPDX-License-Identifier: MIT */
#ifndef ERG_BENCH_HARNESS_H
#define ERG_BENCH_HARNESS_H

#include "record/engine_process.h"

/* What the benchmarks that run models share. Whatever fails ends the program with a message. */

/* Models of random weights, made once and kept in the build folder. */
enum bench_model { BENCH_MODEL_1B, BENCH_MODEL_TINY };

/* Path and name of one ("llama 1.1 B q4_0, 622 MB"); made when it is not there yet. */
void bench_model_make(enum bench_model which, char path[4096], char name[64]);

/* Start the built engine, as the recorder does. */
void bench_engine_start(struct erg_engine *engine);
/* Send a command and take events, as the recorder does, until a text of a LOG line is `until`.
 * `take` (may be NULL) sees the other LOG lines of level info. */
void bench_engine_ask(struct erg_engine *engine, const char *command, const char *until,
                      void (*take)(void *user, struct erg_text_view text), void *user);

/* Print the processor, how many, the system, and how busy it is. */
void bench_print_machine(void);

enum { BENCH_MOST_VALUES = 20000, BENCH_RESAMPLES = 4000 };

/* Of at most BENCH_MOST_VALUES numbers: their median, and 95 % of the medians of as many drawn from
 * them with replacement, the same ones every time. */
double bench_median(const double *values, int n);
void bench_bootstrap(const double *values, int n, double *out_low, double *out_high);

/* The same of values in rounds, those of a round being alike: whole rounds are drawn. `round`
 * rises; with fewer rounds than BENCH_LEAST_ROUNDS, or NULL, each value is drawn by itself. */
enum { BENCH_LEAST_ROUNDS = 8 };
void bench_bootstrap_rounds(const double *values, const int *round, int n, double *out_low,
                            double *out_high);

/* CPU time of all threads of this program, ns. */
int64_t bench_cpu_ns(void);

__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *fmt, ...);

#endif
