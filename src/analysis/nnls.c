/* SPDX-License-Identifier: MIT */
#include "analysis/nnls.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Relative size below which a gradient or a pivot is rounding. */
#define TINY 1e-12

enum { MAX = ERG_NNLS_COLUMNS };

void erg_nnls_init(struct erg_nnls *nnls, size_t columns)
{
    memset(nnls, 0, sizeof *nnls);
    nnls->columns = columns;
}

/* Rotate `row`, of `width` numbers, into the triangle. */
static void rotate_in(double triangle[MAX + 1][MAX + 1], double *row, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        double length = hypot(triangle[i][i], row[i]);
        if (row[i] == 0 || length == 0)
            continue;
        double c = triangle[i][i] / length, s = row[i] / length;
        for (size_t j = i; j < width; j++) {
            double above = triangle[i][j];
            triangle[i][j] = c * above + s * row[j];
            row[j] = c * row[j] - s * above;
        }
    }
}

void erg_nnls_add(struct erg_nnls *nnls, const double *a, double b)
{
    double row[MAX + 1];
    memcpy(row, a, nnls->columns * sizeof *row);
    row[nnls->columns] = b;
    rotate_in(nnls->triangle, row, nnls->columns + 1);
}

static double column_length(const struct erg_nnls *nnls, size_t column)
{
    double length = 0;
    for (size_t i = 0; i <= column; i++)
        length = hypot(length, nnls->triangle[i][column]);
    return length;
}

/* b − A·x, rotated as the triangle is. */
static void residual_of(const struct erg_nnls *nnls, const double *x, double *out)
{
    size_t n = nnls->columns;
    for (size_t i = 0; i <= n; i++) {
        out[i] = nnls->triangle[i][n];
        for (size_t j = i; j < n; j++)
            out[i] -= nnls->triangle[i][j] * x[j];
    }
}

void erg_nnls_gradient(const struct erg_nnls *nnls, const double *x, double *out_gradient)
{
    double residual[MAX + 1];
    residual_of(nnls, x, residual);
    for (size_t j = 0; j < nnls->columns; j++) {
        out_gradient[j] = 0;
        for (size_t i = 0; i <= j; i++)
            out_gradient[j] += nnls->triangle[i][j] * residual[i];
    }
}

/*
 * Ordinary least squares over the columns of `free` only, by rotating these columns of the triangle
 * into one of their own. False when they depend on one another.
 */
static bool solve_free(const struct erg_nnls *nnls, const bool *free, double *out_x)
{
    double triangle[MAX + 1][MAX + 1] = {{0}};
    size_t columns[MAX], count = 0, n = nnls->columns;
    for (size_t j = 0; j < n; j++) {
        out_x[j] = 0;
        if (free[j])
            columns[count++] = j;
    }
    for (size_t i = 0; i <= n; i++) {
        double row[MAX + 1];
        for (size_t j = 0; j < count; j++)
            row[j] = nnls->triangle[i][columns[j]];
        row[count] = nnls->triangle[i][n];
        rotate_in(triangle, row, count + 1);
    }
    for (size_t i = count; i-- > 0;) {
        if (!(fabs(triangle[i][i]) > TINY * column_length(nnls, columns[i])))
            return false;
        double value = triangle[i][count];
        for (size_t j = i + 1; j < count; j++)
            value -= triangle[i][j] * out_x[columns[j]];
        out_x[columns[i]] = value / triangle[i][i];
    }
    return true;
}

/* The column whose growth would help most; the number of columns when none would. */
static size_t choose_column(const struct erg_nnls *nnls, const double *x, const bool *free,
                            const bool *barred)
{
    double gradient[MAX], best = TINY * column_length(nnls, nnls->columns);
    size_t chosen = nnls->columns;
    erg_nnls_gradient(nnls, x, gradient);
    for (size_t j = 0; j < nnls->columns; j++) {
        double length = column_length(nnls, j);
        if (free[j] || barred[j] || !(length > 0) || !(gradient[j] / length > best))
            continue;
        best = gradient[j] / length;
        chosen = j;
    }
    return chosen;
}

/* Go from `x` towards `goal` until the first free column reaches 0, and fix what is 0 then. */
static void step_towards(const double *goal, size_t columns, double *x, bool *free)
{
    double step = 1;
    size_t first = columns;
    for (size_t j = 0; j < columns; j++) {
        if (free[j] && goal[j] <= 0 && x[j] / (x[j] - goal[j]) < step) {
            step = x[j] / (x[j] - goal[j]);
            first = j;
        }
    }
    for (size_t j = 0; j < columns; j++) {
        x[j] += free[j] ? step * (goal[j] - x[j]) : 0;
        if (free[j] && (j == first || x[j] <= 0)) {
            x[j] = 0;
            free[j] = false;
        }
    }
}

static bool all_positive(const double *x, size_t columns, const bool *free)
{
    for (size_t j = 0; j < columns; j++) {
        if (free[j] && x[j] <= 0)
            return false;
    }
    return true;
}

/* Free `column` and find the best x again; false, with x as it was, when it cannot be told apart
 * from those that are free, or would not grow. */
static bool admit(const struct erg_nnls *nnls, size_t column, double *x, bool *free)
{
    double goal[MAX];
    free[column] = true;
    if (!solve_free(nnls, free, goal) || goal[column] <= 0) {
        free[column] = false;
        return false;
    }
    while (!all_positive(goal, nnls->columns, free)) {
        step_towards(goal, nnls->columns, x, free);
        solve_free(nnls, free, goal);
    }
    memcpy(x, goal, nnls->columns * sizeof *x);
    return true;
}

double erg_nnls_solve(const struct erg_nnls *nnls, double *out_x)
{
    bool free[MAX] = {false}, barred[MAX] = {false};
    double x[MAX] = {0}, residual[MAX + 1], length = 0;
    /* Each round lessens the residual, so no set of columns comes twice; rounding might make one.
     */
    for (int round = 0; round < 1 << MAX; round++) {
        size_t column = choose_column(nnls, x, free, barred);
        if (column == nnls->columns)
            break;
        if (admit(nnls, column, x, free))
            memset(barred, 0, sizeof barred);
        else
            barred[column] = true;
    }
    residual_of(nnls, x, residual);
    for (size_t i = 0; i <= nnls->columns; i++)
        length = hypot(length, residual[i]);
    memcpy(out_x, x, nnls->columns * sizeof *x);
    return length;
}
