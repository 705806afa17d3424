/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_ENGINE_STATS_REFERENCE_H
#define ERG_TESTS_ENGINE_STATS_REFERENCE_H

/* The statistics by their definitions, element by element in double, and what the tests share. */
#include "engine/stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELATIVE_ERROR 1e-5

/* The value of an element, from its bits by the definition of its format. */
double reference_element(enum erg_scalar type, const void *element);

/* Store the nearest value of the type (for F16 within its range, else its largest). */
void reference_store(enum erg_scalar type, double value, void *out_element);

void reference_stats(const struct erg_tensor_view *view, const struct erg_rows *rows,
                     double threshold, struct erg_stats *out_stats);

/* By kernels of a level. */
void stats_of(const struct erg_stats_kernels *kernels, const struct erg_tensor_view *view,
              const struct erg_rows *rows, enum erg_stats_part part, double threshold,
              struct erg_stats *out_stats);

/* Both NaN, equal, or within the relative error; `floor` is what rounding may leave of a zero. */
bool near(double expected, double actual, double floor);

/* Fail the test, naming the statistic, unless all that the part covers agree. */
void assert_stats(const char *what, enum erg_stats_part part, const struct erg_stats *expected,
                  const struct erg_stats *actual);

/* A contiguous view of one row. */
struct erg_tensor_view row_view(enum erg_scalar type, const void *data, size_t count);

size_t element_bytes(enum erg_scalar type);

/* Approximately normal with mean 0 and deviation 1. */
double test_normal(uint64_t *state);

/* Print once per program which levels this machine runs and which it lacks. */
void print_levels(void);

#endif
