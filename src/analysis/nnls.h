/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_NNLS_H
#define ERG_ANALYSIS_NNLS_H

#include <stddef.h>

/*
 * Non-negative least squares: the x ≥ 0 that makes |A·x − b| least, by the active-set method of
 * C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23.
 *
 * Rows come one at a time and are rotated (Givens) into a triangle of columns + 1 rows, which says
 * of A and b all that least squares asks; so any number of them takes the same memory, and the
 * squares of the numbers, which would cost half the digits, are never formed. Columns may differ in
 * size by many orders of magnitude.
 */
enum { ERG_NNLS_COLUMNS = 6 };

struct erg_nnls {
    size_t columns;
    double triangle[ERG_NNLS_COLUMNS + 1][ERG_NNLS_COLUMNS + 1]; /* of A with b behind it */
};

/* `columns` from 1 to ERG_NNLS_COLUMNS. */
void erg_nnls_init(struct erg_nnls *nnls, size_t columns);

/* Add the row a·x = b; `a` has one number per column, all finite. */
void erg_nnls_add(struct erg_nnls *nnls, const double *a, double b);

/* The solution, one number per column, and |A·x − b| as result. Columns that rows say nothing of,
 * or that are combinations of others, may be 0. */
double erg_nnls_solve(const struct erg_nnls *nnls, double *out_x);

/* The gradient Aᵀ(b − A·x) at `x`: at the solution ≤ 0 where x is 0, and 0 elsewhere. */
void erg_nnls_gradient(const struct erg_nnls *nnls, const double *x, double *out_gradient);

#endif
